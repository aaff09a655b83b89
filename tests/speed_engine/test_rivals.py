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


def test_a_rival_keeps_what_it_holds_however_much_that_is():
    process = Process(Rival("this project", Grower), PAPER, None)
    try:
        found = [process.measure("train", 32, 1) for _ in range(3)]
    finally:
        process.close()
    assert found == [(1, None), (2, None), (3, None)]
