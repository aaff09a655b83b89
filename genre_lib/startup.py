"""Suppress what libraries print, and load, as they start and nobody needs."""

import contextlib
import functools
import gc
import importlib.abc
import logging
import os
import re
import sys
import tempfile

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"  # of TensorFlow and XLA: 0 prints all, 3 only fatal errors


def is_verbose():
    """Return whether the user has asked to see everything that is printed."""
    return bool(os.environ.get("GENRE_VERBOSE"))


def ask_for_everything():
    """Let this process and its child processes show everything that is printed."""
    os.environ["GENRE_VERBOSE"] = "1"
    logging.getLogger("tensorflow").setLevel(logging.NOTSET)
    if os.environ.get(_LEVEL) == "3":  # the user has set any other value
        del os.environ[_LEVEL]


def quieten_tensorflow():
    """Let TensorFlow and XLA print only fatal errors, unless the user has set another level."""
    if not is_verbose():
        os.environ.setdefault(_LEVEL, "3")
        # It warns of compiling many networks, but every run needs its own.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
    sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    """Finds modules as the other finders do, and changes how some of them load."""

    def find_spec(self, name, path=None, target=None):
        if (around := _AROUND.get(name)) is None:
            return None
        others = [finder for finder in sys.meta_path if finder is not self]
        found = (finder.find_spec(name, path, target) for finder in others)
        if spec := next(filter(None, found), None):
            spec.loader.exec_module = around()(spec.loader.exec_module)
        return spec


@contextlib.contextmanager
def _without(name):
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None
    try:
        yield
    finally:
        del sys.modules[name]  # afterwards, it can be imported as usual


@contextlib.contextmanager
def _filtered_stderr():
    level = os.environ.get(_LEVEL, "")
    hidden = "IWE"[: int(level)] if level.isdecimal() else ""
    if not hidden or sys.stderr is None:
        yield
        return
    greeting = re.compile(rb"[%b]\d{4} |WARNING: All log messages before absl::" % hidden.encode())
    with tempfile.TemporaryFile() as file:
        try:
            with stderr_to(file):
                yield
        finally:
            file.seek(0)
            os.write(2, b"".join(line for line in file if not greeting.match(line)))


@contextlib.contextmanager
def _without_collection():
    """Search for no garbage: half a million objects are loaded, which all stay."""
    is_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_enabled:
            gc.enable()


@contextlib.contextmanager
def _for_good():
    """Never search for garbage among what is loaded."""
    with _without_collection():
        yield
        gc.freeze()


# TensorFlow computes, but some load JAX if it is installed: 100 MB and two seconds in each process.
_without_jax = functools.partial(_without, "jax")
_AROUND = {
    "keras": _without_collection,
    # In a notebook, nothing else helps: TensorFlow prints lines before it reads its level.
    "tensorflow": _filtered_stderr,
    "tensorflow.lite.python.util": _without_jax,
    "keras.src.callbacks.orbax_checkpoint": _without_jax,
}


def load_less():
    """Let libraries load without what only a user may want, in a process that is the project's own.

    What is saved is nearly half of the time that Keras takes to load, and a twelfth of a short run.
    """
    _AROUND["keras"] = _for_good
    _AROUND["keras.src.wrappers"] = functools.partial(_without, "sklearn")
    for name in ("keras.src.visualization", "keras.visualization"):
        _AROUND[name] = functools.partial(_without, "matplotlib")
    # It compiles a grammar of internationalised addresses, which no notebook holds.
    _AROUND["jsonschema._format"] = functools.partial(_without, "rfc3987_syntax")


@contextlib.contextmanager
def stderr_to(file):
    """Redirect all that this process writes to stderr, from C++ too, to a file during the block."""
    stderr = os.dup(2)
    try:
        os.dup2(file.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
