"""Define what a run is, and list the runs that a profile plans."""

import dataclasses

from genre_lib import provenance
from genre_lib.experiment.phases import NORMAL, Phase, main_phases
from genre_lib.experiment.profiles import Profile


@dataclasses.dataclass(frozen=True)
class Run:
    """One fit: a profile, a phase, a rotation and a seed, on a corpus.

    Parameters
    ----------
    profile : Profile
    phase : Phase
    rotation : int, from 0
    seed : int, of the initial weights and of the order of the segments

    Examples
    --------
    >>> run = Run(PAPER, ACCUMULATION, rotation=0)  # doctest: +SKIP
    """

    profile: Profile
    phase: Phase
    rotation: int
    seed: int = 0

    def __str__(self):
        return f"{self.phase.name}, rotation {self.rotation + 1}, seed {self.seed}"

    @property
    def slug(self):
        """Its name among the runs of a profile, for a folder: ``"normal-rotation-0-seed-0"``."""
        return f"{self.phase.name}-rotation-{self.rotation}-seed-{self.seed}"

    @property
    def epochs(self):
        """The maximum number of epochs."""
        return self.phase.epochs or self.profile.epochs

    @property
    def batch_size(self):
        """Segments in an update."""
        large = self.phase.accumulates or self.phase.whole_batch
        return self.profile.accumulated_batch_size if large else self.profile.batch_size

    @property
    def step_setting(self):
        """The profile's setting for the number of segments in memory at a time."""
        if self.phase.accumulates:
            return "micro_batch_size"
        return "accumulated_batch_size" if self.phase.whole_batch else "batch_size"

    @property
    def step_size(self):
        """Segments in memory at a time."""
        return getattr(self.profile, self.step_setting)

    @property
    def patience(self):
        """Epochs without a lower validation loss after which training ends."""
        if self.phase.cosine:
            return self.epochs
        if not self.phase.patience_in_updates:
            return self.profile.patience
        # Rounded up: at least as many updates as the normal phase waits for.
        return -(-self.profile.patience * self.batch_size // self.profile.batch_size)


def describe(run, store):
    """Return the facts kept of any run: what defines it, and what it is made with."""
    corpus = {"fingerprint": store.fingerprint, "genres": store.genres, "tracks": len(store.tracks)}
    return {
        "profile": dataclasses.asdict(run.profile),
        "phase": dataclasses.asdict(run.phase),
        "rotation": run.rotation,
        "seed": run.seed,
        "corpus": corpus,
        "versions": provenance.versions(),
        "machine": provenance.machine(),
        "commit": provenance.commit(),
    }


def plan(profile, *only):
    """List the runs of phases (default: the original's), ordered by phase, seed and rotation."""
    return [
        Run(profile, phase, rotation, seed)
        for phase in (only or main_phases(profile))
        for seed in profile.seeds
        for rotation in range(_count_rotations(profile, phase))
    ]


def _count_rotations(profile, phase):
    if phase.protocol == "fault_filtered":
        return 1  # the published split has no rotations
    if phase.baseline:
        return profile.n_partitions  # each takes a moment, and together they test every track
    if phase == NORMAL:
        return profile.rotations
    main = phase in main_phases(profile) or phase.name == "improved"
    is_data = phase.protocol != "original" or phase.train_partitions > 1
    return profile.other_rotations if main or is_data else profile.variant_rotations
