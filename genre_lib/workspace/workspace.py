"""What every notebook begins with: the profile, the corpus, and the runs that are kept."""

import copy
import dataclasses
import warnings
from functools import cached_property
from pathlib import Path

import pandas as pd

from genre_lib.corpus.store import SegmentStore
from genre_lib.corpus.tracks import usable
from genre_lib.experiment.kept import KeptRuns
from genre_lib.experiment.phases import NORMAL, main_phases, protocol_phase, variant_phases
from genre_lib.experiment.profiles import Profile
from genre_lib.experiment.protocols import divide
from genre_lib.experiment.runs import plan
from genre_lib.faults.annotation import annotate, find_faults, is_gtzan
from genre_lib.workspace.derived import keep_derived, read_derived


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

    Attributes
    ----------
    has_audio : bool
        Whether samples can be read; not where it was opened from published results.
    notice : str
        What a reader must know of where the results are from; empty where they were made here.
    origin : list of tuple of str
        The same at length, names and values.
    """

    has_audio = True
    notice = ""
    origin = ()

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
        """What the detectors find, as `genre_lib.faults.annotation.find_faults` gives it."""
        return find_faults(self.corpus, self.cache)

    @property
    def is_gtzan(self):
        """Whether what is published about GTZAN is about these tracks."""
        return is_gtzan(self.tracks) and not self.is_demo

    @cached_property
    def annotated(self):
        """The tracks with what the protocols go by, as from `genre_lib.faults.annotation.annotate`."""
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

    def planned(self):
        """List all runs of the profile that the corpus allows: protocols and variants, too.

        Returns
        -------
        list of Run
        """
        further = [phase for phase in self.protocol_phases() if phase != NORMAL]
        further += [phase for found in variant_phases(self.profile).values() for phase in found]
        return plan(self.profile) + (plan(self.profile, *further) if further else [])

    @property
    def kept(self):
        """The kept runs of this corpus, as a `genre_lib.experiment.KeptRuns`."""
        return KeptRuns(self.runs_dir, self.store.fingerprint)

    def derived(self, name, compute):
        """Compute a table or a figure from audio or weights, and keep it to be published.

        It is computed anew each time, so that what is shown is by the code that stands beside it.

        Parameters
        ----------
        name : str
            Under which it is kept.
        compute : callable
            Takes nothing, and returns a DataFrame or a matplotlib figure.

        Returns
        -------
        pandas.DataFrame or bytes
            As from `genre_lib.workspace.derived.read_derived`.
        """
        folder = self.kept.derived_folder(self.profile)
        keep_derived(folder, name, compute())
        return read_derived(folder, name)

    def samples(self, track_id):
        """Read a usable track: int16, shape (n_samples,), at 22 050 Hz."""
        track = self.store.tracks.set_index("track_id").loc[track_id]
        return self.store.read([track["offset"]], track["n_samples"])[0]

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
        genre_lib.experiment.scheduling.RunError
            If there is not one run, of these phases or of any other.
        """
        planned = plan(self.profile, *only)
        kept = self.kept.load_all(planned)
        if len(kept) < len(planned):
            kept = self._complete(planned, kept)
        return {
            phase: [result for run, result in kept.items() if run.phase == phase]
            for phase in (only or main_phases(self.profile))
        }

    def _complete(self, planned, kept):
        # Imported here: reading kept runs needs no Keras.
        from genre_lib.experiment.scheduling import RunError, fit_runs

        try:
            return fit_runs(planned, self._store_for(planned), self.runs_dir)
        except RunError as error:
            if not self.kept.load_all(self.planned()):
                raise
            warnings.warn(str(error), stacklevel=3)
            return kept

    def _store_for(self, planned):
        if all(run.phase.protocol == "original" for run in planned):
            return self.store  # the detectors need not run
        store = copy.copy(self.store)
        known = self.annotated.set_index("track_id")
        new = known.columns.difference(store.tracks.columns)
        store.tracks = store.tracks.join(known[new], on="track_id")
        return store
