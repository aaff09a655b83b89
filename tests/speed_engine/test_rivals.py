import sys
import time

import numpy as np

from genre_lib.experiment import PAPER
from tests.benchmarks.speed.rivals import Process, Rival


class Grower:
    """Keeps more than a pool would let a worker keep, had it no state that is needed."""

    def __init__(self, profile, store):
        self.kept = []

    def train(self, batch_size, n_batches):
        self.kept.append(np.ones(50_000_000))
        time.sleep(1.2)
        return len(self.kept)


def measure(rival, times):
    process = Process(Rival("this project", rival), PAPER, None)
    try:
        return [process.measure("train", 32, 1) for _ in range(times)]
    finally:
        process.close()


def test_a_rival_keeps_what_it_holds_however_much_that_is():
    assert measure(Grower, 3) == [(1, None), (2, None), (3, None)]


class Spy:
    """Sees what is loaded in the process of a rival that uses neither Keras nor PyTorch."""

    def __init__(self, profile, store):
        pass

    def train(self, batch_size, n_batches):
        return [name for name in ("keras", "tensorflow", "jax", "torch") if name in sys.modules]


def test_a_rival_shares_its_process_with_no_other():
    assert measure(Spy, 1) == [([], None)]
