"""Turn a folder of audio into a table of tracks."""

import functools
import hashlib
import os
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd

from genre_lib.corpus.audio import AUDIO_SUFFIXES, AudioError, read_audio
from genre_lib.progress import thread_map
from genre_lib.waveform import SAMPLE_RATE, WINDOW

COLUMNS = ["track_id", "genre", "label", "file", "path", "n_samples", "status", "detail", "sha256"]

_DEEPEST_GENRE_ROOT = 2  # levels; on Kaggle, genres lie in Data/genres_original/
_NOT_TEXT = {"Cc", "Cs", "Zl", "Zp"}  # controls, surrogates, line and paragraph separators


class CorpusError(ValueError):
    """A folder that is not a corpus; the message says what was expected and what to do."""


def load_corpus(folder, *, min_samples=WINDOW, progress=True):
    """Find the tracks in a folder, read each of them once, and say which can be used.

    All layouts in which GTZAN is distributed are understood: ``genres/<genre>/``, Kaggle's
    ``Data/genres_original/<genre>/``, and plain ``<genre>/``; `folder` may be at any of these
    levels. A broken file never raises an error: its row says what is wrong. A folder that is not a
    corpus raises CorpusError.

    Parameters
    ----------
    folder : str or Path, the folder with the audio
    min_samples : int, fewest samples (at 22 050 Hz) of a track that is not ``"too short"``
    progress : bool, whether to show a progress bar

    Returns
    -------
    pandas.DataFrame, one row per track, sorted by genre and track
        ``track_id`` (``"blues.00000"``), ``genre``, ``label`` (the genre's alphabetical rank),
        ``file`` (relative to `folder`), ``path`` (absolute; in the other columns, bytes that are
        not UTF-8 and control characters are escaped), ``n_samples`` (at 22 050 Hz; 0 if the file
        cannot be decoded), ``status``, ``detail`` (the status in words) and ``sha256`` (of the
        decoded samples, or empty). The status is ``"ok"``, or why the track is left out:
        ``"undecodable"``, ``"empty"``, ``"not finite"``, ``"too long"``, ``"silent"``,
        ``"too short"`` or ``"second file"``.

    Examples
    --------
    >>> load_corpus("path/to/gtzan").groupby("genre")["status"].value_counts()  # doctest: +SKIP
    """
    tracks = _list_tracks(Path(folder).expanduser())
    inspect = functools.partial(_inspect, min_samples=min_samples)
    found = thread_map(inspect, tracks["path"], desc="Reading", unit="track", progress=progress)
    tracks = pd.concat([tracks, pd.DataFrame(found)], axis=1)
    second = tracks["track_id"].duplicated()
    first = tracks.groupby("track_id")["file"].transform("first")
    tracks.loc[second, "status"] = "second file"
    tracks.loc[second, "detail"] = "the track is already read from " + first[second]
    return tracks[COLUMNS]


def usable(corpus):
    """Return the tracks of a corpus whose status is ``"ok"``, with a new index."""
    return corpus[corpus["status"] == "ok"].reset_index(drop=True)


def count_tracks(corpus):
    """Count the files found and the tracks used in each genre.

    Parameters
    ----------
    corpus : pandas.DataFrame from `load_corpus`

    Returns
    -------
    pandas.DataFrame, one row per genre with a usable track
        ``genre``, ``files`` (all), ``tracks`` (usable), and the seconds of the ``shortest`` and the
        ``longest`` usable track.

    Examples
    --------
    >>> count_tracks(load_corpus("path/to/gtzan"))  # doctest: +SKIP
    """
    tracks = usable(corpus)
    seconds = (tracks["n_samples"] / SAMPLE_RATE).groupby(tracks["genre"])
    counts = seconds.agg(tracks="size", shortest="min", longest="max")
    counts.insert(0, "files", corpus.groupby("genre").size())
    return counts.reset_index()


def describe_left_out(corpus):
    """Say in one line how many files are left out and why, with the first file of each status."""
    # "2 of 9 files are left out: 2 too short (pop/a.wav: 8 samples, one segment needs 59049)"
    left_out = corpus[corpus["status"] != "ok"]
    kinds = [
        f"{len(files)} {status} ({files['file'].iloc[0]}: {files['detail'].iloc[0]})"
        for status, files in left_out.groupby("status")
    ]
    counted = f"{len(left_out)} of {len(corpus)} files are left out"
    return f"{counted}: {', '.join(kinds)}" if kinds else counted


def digest(samples):
    """Return the SHA-256 of int16 samples, in hexadecimal digits."""
    return hashlib.sha256(samples.astype("<i2", copy=False)).hexdigest()


def genre_names(corpus):
    """List the genres in the order of their labels."""
    return list(corpus.drop_duplicates("label").sort_values("label")["genre"])


def fingerprint(corpus):
    """Identify the usable audio of a corpus, in any place and container, by 16 hex digits."""
    # The beginning of the SHA-256 of every usable track's id, genre and samples.
    lines = usable(corpus)[["track_id", "genre", "sha256"]].agg("\t".join, axis=1).sort_values()
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _list_tracks(folder):
    if not folder.is_dir():
        found = "a file, not a folder" if folder.is_file() else "no such folder"
        raise CorpusError(
            f"{folder}: {found}. Expected the folder with GTZAN's genre folders in it; "
            "check the path, or leave DATA empty to use the demo corpus."
        )
    rows = []
    for genre_folder in _genre_folders(folder):
        genre = _genre_name(_text(genre_folder.name))
        for path in _audio_files(genre_folder):
            track_id, file = _track_id(genre, _text(path.stem)), _text(path.relative_to(folder))
            rows.append((track_id, genre, file, str(path.resolve())))
    tracks = pd.DataFrame(rows, columns=["track_id", "genre", "file", "path"])
    tracks = tracks.sort_values(["genre", "track_id", "file"], ignore_index=True)
    tracks["label"] = pd.Categorical(tracks["genre"]).codes.astype(np.int64)
    return tracks


def _genre_folders(folder):
    level = [folder]
    for _ in range(_DEEPEST_GENRE_ROOT + 1):
        below = []
        for parent in level:
            children = _entries(parent, lambda path: path.name[0] != "_" and path.is_dir())
            if genres := [child for child in children if _audio_files(child)]:
                return genres
            below += children
        level = below
    message = (
        f"{folder}: no genre folder with audio in it. Expected genres/<genre>/, "
        "Data/genres_original/<genre>/ or <genre>/ with wav, au, flac, ogg or mp3 files."
    )
    if _audio_files(folder):
        message += " The audio is in the folder itself: give the folder above it."
    raise CorpusError(message)


def _audio_files(folder):
    return _entries(folder, lambda path: path.suffix.lower() in AUDIO_SUFFIXES and path.is_file())


def _entries(folder, wanted):
    # Archives made on macOS hold resource forks: "._name" beside a file, or below "__MACOSX".
    try:
        return sorted(p for p in folder.iterdir() if not p.name.startswith(".") and wanted(p))
    except OSError as error:
        raise CorpusError(
            f"{folder}: cannot be read ({error.strerror}). Expected a folder whose files can be "
            "listed and read; change its permissions, or take it out of the corpus."
        ) from error


def _text(name):
    """Return a file name as one line of text, with escapes for what is not text."""
    decoded = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in _NOT_TEXT else c
        for c in decoded
    )


def _genre_name(folder_name):
    plain = folder_name.lower().replace("-", "").replace("_", "").replace(" ", "")
    return "hiphop" if plain == "hiphop" else folder_name


def _track_id(genre, stem):
    prefix, _, rest = stem.partition(".")
    return f"{genre}.{rest}" if rest and _genre_name(prefix) == genre else f"{genre}.{stem}"


def _inspect(path, min_samples):
    row = {"n_samples": 0, "status": "ok", "detail": "", "sha256": ""}
    try:
        samples = read_audio(path)
    except AudioError as error:
        return row | {"status": error.reason, "detail": error.detail}
    n = len(samples)
    row |= {"n_samples": n, "sha256": digest(samples)}
    if np.ptp(samples) == 0:
        row |= {"status": "silent", "detail": f"all {n} samples are {samples[0]}"}
    elif n < min_samples:
        row |= {"status": "too short", "detail": f"{n} samples, one segment needs {min_samples}"}
    return row
