"""The memory of JAX on a CPU, kept between updates; TensorFlow keeps its own."""

import ctypes
import os
import sys

_HUGE_PAGES = "glibc.malloc.hugetlb=1"
# The parameters of glibc's mallopt(3): one arena, no mappings for large arrays, nothing given back.
_KEEP = {"M_ARENA_MAX": (-8, 1), "M_MMAP_MAX": (-4, 0), "M_TRIM_THRESHOLD": (-1, 2**31 - 1)}


def keep_memory():
    """Let this process keep the memory that it frees, and those that it starts use huge pages.

    glibc maps every large array anew, and the system fills its pages one by one, which takes XLA
    longer than the arithmetic. Does nothing on other systems, or if the user has set either.
    """
    is_set = any(name.startswith(("GLIBC_TUNABLES", "MALLOC_")) for name in os.environ)
    if sys.platform != "linux" or is_set:
        return
    os.environ["GLIBC_TUNABLES"] = _HUGE_PAGES  # read when a process starts
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    for parameter, value in _KEEP.values() if set_option else ():
        set_option(parameter, value)
