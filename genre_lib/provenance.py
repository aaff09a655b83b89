"""What a number was made with: versions, commit, machine."""

import collections
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import psutil

PACKAGES = ("keras", "tensorflow", "jax", "numpy", "librosa", "soundfile", "scikit-learn", "pandas")


def versions():
    """Return the versions of Python and of the packages that shape a run.

    Returns
    -------
    dict of str to str
        Packages that are not installed are left out.
    """
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def commit():
    """Return the commit of the source, with ``" (changed)"`` behind it where files differ.

    Returns
    -------
    str
        ``"unknown"`` where the package does not lie in a git checkout.
    """
    root = Path(__file__).resolve().parent.parent

    def git(*arguments):
        return subprocess.run(
            ["git", "-C", root, *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=10", "HEAD") + (" (changed)" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def without_home(text):
    """Return a text that may be shown to others: the home folder in it is ``~``.

    Parameters
    ----------
    text : str
        The message of an error, say, with paths of this machine.

    Returns
    -------
    str
    """
    home = Path.home()
    return text if home == Path(home.anchor) else text.replace(str(home), "~")


def machine():
    """Describe the machine without naming it.

    Returns
    -------
    dict of str to str
        ``system``, ``processor``, ``memory``.
    """
    memory = psutil.virtual_memory().total / 2**30
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": f"{os.cpu_count()} cores",
        "memory": f"{memory:.0f} GiB",
    }


def describe_computations(results):
    """Say what some runs were computed on, and in what precision.

    Parameters
    ----------
    results : iterable of RunResult

    Returns
    -------
    str
        ``"NVIDIA H100: jax, mixed_bfloat16, compiled (30 runs)"``; more than one such, the most
        frequent first, where runs differ. Of a run that was kept without this, the backend.
    """
    counts = collections.Counter(_describe_computation(result.facts) for result in results)
    named = (f"{name} ({count} run{'s' * (count > 1)})" for name, count in counts.most_common())
    return "; ".join(named) or "no run"


def _describe_computation(facts):
    computation = facts.get("computation")
    if computation is None:
        return facts["backend"]
    compiled = "compiled" if computation["compiled"] else "not compiled"
    return "{device}: {backend}, {precision}, ".format(**computation) + compiled
