"""Write files and folders completely or not at all, by one process at a time."""

import contextlib
import datetime
import errno
import hashlib
import json
import os
import shutil
import socket
import sys
import tempfile
import warnings
from pathlib import Path

from filelock import FileLock, Timeout
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
"""The project's folder: that of the notebooks, the report, and what is kept."""

_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
_SHORT_WAIT = 1  # second; who opens two notebooks at once need not be told


@contextlib.contextmanager
def whole_file(path):
    """Yield a path beside `path` to write to; it replaces `path` if the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{_prefix(path)}{os.getpid()}")
    try:
        yield beside
        with beside.open("rb+") as file:
            # Otherwise a file system may rename before it writes, and a power cut takes both.
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


@contextlib.contextmanager
def whole_folder(path):
    """Yield a new folder beside `path` to fill; it replaces `path` if the block succeeds."""
    with scratch_folder(path) as beside:
        yield beside
        beside.chmod(0o755)
        if path.exists():
            old = Path(tempfile.mkdtemp(prefix=_prefix(path), dir=path.parent))
            path.rename(old / path.name)
            beside.rename(path)
            shutil.rmtree(old, ignore_errors=True)
        else:
            beside.rename(path)


@contextlib.contextmanager
def scratch_folder(path):
    """Yield a new folder beside `path` to work in; it is removed when the block ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=_prefix(path), dir=path.parent))
    try:
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def remove_leftovers(path):
    """Remove what killed processes left beside `path`; call it while no process writes there."""
    for leftover in path.parent.glob(f"{_prefix(path)}*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def _prefix(path):
    # Beside, because a rename is atomic only within a file system; hidden from those who list.
    return f".{path.name.lstrip('.')}-"


def checksum(path):
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def locked(path):
    """Hold a lock while the block runs; after a short wait, say which process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The operating system releases the lock of a process that ends, however it ends. A lock that
    # consists of a file alone would outlive it, so on a file system without locks there is none.
    lock = FileLock(path, fallback_to_soft=False)
    note = path.with_name(f"{path.name}.holder")
    _acquire(lock, path, note)
    try:
        since = datetime.datetime.now().astimezone().isoformat(" ", "seconds")
        holder = {"process": os.getpid(), "host": socket.gethostname(), "since": since}
        note.write_text(json.dumps(holder))
        yield
    finally:
        for file in (note, path):  # a waiting process notices, and creates a new lock
            with contextlib.suppress(OSError):
                file.unlink()
        lock.release()


def _acquire(lock, path, note):
    try:
        lock.acquire(timeout=_SHORT_WAIT)
    except Timeout:
        tqdm.write(f"{path}: held by {_holder(note)}; waiting for it to finish.", file=sys.stderr)
        lock.acquire()
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        warnings.warn(
            f"{path.parent}: this file system does not support locks ({error.strerror}). Make "
            "sure that no two calls write there at once.",
            stacklevel=5,
        )


def _holder(note):
    try:
        holder = json.loads(note.read_text())
        return f"process {holder['process']} on {holder['host']} since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
