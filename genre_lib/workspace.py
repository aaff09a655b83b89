"""What every notebook begins with: the profile, the corpus, and the runs that are kept."""

import copy
import dataclasses
from functools import cached_property
from pathlib import Path

import pandas as pd

from genre_lib.corpus import load_corpus, usable
from genre_lib.demo_corpus import make_demo_corpus
from genre_lib.partitions import require_divisible
from genre_lib.phases import phases, protocol_phase
from genre_lib.profiles import Profile, get_profile
from genre_lib.protocols import annotate, divide, find_faults, is_gtzan
from genre_lib.runs import load_runs, plan
from genre_lib.segments import SegmentStore, build_store


@dataclasses.dataclass(frozen=True)
class Workspace:
    """A profile on a corpus, and where its runs are kept. Made by `open_workspace`.

    Parameters
    ----------
    profile : Profile
    corpus_name : str
        ``"demo corpus"``, or ``"corpus "`` and the name of the folder.
    is_demo : bool
        Whether the audio is synthetic.
    corpus : pandas.DataFrame
        All tracks, as from `load_corpus`.
    store : SegmentStore
        The audio of the usable ones.
    runs_dir : Path
    cache : Path
        What can be made again: the store, the tables of the detectors.
    """

    profile: Profile
    corpus_name: str
    is_demo: bool
    corpus: pd.DataFrame
    store: SegmentStore
    runs_dir: Path
    cache: Path

    @property
    def tracks(self):
        """The usable tracks."""
        return usable(self.corpus)

    @property
    def genres(self):
        """Names of the genres, in the order of their labels."""
        return self.store.genres

    @cached_property
    def faults(self):
        """What the detectors find, as `genre_lib.protocols.find_faults` gives it."""
        return find_faults(self.corpus, self.cache)

    @property
    def is_gtzan(self):
        """Whether what is published about GTZAN is about these tracks."""
        return is_gtzan(self.tracks) and not self.is_demo

    @cached_property
    def annotated(self):
        """The tracks with what the protocols go by, as from `genre_lib.protocols.annotate`."""
        return annotate(self.tracks, *self.faults, self.is_gtzan)

    def protocol_phases(self):
        """List the normal phase under each protocol of the profile that the corpus allows.

        Returns
        -------
        list of Phase
            The original first.
        """
        profile = self.profile
        allowed = []
        for protocol in profile.protocols:
            try:
                divide(self.annotated, protocol, profile.n_partitions, profile.partition_seed)
            except ValueError:
                continue
            allowed.append(protocol_phase(protocol))
        return allowed

    def runs(self, *only):
        """Return the runs of some phases, training those that are not kept yet.

        A run that fails is warned of and missing from its phase, whose list may come out empty.

        Parameters
        ----------
        *only : Phase
            All phases of the profile by default.

        Returns
        -------
        dict of Phase to list of RunResult

        Raises
        ------
        genre_lib.scheduling.RunError
            If there is not one run.
        """
        planned = plan(self.profile, *only)
        kept = load_runs(planned, self.runs_dir, self.store.fingerprint)
        if len(kept) < len(planned):
            # Imported here: reading kept runs needs no Keras.
            from genre_lib.scheduling import fit_runs

            kept = fit_runs(planned, self._store_for(planned), self.runs_dir)
        return {
            phase: [result for run, result in kept.items() if run.phase == phase]
            for phase in (only or phases(self.profile))
        }

    def _store_for(self, planned):
        if all(run.phase.protocol == "original" for run in planned):
            return self.store  # the detectors need not run
        store = copy.copy(self.store)
        known = self.annotated.set_index("track_id")
        new = known.columns.difference(store.tracks.columns)
        store.tracks = store.tracks.join(known[new], on="track_id")
        return store


def open_workspace(profile="demo", data="", home=".."):
    """Open a corpus under a profile.

    Parameters
    ----------
    profile : str or Profile
        A profile or the name of one.
    data : str or Path
        The folder with the audio; empty for the demo corpus, which is made if it is not there.
    home : str or Path
        Where ``data/demo``, ``cache`` and ``runs`` are kept; from a notebook, one folder up.

    Returns
    -------
    Workspace

    Raises
    ------
    CorpusError
        If `data` is no corpus, or cannot be divided into the partitions of the profile.
    ValueError
        If the profile is not known.
    """
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
