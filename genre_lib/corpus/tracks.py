"""A folder of audio becomes the table of tracks."""

import functools
import hashlib
import os
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.contrib.concurrent import thread_map

from genre_lib.corpus.audio import AUDIO_SUFFIXES, AudioError, read_audio
from genre_lib.waveform import WINDOW

COLUMNS = ["track_id", "genre", "label", "file", "path", "n_samples", "status", "detail", "sha256"]

# GTZAN is laid out as genres/<genre>/ or, on Kaggle, as Data/genres_original/<genre>/.
_DEEPEST_GENRE_ROOT = 2

# Controls, halves of characters, ends of lines and of paragraphs: no text to show or to store.
_NO_TEXT = {"Cc", "Cs", "Zl", "Zp"}


class CorpusError(ValueError):
    """A folder that is no corpus; the message says what was expected and what to do."""


def load_corpus(folder, *, min_samples=WINDOW, progress=True):
    """Find the tracks below a folder, read each once, and say which can be used.

    The layouts in which GTZAN is handed on are all understood: ``genres/<genre>/*.au`` or
    ``*.wav``, Kaggle's ``Data/genres_original/<genre>/``, and plain ``<genre>/``; the folder may
    be given at any of these levels. A broken file never raises: its row says what is wrong.

    Parameters
    ----------
    folder : str or Path
        Where the audio is.
    min_samples : int
        A track with fewer samples (at 22 050 Hz) has the status ``"too short"``; the window.
    jobs : int
        Threads that decode, as joblib counts them.
    progress : bool
        Show a progress bar.

    Returns
    -------
    pandas.DataFrame
        One row a track, sorted by genre and track, with the columns

        - ``track_id`` (``"blues.00000"``), ``genre``, ``label`` (the genre's place in the
          alphabet, from 0),
        - ``file`` (relative to `folder`) and ``path`` (absolute); a byte that is no UTF-8, a line
          break and the like are written as escapes (``\\xe9``, ``\\n``) everywhere but in ``path``,
        - ``n_samples`` at 22 050 Hz, 0 where the file cannot be decoded,
        - ``status``: ``"ok"``, or why the track is left out: ``"undecodable"``, ``"empty"``,
          ``"not finite"``, ``"too long"``, ``"silent"``, ``"too short"``, ``"second file"``,
        - ``detail``: the reason in words,
        - ``sha256`` of the decoded samples, empty where there are none.

    Raises
    ------
    CorpusError
        If there is no folder, or no genre folder with audio in it, or one cannot be read.
    """
    folder = Path(folder).expanduser()
    tracks = _list_tracks(folder)
    found = thread_map(
        functools.partial(_inspect, min_samples=min_samples),
        tracks["path"],
        desc="Reading",
        unit="track",
        disable=not progress,
    )
    tracks = pd.concat([tracks, pd.DataFrame(found)], axis=1)
    second = tracks["track_id"].duplicated()
    first = tracks.drop_duplicates("track_id").set_index("track_id")["file"]
    tracks.loc[second, "status"] = "second file"
    tracks.loc[second, "detail"] = "the track is already read from " + tracks.loc[
        second, "track_id"
    ].map(first)
    return tracks[COLUMNS]


def usable(corpus):
    """Return the rows that can be trained on.

    Parameters
    ----------
    corpus : pandas.DataFrame
        As from `load_corpus`.

    Returns
    -------
    pandas.DataFrame
        The rows with status ``"ok"``, with a new RangeIndex.
    """
    return corpus[corpus["status"] == "ok"].reset_index(drop=True)


def describe_left_out(corpus):
    """Say how many files of a corpus are left out and why, with the first of each kind.

    Parameters
    ----------
    corpus : pandas.DataFrame
        As from `load_corpus`.

    Returns
    -------
    str
        In one line: ``"2 of 9 files are left out: 2 too short (pop/a.wav: 8 samples, ...)"``.
    """
    left_out = corpus[corpus["status"] != "ok"]
    kinds = [
        f"{len(files)} {status} ({files['file'].iloc[0]}: {files['detail'].iloc[0]})"
        for status, files in left_out.groupby("status")
    ]
    counted = f"{len(left_out)} of {len(corpus)} files are left out"
    return ": ".join([counted, ", ".join(kinds)] if kinds else [counted])


def digest(samples):
    """Return the SHA-256 of the int16 samples of a track, in hexadecimal digits."""
    return hashlib.sha256(samples.astype("<i2", copy=False)).hexdigest()


def genre_names(corpus):
    """Return the genres in the order of their labels, as a list of str."""
    return list(corpus.drop_duplicates("label").sort_values("label")["genre"])


def fingerprint(corpus):
    """Identify the usable audio of a corpus, wherever it lies and in whatever container.

    Parameters
    ----------
    corpus : pandas.DataFrame
        As from `load_corpus`.

    Returns
    -------
    str
        16 hexadecimal digits: the beginning of the SHA-256 of every usable track's id, genre
        and samples.
    """
    lines = usable(corpus)[["track_id", "genre", "sha256"]].agg("\t".join, axis=1).sort_values()
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _list_tracks(folder):
    if not folder.is_dir():
        came = "a file, and no folder" if folder.is_file() else "no such folder"
        raise CorpusError(
            f"{folder}: {came}. Expected the folder with GTZAN's genre folders in it; "
            "check the path, or leave DATA empty to use the demo corpus."
        )
    rows = [
        (
            _track_id(genre, _text(path.stem)),
            genre,
            _text(path.relative_to(folder)),
            str(path.resolve()),
        )
        for genre_folder in _genre_folders(folder)
        for genre in [_genre_name(_text(genre_folder.name))]
        for path in _audio_files(genre_folder)
    ]
    tracks = pd.DataFrame(rows, columns=["track_id", "genre", "file", "path"])
    tracks = tracks.sort_values(["genre", "track_id", "file"], ignore_index=True)
    tracks.insert(2, "label", pd.Categorical(tracks["genre"]).codes.astype(np.int64))
    return tracks


def _genre_folders(folder):
    level = [folder]
    for _ in range(_DEEPEST_GENRE_ROOT + 1):
        children = {parent: _subfolders(parent) for parent in level}
        for parent in level:
            genres = [child for child in children[parent] if _audio_files(child)]
            if genres:
                return genres
        level = [child for parent in level for child in children[parent]]
    hint = (
        " The audio lies in the folder itself: give the folder above it."
        if _audio_files(folder)
        else ""
    )
    raise CorpusError(
        f"{folder}: no genre folder with audio in it. Expected genres/<genre>/, "
        "Data/genres_original/<genre>/ or <genre>/ with wav, au, flac, ogg or mp3 files." + hint
    )


def _subfolders(folder):
    return _entries(folder, lambda path: not path.name.startswith("_") and path.is_dir())


def _audio_files(folder):
    return _entries(folder, lambda path: path.suffix.lower() in AUDIO_SUFFIXES and path.is_file())


def _entries(folder, wanted):
    # "._name" are the resource forks that macOS leaves in archives: not audio, whatever the suffix.
    try:
        return sorted(p for p in folder.iterdir() if not p.name.startswith(".") and wanted(p))
    except OSError as error:
        raise CorpusError(
            f"{folder}: cannot be read ({error.strerror}). Expected a folder whose files may be "
            "listed and read; give yourself the right to, or take it out of the corpus."
        ) from error


def _text(name):
    """Return a file name as text of one line, with escapes for what is no text."""
    decoded = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in _NO_TEXT
        else character
        for character in decoded
    )


def _genre_name(folder_name):
    plain = folder_name.lower().replace("-", "").replace("_", "").replace(" ", "")
    return "hiphop" if plain == "hiphop" else folder_name


def _track_id(genre, stem):
    prefix, _, rest = stem.partition(".")
    if rest and _genre_name(prefix) == genre:
        return f"{genre}.{rest}"
    return f"{genre}.{stem}"


def _inspect(path, min_samples):
    row = {"n_samples": 0, "status": "ok", "detail": "", "sha256": ""}
    try:
        samples = read_audio(path)
    except AudioError as error:
        return row | {"status": error.reason, "detail": error.detail}
    row["n_samples"] = len(samples)
    row["sha256"] = digest(samples)
    if np.ptp(samples) == 0:
        row |= {"status": "silent", "detail": f"all {len(samples)} samples are {samples[0]}"}
    elif len(samples) < min_samples:
        row |= {
            "status": "too short",
            "detail": f"{len(samples)} samples, one segment needs {min_samples}",
        }
    return row
