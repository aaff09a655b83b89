"""Decode each file of a folder once, and keep what was found until the file changes."""

import contextlib
import functools
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import soundfile
import soxr

from genre_lib.corpus.audio import AudioError, read_audio
from genre_lib.corpus.tags import read_tags
from genre_lib.files import locked, whole_file
from genre_lib.progress import thread_map

LOCK, DECODED = ".stores.lock", "decoded"
FOUND = ["n_samples", "status", "detail", "sha256", "artist", "title"]

# Another version may read a file differently.
_READER = f"2, libsndfile {soundfile.__libsndfile_version__}, soxr {soxr.__version__}"


def digest(samples):
    """Return the SHA-256 of int16 samples, in hexadecimal digits."""
    return hashlib.sha256(samples.astype("<i2", copy=False)).hexdigest()


def read_files(paths, folder, cache=None, progress=True):
    """Return what is found in each file, as lists in the order of `FOUND`.

    With a folder `cache`, only files that are new or changed since the last call for the same
    `folder` are decoded; their samples stay in `cache` until the store is built from them.
    """
    look = {"desc": "Reading", "unit": "track", "progress": progress}
    if cache is None:
        return thread_map(_inspect, paths, **look)
    name = hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:16]
    place = Path(cache) / f"read-{name}.json"
    found = _recall(place, paths)
    if None in found:
        with locked(place.with_name(LOCK)):
            found = _recall(place, paths)  # another process may have read them meanwhile
            read = functools.partial(_read_new, place.with_name(DECODED))
            found = thread_map(read, paths, found, **look)
            text = json.dumps(dict(zip(paths, found, strict=True)))
            with whole_file(place) as beside:
                beside.write_text(f"{_sign(text)}\n{text}")
    return [facts for _, facts in found]


def _recall(place, paths):
    """Return the stamp of each file and what was found in it; None for a file yet to be read."""
    try:
        signature, _, text = place.read_text().partition("\n")
    except (OSError, ValueError):
        signature = text = ""
    known = json.loads(text) if signature == _sign(text) else {}
    rows = {path: known.get(path) for path in paths}
    return [row if row and row[0] == _stamp(path) else None for path, row in rows.items()]


def _sign(text):
    return hashlib.sha256(f"{_READER}\n{text}".encode()).hexdigest()


def _stamp(path):
    """Return what changes when a file is changed, replaced or made readable; None if it is gone."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _read_new(decoded, path, row):
    # The stamp comes first: a file that changes while it is read is read again next time.
    return row or [_stamp(path), _inspect(path, decoded)]


def _inspect(path, decoded=None):
    try:
        samples = read_audio(path)
    except AudioError as error:
        return [0, error.reason, error.detail, "", "", ""]
    n, sha256, tags = len(samples), digest(samples), read_tags(path)
    if np.ptp(samples) == 0:
        return [n, "silent", f"all {n} samples are {samples[0]}", sha256, *tags]
    if decoded:
        # The reader compares the digest, and decodes the file again if they are incomplete.
        with contextlib.suppress(OSError):
            decoded.mkdir(parents=True, exist_ok=True)
            np.save(decoded / f"{sha256}.npy", samples)
    return [n, "ok", "", sha256, *tags]
