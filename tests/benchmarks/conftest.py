"""Benchmarks take minutes to hours: they are collected only where the command names them."""

import sys

collect_ignore_glob = [] if any("benchmarks" in word for word in sys.argv) else ["test_*.py"]
