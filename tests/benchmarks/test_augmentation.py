"""Augmentation costs less than a tenth of an update, at an eighth of the filters."""

import dataclasses
import time

import numpy as np
import pandas as pd

from genre_lib.corpus import build_store, load_corpus
from genre_lib.experiment import PAPER, improvement_phases
from genre_lib.experiment.models import compile_model
from genre_lib.network import SegmentBatches
from genre_lib.network.batches import nearest_samples
from tests.benchmarks.speed.growth import write_noise

REPEATS = 5


def seconds(function):
    times = []
    for _ in range(REPEATS + 1):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return min(times[1:])


def test_augmentation_costs_less_than_a_tenth_of_an_update(tmp_path):
    write_noise(tmp_path / "audio", 20)
    store = build_store(load_corpus(tmp_path / "audio", progress=False), tmp_path / "cache")
    profile = dataclasses.replace(PAPER, width=0.125)
    improved = improvement_phases(profile)[-1]
    n_classes, samples = len(store.genres), nearest_samples(store)
    made = [
        SegmentBatches(samples, store.segments(), 32, seed=0, augmentation=a, n_classes=n_classes)
        for a in (None, improved.augmentation)
    ]
    plain, augmented = (seconds(lambda b=b: np.asarray(b[0][0])) for b in made)
    epoch = seconds(made[1].on_epoch_end) / len(made[1])  # its random numbers, per update
    model, batch = compile_model(profile, improved, n_classes), made[1][0]
    update = seconds(lambda: float(model.train_on_batch(*batch)[0]))
    share = (augmented - plain + epoch) / update
    print(pd.Series({"read": plain, "augmented": augmented, "update": update, "share": share}))
    assert share < 0.1
