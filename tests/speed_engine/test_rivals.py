import dataclasses
import sys
import time

import numpy as np

from genre_lib.experiment import PAPER
from genre_lib.waveform import SHORTEST_WINDOW
from tests.benchmarks.speed.rivals import PlainKeras, Process, Rival, list_rivals


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


def test_plain_keras_has_no_layer_of_this_project_but_its_blocks():
    # Imported here: the processes of the tests above import this module, too.
    import keras

    from genre_lib.network import Res1D

    class Store:
        def segments(self, window):
            return {"start": [0]}

        def read(self, starts, window):
            return np.zeros((1, window), np.int16)

    profile = dataclasses.replace(PAPER, width=1 / 32, window=SHORTEST_WINDOW)
    model = PlainKeras(profile, Store()).model
    inner = [part for layer in model.layers for part in (layer, *layer._layers)]
    ours = {type(part) for part in inner if type(part).__module__.startswith("genre_lib")}
    assert ours == {Res1D}
    assert sum(isinstance(part, keras.layers.BatchNormalization) for part in inner) > 20


def test_half_precision_is_measured_where_it_is_computed():
    names = {half: {r.name for r in list_rivals(False, half)} for half in (False, True)}
    added = names[True] - names[False]
    assert names[False] < names[True]
    assert "this project, tensorflow, bfloat16" in added
    assert all("bfloat16" in name for name in added)
