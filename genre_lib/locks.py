"""Locks: one process at a time, and the others know which. A lock ends with its process."""

import contextlib
import datetime
import errno
import fcntl
import json
import os
import socket
import sys
import warnings

from tqdm import tqdm

_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


@contextlib.contextmanager
def locked(path):
    """Hold a lock while the block runs; where another process holds it, say which, and wait.

    The operating system releases the lock of a process that ends, however it ends, so one that a
    dead process has left is taken over. What is written in the file is for people alone.

    Parameters
    ----------
    path : Path
        Of the lock, a small file that is there while the lock is held. Its folder is made.

    Raises
    ------
    OSError
        If the file cannot be made.

    Warns
    -----
    UserWarning
        If the file system knows no locks; the block then runs without.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = _take(path)
    try:
        file.truncate(0)
        file.write(json.dumps(_this_process()))
        file.flush()
        yield
    finally:
        path.unlink(missing_ok=True)
        file.close()


def _take(path):
    while True:
        file = path.open("a+")
        _wait_for(file, path)
        # Whoever held it before has removed its file, and a third may hold a new one there.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        file.close()


def _wait_for(file, path):
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        tqdm.write(f"{path} is held by {_holder(file)}: waiting for it to end.", file=sys.stderr)
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        warnings.warn(
            f"{path.parent}: this file system knows no locks ({error.strerror}). Let no two calls "
            "write there at once.",
            stacklevel=4,
        )


def _this_process():
    since = datetime.datetime.now().astimezone().isoformat(" ", "seconds")
    return {"process": os.getpid(), "host": socket.gethostname(), "since": since}


def _holder(file):
    try:
        file.seek(0)
        holder = json.load(file)
        return f"process {holder['process']} on {holder['host']} since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
