"""Open a corpus under a profile, or published results: the first line of every notebook."""

import os
from pathlib import Path

from genre_lib.corpus.demo import make_demo_corpus
from genre_lib.corpus.partitions import require_divisible
from genre_lib.corpus.store import build_store
from genre_lib.corpus.tracks import load_corpus
from genre_lib.experiment.profile_files import get_profile
from genre_lib.files import ROOT
from genre_lib.workspace.published import open_published, read_profile
from genre_lib.workspace.publishing import FACTS
from genre_lib.workspace.workspace import Workspace


def choose_profile(profile=None, data=None):
    """Return the profile that `open_workspace` would open with the same arguments.

    Examples
    --------
    >>> choose_profile("paper").width
    1.0
    """
    folder = _folder(data)
    if not _is_published(folder):
        return get_profile(profile or os.environ.get("GENRE_PROFILE") or "demo")
    published = read_profile(folder)
    if profile not in (None, published.name) and get_profile(profile) != published:
        raise ValueError(
            f"profile {profile!r}: the results in {folder} have the profile {published.name!r}. "
            "Leave the profile out, or choose other results."
        )
    return published


def open_workspace(profile=None, data=None, home=None):
    """Open a corpus under a profile, or published results.

    Parameters
    ----------
    profile : str, Path, dict or Profile, by default ``$GENRE_PROFILE`` or ``"demo"``
        A name, or a TOML file with your own choices; see `genre_lib.experiment.get_profile`.
        Published results have their own profile.
    data : str or Path, by default ``$GENRE_DATA``; empty for the demo corpus, made if missing
        A folder with audio, or one that `publish` wrote, which needs neither audio nor training.
    home : str or Path, by default ``$GENRE_HOME`` or the project's folder
        Where ``data/demo``, ``cache`` and ``runs`` are kept.

    Returns
    -------
    Workspace

    Raises
    ------
    CorpusError, if `data` is not a corpus, or cannot be divided into the profile's partitions
    PublicationError, if published results are damaged or incomplete
    ValueError, if the profile is unknown or impossible, or not that of the published results

    Examples
    --------
    >>> workspace = open_workspace("laptop", data="~/gtzan/genres")  # doctest: +SKIP
    """
    profile, folder = choose_profile(profile, data), _folder(data)
    if _is_published(folder):
        return open_published(folder)
    # An installed package lies among others, where kept files do not belong.
    project = ROOT if (ROOT / "notebooks").is_dir() else Path.cwd()
    home = Path(home or os.environ.get("GENRE_HOME") or project)
    is_demo = folder is None
    if is_demo:
        folder = home / "data" / "demo"
        make_demo_corpus(folder)
    cache = home / "cache"
    corpus = load_corpus(folder, min_samples=profile.window, progress=False, cache=cache)
    require_divisible(corpus, profile.n_partitions, folder)
    store = build_store(corpus, cache)
    corpus.attrs["store"] = str(store.folder.resolve())  # where `track_reader` finds the samples
    name = "demo corpus" if is_demo else f"corpus {folder.resolve().name}"
    return Workspace(profile, name, is_demo, corpus, store, home / "runs", cache)


def _folder(data):
    data = os.environ.get("GENRE_DATA", "") if data is None else data
    return Path(data).expanduser() if str(data) else None


def _is_published(folder):
    return folder is not None and (folder / FACTS).is_file()
