"""Give a notebook what it needs: the tracks, what is wrong with them, and the runs."""

import copy
import dataclasses
import hashlib
import warnings
from functools import cached_property
from pathlib import Path

import pandas as pd

from genre_lib.corpus.demo import read_truth
from genre_lib.corpus.store import SegmentStore
from genre_lib.corpus.tracks import usable
from genre_lib.experiment.kept import KeptRuns, RunError
from genre_lib.experiment.phases import (
    BASELINES,
    NORMAL,
    improvement_phases,
    main_phases,
    protocol_phase,
    variant_phases,
)
from genre_lib.experiment.profiles import Profile
from genre_lib.experiment.protocols import divide
from genre_lib.experiment.runs import plan
from genre_lib.faults.annotation import annotate, find_faults, is_gtzan
from genre_lib.workspace.derived import keep_derived, read_derived


@dataclasses.dataclass(frozen=True)
class Workspace:
    """A profile on a corpus, and its kept runs; made by `open_workspace`.

    Attributes
    ----------
    profile : Profile
    corpus_name : str, ``"demo corpus"``, or ``"corpus "`` and the name of the folder
    corpus : pandas.DataFrame from `genre_lib.corpus.load_corpus`, all tracks
    store : SegmentStore, the audio of the usable tracks
    is_demo, has_audio : bool, whether the audio is synthetic, and whether it can be read
    runs_dir, cache : Path, folders of the kept runs, and of files that can be made again
    notice : str, what a reader must know about the source of the results; empty if computed here
    origin : list of tuple of str, the same in detail, as names and values

    Examples
    --------
    >>> open_workspace("demo").runs(NORMAL)[NORMAL][0].history  # doctest: +SKIP
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
        """The usable tracks, one row each."""
        return usable(self.corpus)

    @property
    def genres(self):
        """Names of the genres, in the order of their labels."""
        return self.store.genres

    @cached_property
    def faults(self):
        """The repeated recordings and the distortions, two tables from `find_faults`."""
        return find_faults(self.corpus, self.cache)

    @property
    def is_gtzan(self):
        """Whether what is published about GTZAN applies to these tracks."""
        return is_gtzan(self.tracks) and not self.is_demo

    @cached_property
    def annotated(self):
        """The tracks with what the protocols need to know, from `genre_lib.faults.annotate`."""
        return annotate(self.tracks, *self.faults, self.is_gtzan)

    @cached_property
    def planted(self):
        """The faults planted in the demo corpus, as `make_demo_corpus` returns them."""
        folder = Path(self.corpus["path"].iloc[0]).parents[2] if "path" in self.corpus else None
        return self.derived("planted", lambda: read_truth(folder))

    @cached_property
    def protocols(self):
        """The protocols that profile and corpus allow; for each, the most training partitions."""
        profile, allowed = self.profile, {}
        for protocol in profile.protocols:
            try:
                partition = divide(
                    self.annotated, protocol, profile.n_partitions, profile.partition_seed
                )
            except ValueError:
                continue
            allowed[protocol] = int(partition.max()) - 1  # one validates, one tests
        return allowed

    def protocol_phases(self, train_partitions=1, phase=NORMAL):
        """List a phase under each protocol that the corpus allows, the original first."""
        found = [
            protocol_phase(protocol, train_partitions, phase)
            for protocol, most in self.protocols.items()
            if train_partitions <= most
        ]
        if not self.tracks.get("artist", pd.Series(dtype=str)).any():
            return found  # no artist is known, or all come from the catalogue
        # A run is kept by what defines it, and that includes the artists, which may be corrected.
        artists = self.annotated[["track_id", "artist"]].to_csv(index=False)
        suffix = f"-{hashlib.sha256(artists.encode()).hexdigest()[:8]}"
        return [
            dataclasses.replace(p, name=p.name + suffix * (p.protocol == "artist_filtered"))
            for p in found
        ]

    def data_phases(self):
        """List what is trained under each protocol and with each size of training set.

        That is the normal phase, ``improved`` if the profile trains it, and the baselines.
        """
        sizes = self.profile.train_partitions
        more = sorted({*sizes, 2, self.profile.n_partitions - 2})  # a baseline takes a moment
        improved = [p for p in improvement_phases(self.profile) if p.name == "improved"]
        return [
            phase
            for kind in (NORMAL, *improved, *BASELINES)
            for size in (more if kind.baseline else sizes)
            for phase in self.protocol_phases(size, kind)
        ]

    def planned(self):
        """List all runs that the corpus allows."""
        further = [phase for phase in self.data_phases() if phase != NORMAL]
        further += [phase for found in variant_phases(self.profile).values() for phase in found]
        further += improvement_phases(self.profile)  # which includes one of the data phases
        further = dict.fromkeys(further)
        return plan(self.profile) + (plan(self.profile, *further) if further else [])

    @property
    def kept(self):
        """The kept runs of this corpus, as a `genre_lib.experiment.KeptRuns`."""
        return KeptRuns(self.runs_dir, self.store.fingerprint)

    def derived(self, name, compute):
        """Compute a table or a figure that needs audio or weights, and keep it for publishing.

        `compute()` returns a DataFrame, or a matplotlib figure, which becomes PNG bytes. It is
        called each time, so that what is shown comes from the code beside it.
        """
        folder = self.kept.derived_folder(self.profile)
        keep_derived(folder, name, compute())
        return read_derived(folder, name)

    def samples(self, track_id):
        """Read a usable track: int16, shape (n_samples,), at 22 050 Hz."""
        return self.store.read_track(track_id)

    def runs(self, *only):
        """Return a dict of Phase to list of RunResult, training the runs that are not kept yet.

        Without arguments, these are the main phases of the profile. A run that fails causes a
        warning and is left out, so a list may be empty. If no run is kept at all, of these phases
        or any other, it raises `genre_lib.experiment.RunError`.
        """
        planned = plan(self.profile, *only)
        kept = self.kept.load_all(planned)
        if len(kept) < len(planned):
            kept = self._complete(planned, kept)
        return {
            phase: [result for run, result in kept.items() if run.phase == phase]
            for phase in (only or main_phases(self.profile))
        }

    def baselines(self):
        """Return the runs of the baselines, as `runs` does, by label instead of Phase."""
        return {phase.label: found for phase, found in self.runs(*BASELINES).items()}

    def complete(self):
        """Train all planned runs that are not kept yet; failures are treated as in `runs`."""
        planned = self.planned()
        kept = self.kept.load_all(planned)
        if len(kept) < len(planned):
            self._complete(planned, kept)

    def _complete(self, planned, kept):
        # Imported here: reading kept runs needs neither Keras nor scikit-learn.
        from genre_lib.experiment.baselines import fit_baselines

        store, baselines = self._store_for(planned), [run for run in planned if run.phase.baseline]
        fit_baselines(baselines, store, self.runs_dir, self.cache)
        networks = [run for run in planned if not run.phase.baseline]
        try:
            if any(run not in kept for run in networks):
                from genre_lib.experiment.scheduling import fit_runs

                kept = fit_runs(networks, store, self.runs_dir)
        except RunError as error:
            others = (run for run in self.planned() if not run.phase.baseline)
            if not self.kept.load_all(others):
                raise
            warnings.warn(str(error), stacklevel=3)
        return kept | self.kept.load_all(baselines)

    def _store_for(self, planned):
        if all(run.phase.protocol == "original" for run in planned):
            return self.store  # the detectors need not run
        store = copy.copy(self.store)
        known = self.annotated.set_index("track_id")
        new = known.columns.difference(store.tracks.columns)
        store.tracks = store.tracks.join(known[new], on="track_id")
        return store
