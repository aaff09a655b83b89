"""The memory of a process on JAX is kept, and nobody else's settings change."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")

pytestmark = [
    pytest.mark.skipif(
        platform.libc_ver()[0] != "glibc", reason="only glibc's allocator has these settings"
    ),
    pytest.mark.skipif(
        HUGE_PAGES.is_file() and "[always]" in HUGE_PAGES.read_text(),
        reason="with huge pages everywhere, few pages are filled in any case",
    ),
]

PROGRAM = """
import os, resource, genre_lib, keras

def faults():  # of pages that are filled for a new array of 64 MiB
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    b"x" * 2**26  # NumPy asks for huge pages by itself
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(faults() < 1000, os.environ.get("GLIBC_TUNABLES"))
"""


def begin(backend, **settings):
    """Say whether a process fills no pages a second time, and what those it starts are told."""
    mine = {
        name: v for name, v in os.environ.items() if "MALLOC" not in name and "GLIBC" not in name
    }
    environment = mine | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"} | settings
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_jax_keeps_its_memory_and_processes_that_it_starts_use_huge_pages():
    assert begin("jax") == ["True", "glibc.malloc.hugetlb=1"]


def test_tensorflow_is_left_alone():
    assert begin("tensorflow") == ["False", "None"]


def test_what_the_user_has_set_stays():
    assert begin("jax", MALLOC_MMAP_THRESHOLD_="1000000") == ["False", "None"]
