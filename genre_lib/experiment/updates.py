"""Measure an update in micro-batches: its cost, what it computes, and its batch statistics."""

import threading
import time

import numpy as np
import pandas as pd
import psutil
from joblib import Memory
from joblib.externals.loky import ProcessPoolExecutor

from genre_lib.experiment.kept import load_network
from genre_lib.experiment.phases import ACCUMULATION, Phase
from genre_lib.experiment.protocols import split_segments
from genre_lib.experiment.runs import Run
from genre_lib.progress import progress_bar
from genre_lib.provenance import versions
from genre_lib.startup import load_less
from genre_lib.waveform import FULL_SCALE

_WARM_UP = 2  # segments of a first update, in which the network is compiled
_TIMED = 3  # updates after the one whose memory is watched; the fastest one counts


def measure_updates(profile, cache=None, progress=True):
    """Measure one update of the accumulation phase's batch, made in three ways.

    Parameters
    ----------
    profile : Profile
    cache : str or Path, optional folder that keeps the table for the same profile and versions
    progress : bool, show a progress bar

    Returns
    -------
    pandas.DataFrame
        ``update`` (``"8 x 10"``); ``memory`` (MiB: the peak of the GPU's memory or, without a GPU,
        the increase in the process's memory); ``seconds`` (of the fastest of three more updates).

    Examples
    --------
    >>> measure_updates(LAPTOP, "cache")[["update", "memory"]]  # doctest: +SKIP
    """
    make = Memory(cache, verbose=0).cache(_table, ignore=["progress"]) if cache else _table
    return make(profile, versions(), progress)


def _table(profile, versions, progress):
    size, micro_size = profile.accumulated_batch_size, profile.micro_batch_size
    whole = Phase("whole", whole_batch=True)
    updates = {
        f"{size / micro_size:g} x {micro_size}": (ACCUMULATION, False),
        f"1 x {size}": (whole, False),
        f"1 x {size}, rematerialised": (whole, True),
    }
    rows = []
    bar = progress_bar(updates.items(), desc="Updates", unit="update", progress=progress)
    for name, (phase, rematerialize) in bar:
        # A process for each, so that none pays for what another left behind. Loky's start afresh: a
        # forked one would inherit the memory, and a spawned one the script.
        with ProcessPoolExecutor(1) as pool:
            memory, seconds = pool.submit(_measure, profile, phase, rematerialize).result()
        rows.append({"update": name, "memory": memory / 2**20, "seconds": seconds})
    return pd.DataFrame(rows)


def _measure(profile, phase, rematerialize):
    load_less()
    from keras.callbacks import LambdaCallback  # here, in the child

    from genre_lib.experiment.models import compile_model
    from genre_lib.network.devices import memory_peak

    n_classes, size = 10, profile.accumulated_batch_size
    model = compile_model(profile, phase, n_classes, rematerialize=rematerialize)
    rng = np.random.default_rng(0)
    x = rng.integers(-FULL_SCALE, FULL_SCALE, (size, profile.window, 1), np.int16)
    y = rng.integers(n_classes, size=size)
    sizes = [_WARM_UP] + [size] * (1 + _TIMED)
    batches = ((x[:count], y[:count]) for count in sizes)
    watch = _Watch()
    follow = LambdaCallback(on_train_batch_begin=watch.begin, on_train_batch_end=watch.end)
    model.fit(batches, steps_per_epoch=len(sizes), callbacks=[follow], shuffle=False, verbose=0)
    on_gpu = memory_peak()
    return (watch.above if on_gpu is None else on_gpu), min(watch.seconds[-_TIMED:])


class _Watch:
    """Watches the memory of this process during the second update, and times all of them."""

    def __init__(self):
        self.seconds = []
        self.done = threading.Event()
        self.watcher = threading.Thread(target=self._follow)

    def begin(self, update, logs=None):
        if update == 1:
            self.before = _resident()
            self.watcher.start()
        self.since = time.perf_counter()

    def end(self, update, logs):
        float(logs["loss"])  # this waits for a GPU
        if update == 1:
            self.done.set()
            self.watcher.join()
        self.seconds.append(time.perf_counter() - self.since)

    def _follow(self):
        self.above = 0
        while not self.done.wait(0.001):
            self.above = max(self.above, _resident() - self.before)


def _resident():
    return psutil.Process().memory_info().rss


def compare_reductions():
    """Train a small network in micro-batches in three ways, and in whole batches.

    Returns
    -------
    pandas.DataFrame
        ``optimizer``, ``examples in an epoch``, and the distance of the final weights from those of
        whole batches, relative to how far these moved: ``mean``, ``sum`` (as in
        `genre_lib.network.GradientAccumulationModel`), ``keras`` (``gradient_accumulation_steps``).

    Examples
    --------
    >>> compare_reductions()[["optimizer", "mean", "keras"]]  # doctest: +SKIP
    """
    from genre_lib.network.devices import default_settings

    rows, train = [], default_settings()(_train_small_network)
    for optimizer in ("SGD", "Adam"):
        # With 427 examples, an epoch's last batch is not full, and neither is its last micro-batch.
        ways = {way: train(optimizer, way, (400, 427)) for way in ("whole", "mean", "sum", "keras")}
        whole = ways.pop("whole")
        for n_examples, moved in whole.items():
            row = {"optimizer": optimizer, "examples in an epoch": n_examples}
            for way, found in ways.items():
                distance = np.linalg.norm(found[n_examples] - moved)
                row[way] = distance / np.linalg.norm(moved)
            rows.append(row)
    return pd.DataFrame(rows)


def _train_small_network(optimizer, way, sizes):
    """Return how far the weights move in four epochs, by the number of examples."""
    import keras

    from genre_lib.experiment.models import variables
    from genre_lib.network import GradientAccumulationModel

    keras.utils.set_random_seed(0)
    hidden = keras.layers.Dense(16, activation="tanh")
    output = keras.layers.Dense(3, activation="softmax")
    model = keras.Sequential([keras.Input((8,)), hidden, output])
    if way in ("mean", "sum"):
        model = GradientAccumulationModel(model.inputs, model.outputs, 10, reduction=way)
    batch_size, options = (10, {"gradient_accumulation_steps": 8}) if way == "keras" else (80, {})
    make_optimizer = getattr(keras.optimizers, optimizer)
    model.compile(make_optimizer(**options), "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    start = [(variable, variable.numpy()) for variable in variables(model)]
    return {size: _move(model, start, size, batch_size) for size in sizes}


def _move(model, start, n_examples, batch_size):
    for variable, value in start:  # compiled once, trained several times
        variable.assign(value)
    before = model.get_weights()
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n_examples, 8)).astype("float32"), rng.integers(3, size=n_examples)
    starts = range(0, n_examples, batch_size)
    for begin in [*starts] * 4:  # epochs; `fit` takes longer to start than to make them
        batch = slice(begin, begin + batch_size)
        model.train_on_batch(x[batch], y[batch])
    pairs = zip(model.get_weights(), before, strict=True)
    return np.concatenate([(new - old).ravel() for new, old in pairs])


def measure_statistics(profile, result, store):
    """Compare the statistics of micro-batches with those of their batch, in a trained network.

    `result` is a run of the accumulation phase. Returns the table of
    `genre_lib.network.compare_statistics`, with the size of the batch as ``segments``.
    """
    from genre_lib.network import compare_statistics

    run = Run(profile, ACCUMULATION, result.facts["rotation"])
    training = split_segments(run, store)["train"]
    batch = training.sample(min(run.batch_size, len(training)), random_state=0)
    samples = store.read(batch["start"], profile.window)[..., np.newaxis]
    table = compare_statistics(load_network(result), samples, profile.micro_batch_size)
    return table.assign(segments=len(batch))
