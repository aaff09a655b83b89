"""The memory of JAX on a CPU, kept between updates; TensorFlow keeps its own."""

import ctypes
import os
import sys

_HUGE_PAGES = "glibc.malloc.hugetlb=1"
# The parameters of glibc's mallopt(3): one arena, no mappings for large arrays, nothing given back.
_KEEP = {"M_ARENA_MAX": (-8, 1), "M_MMAP_MAX": (-4, 0), "M_TRIM_THRESHOLD": (-1, 2**31 - 1)}


def keep_memory():
    """Let this process keep the memory that it frees, and those that it starts use huge pages.

    By default, glibc gives the memory of a large array back to the system and has to ask for it
    again. On JAX, the page faults that follow take a third of the time of an update. Does nothing
    on other systems, or if the user has set either.
    """
    is_set = any(name.startswith(("GLIBC_TUNABLES", "MALLOC_")) for name in os.environ)
    if sys.platform != "linux" or is_set:
        return
    os.environ["GLIBC_TUNABLES"] = _HUGE_PAGES  # read when a process starts
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    for parameter, value in _KEEP.values() if set_option else ():
        set_option(parameter, value)
