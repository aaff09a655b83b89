"""Describe what a number was computed with: versions, commit, machine."""

import collections
import contextlib
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import psutil

PACKAGES = ("keras", "tensorflow", "jax", "numpy", "librosa", "soundfile", "scikit-learn", "pandas")


def versions():
    """Return the versions of Python and of the installed packages that shape a run."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def commit():
    """Return the commit of the source, marked ``(changed)`` if files differ, or ``"unknown"``."""
    root = Path(__file__).resolve().parent.parent

    # Without these options, git would also search the folders above, and find another repository.
    place = f"--git-dir={root / '.git'}", f"--work-tree={root}"
    # A hook, for example, points git at another repository or index.
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}

    def git(*arguments):
        return subprocess.run(
            ["git", *place, *arguments], capture_output=True, text=True, check=True, env=env
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=10", "HEAD") + (" (changed)" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def without_home(text):
    """Replace the home folder in a text with ``~``, so that it can be shown to others."""
    home = os.path.expanduser("~")  # noqa: PTH111 (Path.home() raises an error if there is none)
    if home == Path(home).anchor:
        return text
    # On Windows, errors show paths as Python writes them in code, with twice as many backslashes.
    return text.replace(repr(home)[1:-1], "~").replace(home, "~")


def machine():
    """Describe the machine anonymously: ``system``, ``processor``, ``memory``."""
    memory = psutil.virtual_memory().total / 2**30
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": f"{os.cpu_count()} cores",
        "memory": f"{memory:.0f} GiB",
    }


def describe_computations(results):
    """Say what runs were computed on: ``"CPU: tensorflow, float32, not compiled (3 runs)"``."""
    counts = collections.Counter(_describe_computation(result.facts) for result in results)
    named = (f"{name} ({count} run{'s' * (count > 1)})" for name, count in counts.most_common())
    return "; ".join(named) or "no run"


def _describe_computation(facts):
    computation = facts.get("computation")
    if computation is None:  # an earlier version kept only the backend
        return facts["backend"]
    compiled = "compiled" if computation["compiled"] else "not compiled"
    return "{device}: {backend}, {precision}, ".format(**computation) + compiled
