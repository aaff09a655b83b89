"""Turn a folder of audio into a table of tracks."""

import hashlib
import os
import unicodedata
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from genre_lib.corpus.audio import AUDIO_SUFFIXES
from genre_lib.corpus.reading import FOUND, read_files
from genre_lib.corpus.tags import clean_name
from genre_lib.waveform import SAMPLE_RATE, WINDOW

COLUMNS = ["track_id", "genre", "label", "file", "path", *FOUND]
ARTISTS = "artists.csv"

_NAMES = ("artist", "title")
_NOT_TEXT = {"Cc", "Cs", "Zl", "Zp"}  # controls, surrogates, line and paragraph separators


class CorpusError(ValueError):
    """A folder that is not a corpus; the message says what was expected and what to do."""


def load_corpus(folder, *, min_samples=WINDOW, progress=True, cache=None):
    """Find the tracks in a folder, read each of them once, and say which can be used.

    It reads all layouts in which GTZAN is distributed: ``genres/<genre>/``, Kaggle's
    ``Data/genres_original/<genre>/``, and plain ``<genre>/``; `folder` may be at any of these
    levels. A genre may have subfolders, one per artist for example. A broken file never raises an
    error: its row says what is wrong. A folder that is not a corpus, or whose layout is ambiguous,
    raises CorpusError.

    Artists and titles come from the files' tags, unless a CSV table in `folder` (``artists.csv`` or
    another) names them in the columns ``track_id``, ``artist`` and, optionally, ``title``.

    Parameters
    ----------
    folder : str or Path, the folder with the audio
    min_samples : int, fewest samples (at 22 050 Hz) of a track that is not ``"too short"``
    progress : bool, whether to show a progress bar
    cache : str or Path, a folder that keeps what was read, so that unchanged files are not decoded
        again; by default nothing is kept

    Returns
    -------
    pandas.DataFrame, one row per track, sorted by genre and track
        ``track_id`` (``"blues.00000"``), ``genre``, ``label`` (the genre's alphabetical rank),
        ``file`` (relative to `folder`), ``path`` (absolute; in the other columns, bytes that are
        not UTF-8 and control characters are escaped), ``n_samples`` (at 22 050 Hz; 0 if the file
        cannot be decoded), ``status``, ``detail`` (the status in words), ``sha256`` (of the
        decoded samples), ``artist`` and ``title`` (each empty if unknown). The status is ``"ok"``,
        or why the track is left out: ``"undecodable"``, ``"empty"``, ``"not finite"``,
        ``"too long"``, ``"silent"``, ``"too short"`` or ``"second file"``.

    Examples
    --------
    >>> load_corpus("path/to/gtzan").groupby("genre")["status"].value_counts()  # doctest: +SKIP
    """
    folder = Path(folder).expanduser()
    tracks = _list_tracks(folder)
    found = read_files(tracks["path"], folder, cache, progress)
    tracks = tracks.join(pd.DataFrame(found, columns=FOUND))
    for column, names in _read_names(folder).items():
        given = tracks["track_id"].map(names).fillna("")
        tracks[column] = given.where(given != "", tracks[column])
    short = tracks["status"].eq("ok") & (tracks["n_samples"] < min_samples)
    lengths = tracks.loc[short, "n_samples"].astype(str)
    tracks.loc[short, "status"] = "too short"
    tracks.loc[short, "detail"] = lengths + f" samples, one segment needs {min_samples}"
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
        ``genre``, ``files`` (all), ``tracks`` (usable), and the length in seconds of the
        ``shortest`` and the ``longest`` usable track.

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
    are = "are" if len(left_out) > 1 else "is"
    counted = f"{len(left_out)} of {len(corpus)} files {are} left out"
    return f"{counted}: {', '.join(kinds)}" if kinds else "no file is left out"


def genre_names(corpus):
    """List the genres in the order of their labels."""
    return list(corpus.drop_duplicates("label").sort_values("label")["genre"])


def fingerprint(corpus):
    """Identify the usable audio of a corpus, in any folder and container, by 16 hex digits."""
    # The first digits of the SHA-256 over every usable track's id, genre and samples.
    lines = usable(corpus)[["track_id", "genre", "sha256"]].agg("\t".join, axis=1).sort_values()
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _read_names(folder):
    """Read the table that names artists: a dict of column to Series of text, by track id."""
    for path in sorted(folder.glob("*.csv"), key=lambda path: (path.name != ARTISTS, path.name)):
        options = {"dtype": str, "keep_default_na": False, "encoding": "utf-8-sig"}
        try:
            table = pd.read_csv(path, **options)
            found = f"its columns are {', '.join(map(str, table))}"
        except (OSError, ValueError) as error:
            table, found = pd.DataFrame(), f"cannot be read ({str(error).splitlines()[0]})"
        if {"track_id", "artist"} <= {*table}:
            table = table.drop_duplicates("track_id").set_index("track_id")
            return {name: table[name].map(clean_name) for name in _NAMES if name in table}
        if path.name == ARTISTS:
            raise CorpusError(
                f"{path}: {found}. Expected a table in UTF-8 with the columns track_id and artist, "
                "separated by commas; correct it, or remove it to use the files' tags."
            )
    return {}


def _list_tracks(folder):
    if not folder.is_dir():
        found = "a file, not a folder" if folder.is_file() else "no such folder"
        raise CorpusError(
            f"{folder}: {found}. Expected the folder with GTZAN's genre folders in it; "
            "check the path, or leave DATA empty to use the demo corpus."
        )
    paths = list(audio_files(folder))
    root, genres, rows = _genre_root(folder, {path.parent for path in paths}), {}, []
    for path in paths:
        name, *below = path.relative_to(root).with_suffix("").parts
        name = _genre_name(_text(name))
        genre = genres.setdefault(name.casefold(), name)
        track_id = _track_id(genre, name, "/".join(map(_text, below)))
        file = as_line(path.relative_to(folder).as_posix())
        # The absolute path, with links unresolved: decoders also go by the suffix.
        rows.append((track_id, genre, file, str(path.absolute())))
    tracks = pd.DataFrame(rows, columns=["track_id", "genre", "file", "path"])
    tracks = tracks.sort_values(["genre", "track_id", "file"], ignore_index=True)
    tracks["label"] = pd.Categorical(tracks["genre"]).codes.astype(np.int64)
    return tracks


def audio_files(folder, above=()):
    """Yield all files in and below a folder whose names have an audio suffix."""
    place = folder.resolve()
    if place in above:  # a link to a folder that it lies in
        return
    try:
        entries = [(path, path.is_dir()) for path in sorted(folder.iterdir())]
    except OSError as error:
        raise CorpusError(
            f"{folder}: cannot be read ({error.strerror}). Expected a folder whose files can be "
            "listed and read; change its permissions, or move it out of the corpus."
        ) from error
    for path, is_folder in entries:
        # Archives made on macOS hold resource forks: "._name" beside a file, or below "__MACOSX".
        if path.name.startswith("." if not is_folder else (".", "_")):
            continue
        if is_folder:
            yield from audio_files(path, (*above, place))
        elif path.suffix.lower() in AUDIO_SUFFIXES:
            yield path


def _genre_root(folder, places):
    """Return the folder that holds the genre folders, given all folders with audio."""
    if not places - {folder}:
        above = " The audio is in the folder itself: give the folder above it." if places else ""
        raise CorpusError(
            f"{folder}: no genre folder with audio in it. Expected genres/<genre>/, Data/"
            f"genres_original/<genre>/ or <genre>/ with wav, au, flac, ogg or mp3 files.{above}"
        )
    root, inside = Path(os.path.commonpath(places)), {}
    for name, *below in (place.relative_to(root).parts for place in places - {root}):
        inside.setdefault(name, set()).update(below[:1])
    flat = [name for name in inside if root / name in places]
    nested = [name for name in inside if len(inside[name]) > 1 and name not in flat]
    pairs = [pair for pair in combinations(inside, 2) if _share_folders(*map(inside.get, pair))]
    alike = set().union(*pairs)
    if root in places and root != folder and len(inside) < 2:
        return root.parent  # it is the only genre
    if root in places:
        seen = f"audio lies beside the folders {_listed(inside)}"
        advice = "move it into one of them, or give the folder that holds the genres"
    elif alike:
        seen = f"{_listed(alike)} hold folders with the same names"
        advice = f"give one of them ({root / min(alike)}), or join them"
    elif flat and nested:
        seen = f"audio in {_listed(flat)}, folders with audio in {_listed(nested)}"
        advice = f"give {root / min(nested)} if it holds the genres, or move its audio up into it"
    else:
        return root
    raise CorpusError(
        f"{root}: it is unclear which folders are the genres ({seen}). Expected a folder per genre "
        f"and no audio beside them: {advice}."
    )


def _share_folders(one, other):
    # Parts of a corpus (train, test) have the same genres; two genres may have an artist in common.
    return 0 < min(len(one), len(other)) <= 2 * len(one & other)


def _listed(names):
    return ", ".join([*map(as_line, sorted(names)[:5]), "..."][: len(names)])


def _text(name):
    """Return a file name as `as_line` does, in normalised Unicode."""
    return unicodedata.normalize("NFC", as_line(name))


def as_line(name):
    """Return a file name as one line of text, with escapes for what is not text."""
    decoded = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in _NOT_TEXT else c
        for c in decoded
    )


def _genre_name(folder_name):
    plain = folder_name.lower().replace("-", "").replace("_", "").replace(" ", "")
    return "hiphop" if plain == "hiphop" else folder_name


def _track_id(genre, folder_name, stem):
    prefix, _, rest = stem.partition(".")
    return f"{genre}.{rest if rest and _genre_name(prefix) == folder_name else stem}"
