"""Define profiles, each a named and frozen set of all choices of an experiment."""

import dataclasses
import hashlib
import json
import math
import re
from numbers import Integral, Real

from genre_lib.experiment.phases import IMPROVEMENTS, PROTOCOLS, VARIANTS
from genre_lib.waveform import MAX_SEGMENTS, SHORTEST_WINDOW, WINDOW, hop_of


def _whole(n, least=1):
    return isinstance(n, Integral) and not isinstance(n, bool) and n >= least


def _number(x):
    return isinstance(x, Real) and not isinstance(x, bool) and 0 <= x < math.inf


def _tuple(given, holds):
    return isinstance(given, tuple) and all(map(holds, given)) and len(set(given)) == len(given)


def _one_of(*known):
    return f"one of {', '.join(map(str, known))}", lambda x: x in known


def _names(known):
    expected = f"a tuple of names from {', '.join(known)}, each once"
    return expected, lambda names: _tuple(names, lambda name: name in list(known))


_NAME = re.compile(r"(?!_)\w([\w.-]{0,58}(?!_)\w)?")
_COUNTS = ("max_segments", "batch_size", "accumulated_batch_size", "micro_batch_size", "epochs")
_AT_LEAST = f"{SHORTEST_WINDOW}, the shortest that the depth of the network allows"

_ROTATIONS = ("rotations", "other_rotations", "variant_rotations")

# What each choice may be by itself; `Profile` checks whether they go together.
_EXPECTED = {
    # Runs are kept in a folder of this name, and sentences name it in Markdown.
    "name": (
        "1 to 60 letters, digits, hyphens, underscores and full stops, the first and the "
        "last a letter or digit",
        lambda name: isinstance(name, str) and _NAME.fullmatch(name),
    ),
    **dict.fromkeys(_COUNTS, ("a whole number from 1", _whole)),
    **dict.fromkeys(("learning_rate", "patience"), ("a number from 0", _number)),
    "window": (f"a whole number from {_AT_LEAST}", lambda n: _whole(n, SHORTEST_WINDOW)),
    "n_partitions": ("one each to train, validate, test: use 3 or more", lambda n: _whole(n, 3)),
    "width": ("a number above 0", lambda x: _number(x) and x > 0),
    "bn_momentum": ("a number from 0 and below 1", lambda x: _number(x) and x < 1),
    "l2_lambdas": ("a tuple of numbers from 0, each once", lambda xs: _tuple(xs, _number)),
    "protocols": _names(PROTOCOLS),
    "train_partitions": (
        "a tuple of whole numbers, 1 the first and each once",
        lambda sizes: _tuple(sizes, _whole) and sizes[:1] == (1,),
    ),
    "variants": _names(VARIANTS),
    "improvements": _names(IMPROVEMENTS),
    **dict.fromkeys(_ROTATIONS, ("a whole number", lambda n: _whole(n, -math.inf))),
    "partition_seed": ("a whole number from 0", lambda n: _whole(n, 0)),
    "jit_compile": _one_of("auto", True, False),
    "precision": _one_of("auto", "float32", "mixed_bfloat16", "mixed_float16"),
    "seeds": (
        "a tuple of whole numbers from 0, one at least and each once",
        lambda seeds: _tuple(seeds, lambda n: _whole(n, 0)) and seeds,
    ),
}


@dataclasses.dataclass(frozen=True)
class Profile:
    """All choices of an experiment: the one place to change a hyper-parameter.

    Runs are kept under the choices that shaped them: a changed profile trains again. An impossible
    choice raises a ValueError.

    Parameters
    ----------
    name : str, its name on the command line
    window, max_segments : int, samples in a segment (at 22 050 Hz) and most segments per track
    n_partitions : int, parts of the corpus: one trains, the next validates, the one after tests
    width, bn_momentum : float
        Factor on the number of filters, and momentum of batch normalisation's moving statistics.
    learning_rate : float, of Adam
    batch_size : int, segments in an update of the normal and the L2 phase
    accumulated_batch_size, micro_batch_size : int
        Segments in an update of the accumulation phase, and in each of its micro-batches.
    epochs, patience : int
        Maximum number of epochs, and epochs without a lower validation loss before training ends.
    l2_lambdas : tuple of float, weights of the penalty; each is an L2 phase
    rotations, other_rotations, variant_rotations : int
        Number of rotations of the normal phase, of each other phase (``improved`` included), and of
        each variant or single improvement.
    protocols : tuple of str
        The `PROTOCOLS` under which the normal phase runs, if the corpus allows them. All other
        phases follow the original protocol.
    train_partitions : tuple of int, from 1 to n_partitions - 2
        Sizes of the training set, in partitions, for the normal phase under each protocol.
    variants, improvements : tuple of str, names from `VARIANTS` and `IMPROVEMENTS` to run
    seeds, partition_seed : tuple of int, int
        Everything runs with each seed (for weights and segment order), on the same partitions.
    jit_compile : bool or "auto", compile with XLA; "auto" compiles if that trains faster here
    precision : {"auto", "float32", "mixed_bfloat16", "mixed_float16"}
        "auto" suits the device. Weights, normalisations and softmax are always float32.

    Examples
    --------
    >>> mine = dataclasses.replace(DEMO, name="mine", width=0.25)
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
    train_partitions: tuple[int, ...] = (1,)
    variants: tuple[str, ...] = tuple(VARIANTS)
    improvements: tuple[str, ...] = ()
    variant_rotations: int = 1
    seeds: tuple[int, ...] = (0,)
    partition_seed: int = 0
    jit_compile: bool | str = "auto"
    precision: str = "auto"

    def __post_init__(self):
        for name, (expected, holds) in _EXPECTED.items():
            if not holds(getattr(self, name)):
                raise ValueError(f"{name}={getattr(self, name)!r}: expected {expected}.")
        if not all(1 <= getattr(self, name) <= self.n_partitions for name in _ROTATIONS):
            given = ", ".join(f"{name}={getattr(self, name)}" for name in _ROTATIONS)
            raise ValueError(f"{given}: expected 1 to n_partitions={self.n_partitions}.")
        if max(self.train_partitions) > self.n_partitions - 2:
            raise ValueError(
                f"train_partitions={self.train_partitions}: of n_partitions={self.n_partitions}, "
                "one validates and one tests; expected at most the rest."
            )
        if self.micro_batch_size > self.accumulated_batch_size:
            raise ValueError(
                f"micro_batch_size={self.micro_batch_size} is larger than accumulated_batch_size="
                f"{self.accumulated_batch_size}; an update is made of whole micro-batches."
            )

    @property
    def hop(self):
        """Samples from the start of a segment to that of the next: a quarter of the window."""
        return hop_of(self.window)

    def digest(self):
        """Return 8 hexadecimal digits for the choices that shape a single run."""
        # The number of runs is left out, so that more rotations, seeds or lambdas keep the existing
        # runs. So are values equal to their defaults: a choice added later, with the old behaviour
        # as its default, also keeps them.
        left_out = {"name", "rotations", "other_rotations", "variant_rotations"}
        left_out |= {"l2_lambdas", "protocols", "train_partitions", "variants", "improvements"}
        left_out |= {"seeds"}
        choices = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in left_out and getattr(self, field.name) != field.default
        }
        return hashlib.sha256(json.dumps(choices, sort_keys=True).encode()).hexdigest()[:8]


PAPER = Profile("paper", train_partitions=(1, 2, 4), improvements=tuple(IMPROVEMENTS))
"""The original at full width: its 30 runs, and those that explain and improve them. For a GPU."""

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
"""Real audio on two cores: full depth and window, a sixteenth of the filters, and the one variant
that explains most, a batch of 80 that is normalised as a whole."""

DEMO = Profile(
    "demo",
    window=SHORTEST_WINDOW,
    max_segments=3,
    n_partitions=3,
    width=0.0625,
    bn_momentum=0.9,
    learning_rate=2e-3,
    batch_size=16,
    accumulated_batch_size=32,
    micro_batch_size=4,
    epochs=12,
    l2_lambdas=(1.0, 0.0001),
    rotations=2,
    other_rotations=1,
    protocols=("original", "artist_filtered"),
    variants=("whole-batch", "group-norm", "momentum"),
    variant_rotations=1,
)
"""The demo corpus on two cores in minutes: the shortest window that the depth allows, a third of
the corpus to train on, small batches, a weak penalty and one that is too strong, and a part of the
plan: neither patience in updates nor re-estimated statistics."""

SMOKE = Profile(
    "smoke",
    window=SHORTEST_WINDOW,
    max_segments=2,
    n_partitions=3,
    width=0.03125,
    bn_momentum=0.9,
    batch_size=16,
    epochs=1,
    l2_lambdas=(0.01, 0.0001),
    rotations=2,
    other_rotations=1,
    protocols=("original", "no_repetitions"),
    variants=("group-norm",),
)
"""The smallest profile that shows that everything runs; its numbers mean nothing."""

PROFILES = {profile.name: profile for profile in (SMOKE, DEMO, LAPTOP, PAPER)}
