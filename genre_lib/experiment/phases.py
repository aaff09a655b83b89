"""Define the phases: the ways to train and test that are compared. Add a new one only here.

The original has `NORMAL`, `l2_phase` and `ACCUMULATION`. A variant changes one thing about one of
them, to explain its result: add it to `VARIANTS`. An improvement is meant to do better than the
normal phase: add it to `IMPROVEMENTS`. The profile `paper` trains all of both, other profiles those
that they name. Notebook 05 shows the variants and notebook 06 the improvements, and `make report`
trains what is missing.
"""

import dataclasses
import functools
import math
from typing import Any

from genre_lib.network.augmentation import Augmentation

PROTOCOLS = ("original", "no_repetitions", "artist_filtered", "fault_filtered")
"""Which tracks take part, and which must share a partition.

``original``: every track, as reported. ``no_repetitions``: only the first of the tracks that repeat
each other, and no distorted one. ``artist_filtered``: the same tracks, with each artist in one
partition only. ``fault_filtered``: the split into 443 training, 197 validation and 290 test
excerpts of GTZAN that Kereliuk, Sturm and Larsen published (2015); it has one rotation.
"""


@dataclasses.dataclass(frozen=True)
class Phase:
    """One way to train and test.

    Parameters
    ----------
    name : str, also the name of its folder among the kept runs: ``"normal"``, ``"l2-0.001"``
    label : str, its name in tables and figures; `name` by default
    network : dict, arguments of `genre_lib.network.build_resnet1d` that override the profile
    accumulates, whole_batch : bool
        Train on the large batches of the accumulation phase: in micro-batches, or in one piece.
    reestimates : bool, re-estimate batch normalisation's statistics before each validation
    patience_in_updates : bool
        Wait for as many updates as the normal phase does, instead of as many epochs.
    protocol : str, one of `PROTOCOLS`
    augmentation : genre_lib.network.Augmentation, optional, for the training segments
    averages : float
        Validate and keep moving averages of the weights, with this momentum; 0 turns this off.
    cosine : bool
        The learning rate falls to 0 along half a cosine, epoch by epoch, without early stopping.
    epochs : int, optional, instead of the profile's
    train_partitions : int, number of partitions to train on; see `split_tracks`
    baseline : str, a classifier of `genre_lib.experiment.baselines` instead of the network

    Examples
    --------
    >>> phase = Phase("dropout", "dropout 0.3", network={"dropout": 0.3})
    """

    name: str
    label: str = ""
    network: dict[str, Any] = dataclasses.field(default_factory=dict, hash=False)
    accumulates: bool = False
    whole_batch: bool = False
    reestimates: bool = False
    patience_in_updates: bool = False
    protocol: str = "original"
    augmentation: Augmentation | None = None
    averages: float = 0.0
    cosine: bool = False
    epochs: int | None = None
    train_partitions: int = 1
    baseline: str = ""

    def __post_init__(self):
        object.__setattr__(self, "label", self.label or self.name)

    @property
    def mixes(self):
        """Whether labels are shares of several genres."""
        return self.augmentation is not None and self.augmentation.mixup > 0


NORMAL = Phase("normal")
ACCUMULATION = Phase("accumulation", accumulates=True)
BASELINES = (
    Phase("majority", "majority class", baseline="majority"),
    Phase("mfcc", "MFCC means, logistic regression", baseline="mfcc"),
    Phase("svm", "librosa features, SVM", baseline="svm"),
)


def l2_phase(weight):
    """Return the L2 phase with a penalty of this weight (lambda): 0.001 makes ``"l2-0.001"``."""
    return Phase(f"l2-{weight:g}", f"L2, λ = {weight:g}", {"l2": weight})


def protocol_phase(protocol, train_partitions=1, phase=NORMAL):
    """Return a phase under a protocol; with the original's choices, return the phase itself."""
    if protocol != "original":
        name = f"{phase.name}-{protocol.replace('_', '-')}"
        label = f"{phase.label}, {protocol.replace('_', ' ')}"
        phase = dataclasses.replace(phase, name=name, label=label, protocol=protocol)
    return with_more_data(phase, train_partitions)


def with_more_data(phase, train_partitions):
    """Return a phase that trains on several partitions: 4 makes ``"normal-4-partitions"``.

    A fixed number of epochs is divided by theirs, so that the number of updates stays the same.
    """
    if train_partitions == phase.train_partitions:
        return phase
    name, label = f"{phase.name}-{train_partitions}-partitions", f"{train_partitions} partitions"
    changes = {"label": f"{phase.label}, {label}", "train_partitions": train_partitions}
    if phase.epochs:
        changes["epochs"] = math.ceil(phase.epochs * phase.train_partitions / train_partitions)
    return dataclasses.replace(phase, name=name, **changes)


def main_phases(profile):
    """List the original's phases: normal, L2 with each weight of the profile, accumulation."""
    return [NORMAL, *map(l2_phase, profile.l2_lambdas), ACCUMULATION]


def variant_phases(profile):
    """Return the variants that a profile trains, as a dict of name to list of `Phase`.

    Examples
    --------
    >>> (phase,) = variant_phases(LAPTOP)["whole-batch"]  # doctest: +SKIP
    """
    return {name: VARIANTS[name](profile) for name in profile.variants}


def improvement_phases(profile):
    """List the improvements that a profile trains: each alone, then ``improved``, all combined.

    Examples
    --------
    >>> *alone, improved = improvement_phases(PAPER)  # doctest: +SKIP
    """
    return [IMPROVEMENTS[name](profile) for name in profile.improvements]


def _vary(name, label, *phases, **changes):
    """Return a function of a profile, as in `VARIANTS`, that makes these changes to the phases."""
    varied = [
        dataclasses.replace(p, name=f"{p.name}-{name}", label=f"{p.label}, {label}", **changes)
        for p in phases
    ]
    return lambda profile: list(varied)


def _l2_mean(profile):
    return [
        Phase(f"l2-mean-{weight:g}", f"λ = {weight:g}, mean", {"l2": weight, "l2_reading": "mean"})
        for weight in sorted(profile.l2_lambdas)[-1:]  # the strongest, if there is one
    ]


def _whole_batch(profile):
    size = profile.accumulated_batch_size
    return [Phase(f"batch-{size}", f"whole batches of {size}", whole_batch=True)]


def _momentum(profile, phase=NORMAL):
    # The default of Keras or, if the profile has that, a value that makes the difference visible.
    momentum = 0.9 if profile.bn_momentum == 0.99 else 0.99
    name, network = f"momentum-{momentum:g}", {"bn_momentum": momentum}
    return _vary(name, f"momentum {momentum:g}", phase, network=network)(profile)


VARIANTS = {
    "l2-mean": _l2_mean,
    "whole-batch": _whole_batch,
    "group-norm": _vary(
        "group-norm", "group normalisation", ACCUMULATION, network={"normalization": "group"}
    ),
    "momentum": _momentum,
    "accumulation-momentum": functools.partial(_momentum, phase=ACCUMULATION),
    "statistics": _vary("statistics", "re-estimated", NORMAL, ACCUMULATION, reestimates=True),
    "patience": _vary("patience", "patience in updates", ACCUMULATION, patience_in_updates=True),
}
"""By name: functions of a profile that return the phases of a variant."""


def _crops(profile):
    return Phase("crops", "random crops", augmentation=Augmentation(profile.max_segments))


def _always(*arguments, **choices):
    """Return a function of a profile, as in `IMPROVEMENTS`, that ignores it."""
    phase = Phase(*arguments, **choices)
    return lambda profile: phase


def _improved(profile):
    # Segments that never repeat take longer to learn; the cosine ends well after any number.
    return Phase(
        "improved",
        network={"dropout": 0.3, "levels": 4},
        augmentation=Augmentation(profile.max_segments, gain_db=6, polarity=True, mixup=0.4),
        averages=0.98,
        cosine=True,
        epochs=min(60, 3 * profile.epochs),
    )


IMPROVEMENTS = {
    "crops": _crops,
    "gain": _always(
        "gain-6-polarity", "gain, polarity", augmentation=Augmentation(gain_db=6, polarity=True)
    ),
    "mixup": _always("mixup-0.4", "mixup", augmentation=Augmentation(mixup=0.4)),
    "dropout": _always("dropout-0.3", "dropout", {"dropout": 0.3}),
    "levels": _always("levels-4", "four levels", {"levels": 4}),
    "averages": _always("averages-0.98-cosine", "averages, cosine", averages=0.98, cosine=True),
    "improved": _improved,
}
"""By name: functions of a profile that return a phase meant to improve on `NORMAL`."""
