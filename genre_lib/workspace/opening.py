"""What every notebook begins with: a corpus under a profile, or results that were published."""

from pathlib import Path

from genre_lib.corpus.demo import make_demo_corpus
from genre_lib.corpus.partitions import require_divisible
from genre_lib.corpus.store import build_store
from genre_lib.corpus.tracks import load_corpus
from genre_lib.experiment.profiles import Profile, get_profile
from genre_lib.workspace.workspace import Workspace


def open_workspace(profile="demo", data="", home="..", results=""):
    """Open a corpus under a profile, or results that were published.

    Parameters
    ----------
    profile : str or Profile
        A profile or the name of one.
    data : str or Path
        The folder with the audio; empty for the demo corpus, which is made if it is not there.
    home : str or Path
        Where ``data/demo``, ``cache`` and ``runs`` are kept; from a notebook, one folder up.
    results : str or Path
        A folder that `genre_lib.workspace.publishing.publish` wrote: it has a profile and a corpus of its
        own, so that `profile` is not read, and neither audio nor training is needed.

    Returns
    -------
    Workspace

    Raises
    ------
    CorpusError
        If `data` is no corpus, or cannot be divided into the partitions of the profile.
    genre_lib.workspace.publishing.PublicationError
        If `results` are no published results, or not whole.
    ValueError
        If the profile is not known, or both `data` and `results` are given.
    """
    if str(results):
        if str(data):
            raise ValueError(
                f"results={results} and data={data}: expected one of them. Published results have "
                "their own corpus; leave data (DATA, GENRE_DATA) empty, or results."
            )
        # Imported here, as it is built on this module.
        from genre_lib.workspace.published import open_published

        return open_published(results)
    profile = profile if isinstance(profile, Profile) else get_profile(profile)
    home = Path(home)
    is_demo = not str(data)
    folder = home / "data" / "demo" if is_demo else Path(data).expanduser()
    if is_demo:
        make_demo_corpus(folder)
    corpus = load_corpus(folder, min_samples=profile.window, progress=False)
    require_divisible(corpus, profile.n_partitions, folder)
    store = build_store(corpus, home / "cache")
    name = "demo corpus" if is_demo else f"corpus {folder.resolve().name}"
    return Workspace(profile, name, is_demo, corpus, store, home / "runs", home / "cache")
