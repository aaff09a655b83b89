"""A profile holds every choice of an experiment, frozen and named."""

import dataclasses
import hashlib
import json
import math
from numbers import Integral, Real

from genre_lib.experiment.phases import PROTOCOLS, VARIANTS
from genre_lib.waveform import MAX_SEGMENTS, SHORTEST_WINDOW, WINDOW, hop_of

_WHOLE = ("a whole number from 1", lambda n: isinstance(n, Integral) and n >= 1)
_NUMBER = ("a number from 0", lambda x: isinstance(x, Real) and 0 <= x < math.inf)


def _some_of(names):
    return (
        f"a tuple of names among {', '.join(names)}",
        lambda given: isinstance(given, tuple) and set(given) <= set(names),
    )


# What each choice may be by itself; how they go together, a profile says when it is made.
_EXPECTED = {
    **dict.fromkeys(("max_segments", "batch_size", "accumulated_batch_size"), _WHOLE),
    **dict.fromkeys(("micro_batch_size", "epochs"), _WHOLE),
    **dict.fromkeys(("learning_rate", "patience"), _NUMBER),
    "window": (
        f"a whole number from {SHORTEST_WINDOW}, the least that the depth of the network allows",
        lambda n: isinstance(n, Integral) and n >= SHORTEST_WINDOW,
    ),
    "width": ("a number above 0", lambda x: _NUMBER[1](x) and x > 0),
    "bn_momentum": ("a number from 0 and below 1", lambda x: _NUMBER[1](x) and x < 1),
    "l2_lambdas": (
        "a tuple of numbers from 0, each once",
        lambda given: (
            isinstance(given, tuple)
            and all(map(_NUMBER[1], given))
            and len(set(given)) == len(given)
        ),
    ),
    "protocols": _some_of(PROTOCOLS),
    "variants": _some_of(VARIANTS),
    "seeds": (
        "a tuple of whole numbers from 0, one at least and each once",
        lambda given: (
            isinstance(given, tuple)
            and len(set(given)) == len(given) > 0
            and all(isinstance(n, Integral) and n >= 0 for n in given)
        ),
    ),
}


@dataclasses.dataclass(frozen=True)
class Profile:
    """Every choice of an experiment.

    This is the one place to change a hyper-parameter: edit a profile below, or make another with
    ``dataclasses.replace(DEMO, name="mine", width=0.25)``. A run is kept under the choices that
    shaped it, so a changed profile trains anew and an unchanged one is found done.

    Parameters
    ----------
    name : str
        What it is called on the command line.
    window : int
        Samples of a segment (22 050 Hz). The hop is a quarter of it, rounded down.
    max_segments : int
        Most segments taken from a track.
    n_partitions : int
        Parts of the corpus: one trains, the next validates, the one after tests.
    width : float
        Factor on the number of filters of the network; 1 is the original.
    bn_momentum : float
        Momentum of the moving statistics of batch normalisation.
    learning_rate : float
        Of Adam.
    batch_size : int
        Segments in an update of the normal and the L2 phase.
    accumulated_batch_size, micro_batch_size : int
        Segments in an update of the accumulation phase, and in each of its micro-batches.
    epochs, patience : int
        Most epochs, and epochs without a lower validation loss after which training ends.
    l2_lambdas : tuple of float
        Weights of the penalty in the L2 phase, one phase each.
    rotations : int
        Rotations that the normal phase runs, from the first; at most `n_partitions`.
    other_rotations : int
        Rotations that each other phase runs, from the first.
    protocols : tuple of str
        Those under which the normal phase is run, of `PROTOCOLS`; one that a corpus does not allow
        is left out. All other phases follow the original.
    variants : tuple of str
        Those of the phases' variants that are run; see `genre_lib.experiment.phases.variant_phases`.
    variant_rotations : int
        Rotations that each variant runs, from the first.
    seeds : tuple of int
        One run of everything for each; of the first weights and of the order of the segments.
    partition_seed : int
        Of the partitions, which all runs share.
    jit_compile : bool or "auto"
        Compile the training step with XLA; by itself where that trains faster, see
        `genre_lib.network.devices.choose_compilation`.
    precision : {"auto", "float32", "mixed_bfloat16", "mixed_float16"}
        What the network computes with; its weights, its normalisations and its softmax are float32
        in any case. By itself what the device is good at, see `genre_lib.network.devices.choose_precision`.

    Raises
    ------
    ValueError
        If a choice cannot be; the message names it, what came and what was expected.
    """

    name: str
    window: int = WINDOW
    max_segments: int = MAX_SEGMENTS
    n_partitions: int = 6
    width: float = 1.0
    bn_momentum: float = 0.99
    learning_rate: float = 1e-3
    batch_size: int = 32
    accumulated_batch_size: int = 80
    micro_batch_size: int = 10
    epochs: int = 100
    patience: int = 5
    l2_lambdas: tuple[float, ...] = (0.01, 0.001, 0.0001)
    rotations: int = 6
    other_rotations: int = 6
    protocols: tuple[str, ...] = PROTOCOLS
    variants: tuple[str, ...] = tuple(VARIANTS)
    variant_rotations: int = 1
    seeds: tuple[int, ...] = (0,)
    partition_seed: int = 0
    jit_compile: bool | str = "auto"
    precision: str = "auto"

    def __post_init__(self):
        for name, (expected, holds) in _EXPECTED.items():
            if not holds(getattr(self, name)):
                raise ValueError(f"{name}={getattr(self, name)!r}: expected {expected}.")
        if self.n_partitions < 3:
            raise ValueError(
                f"n_partitions={self.n_partitions}: training, validation and test need one each; "
                "use 3 or more."
            )
        counts = (self.rotations, self.other_rotations, self.variant_rotations)
        if not all(1 <= count <= self.n_partitions for count in counts):
            raise ValueError(
                f"rotations={self.rotations}, other_rotations={self.other_rotations}, "
                f"variant_rotations={self.variant_rotations}: expected 1 to n_partitions="
                f"{self.n_partitions}."
            )
        if self.micro_batch_size > self.accumulated_batch_size:
            raise ValueError(
                f"micro_batch_size={self.micro_batch_size} is larger than accumulated_batch_size="
                f"{self.accumulated_batch_size}; an update is made of whole micro-batches."
            )

    @property
    def hop(self):
        """Samples from the beginning of a segment to that of the next (75% overlap)."""
        return hop_of(self.window)

    def digest(self):
        """Return 8 hexadecimal digits for the choices that shape a single run.

        How many runs are made is left out: asking for more rotations, seeds or lambdas keeps
        the runs that are there. So is what equals its default: a choice that is added here with
        the old behaviour as its default keeps them, too.
        """
        which = {"seeds", "l2_lambdas", "protocols", "variants"}
        left_out = {"name", "rotations", "other_rotations", "variant_rotations", *which}
        choices = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in left_out and getattr(self, field.name) != field.default
        }
        return hashlib.sha256(json.dumps(choices, sort_keys=True).encode()).hexdigest()[:8]


PAPER = Profile("paper")
"""The original: full width, its 30 runs, and those that explain them. For a GPU."""

LAPTOP = Profile(
    "laptop",
    width=0.0625,
    bn_momentum=0.9,
    epochs=20,
    rotations=2,
    other_rotations=1,
    protocols=("original", "artist_filtered"),
    variants=("whole-batch",),
)
"""Real audio on two cores: full depth and window, a sixteenth of the filters.

Of what explains the results, what does most: a batch of 80 that is normalised as a whole.
"""

DEMO = Profile(
    "demo",
    window=SHORTEST_WINDOW,
    max_segments=4,
    width=0.03125,
    bn_momentum=0.8,
    learning_rate=2e-3,
    batch_size=8,
    epochs=10,
    l2_lambdas=(0.01, 0.0001),
    rotations=2,
    other_rotations=1,
    protocols=("original", "no_repetitions"),
    variants=("l2-mean", "whole-batch", "group-norm", "momentum"),
)
"""The demo corpus on two cores in minutes: the shortest window that the depth allows.

A part of the plan: two rotations, the strongest and the weakest penalty, and the variants but for
patience in updates and statistics that are estimated anew.
"""

SMOKE = Profile(
    "smoke",
    window=SHORTEST_WINDOW,
    max_segments=2,
    width=0.03125,
    bn_momentum=0.9,
    batch_size=16,
    epochs=1,
    rotations=2,
    other_rotations=1,
    protocols=("original", "no_repetitions"),
    variants=("group-norm",),
)
"""As little as shows that everything runs; its numbers mean nothing."""

PROFILES = {profile.name: profile for profile in (SMOKE, DEMO, LAPTOP, PAPER)}


def get_profile(name):
    """Return the profile of a name.

    Parameters
    ----------
    name : str
        A key of `PROFILES`.

    Returns
    -------
    Profile

    Raises
    ------
    ValueError
        If there is none of this name.
    """
    if name not in PROFILES:
        raise ValueError(
            f"profile {name!r} is not known; expected one of {', '.join(PROFILES)}. To make your "
            "own, add it to genre_lib/experiment/profiles.py."
        )
    return PROFILES[name]
