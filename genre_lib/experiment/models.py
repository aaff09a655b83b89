"""Build and compile the network of a run."""

import dataclasses
import gc
import random

import keras
import numpy as np

from genre_lib.network import devices
from genre_lib.network.accumulation import GradientAccumulationModel
from genre_lib.network.adam import FusedAdam
from genre_lib.network.memory import release_graphs
from genre_lib.network.resnet1d import build_resnet1d


class Networks:
    """Gives every run its untrained network, compiled once for successive runs with the same one.

    Compiling thirty layers takes as long as several epochs of a small corpus.
    """

    def __init__(self):
        self._key = self._model = None

    def give(self, run, n_classes):
        """Return the network of a run; the next call may return the same model, reset."""
        compiled = dataclasses.replace(
            run.phase,
            **dict.fromkeys(("name", "label", "protocol"), ""),
            **dict.fromkeys(("reestimates", "patience_in_updates", "cosine"), False),
            **dict.fromkeys(("augmentation", "epochs", "train_partitions")),
        )
        key = (run.profile, compiled, run.phase.mixes, n_classes)
        keras.utils.set_random_seed(run.seed)
        if key == self._key:
            fresh = build_model(run, n_classes)
            for old, new in zip(variables(self._model), variables(fresh), strict=True):
                old.assign(new)
        else:
            self.forget()
            self._model, self._key = build_model(run, n_classes), key
        return self._model

    def forget(self):
        """Release the network and its memory."""
        self._key = self._model = None
        # Keras keeps every network of a process until its session is cleared.
        keras.utils.clear_session(free_memory=False)
        release_graphs()
        gc.collect()


def variables(model):
    """List all variables that an update changes: weights, statistics, random states, optimizer."""
    return [*model.variables, *model.optimizer.variables]


def build_model(run, n_classes):
    """Build and compile the network of a run; its initial weights depend only on the seed."""
    model = compile_model(run.profile, run.phase, n_classes, rematerialize=run.phase.whole_batch)
    _draw_kernels(model, run.seed)
    return model


@devices.default_settings()
def compile_model(profile, phase, n_classes, *, rematerialize=False):
    """Build and compile the network of a phase, with arbitrary initial weights."""
    device = devices.find_device()
    precision = devices.choose_precision(profile.precision, device)
    options = {"width": profile.width, "bn_momentum": profile.bn_momentum} | phase.network
    model = build_resnet1d(
        profile.window, n_classes, **options, rematerialize=rematerialize, dtype=precision
    )
    if phase.accumulates:
        model = GradientAccumulationModel(model.inputs, model.outputs, profile.micro_batch_size)
    averaging = {"use_ema": True, "ema_momentum": phase.averages} if phase.averages else {}
    optimizer = FusedAdam(profile.learning_rate, **averaging)
    if precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    losses = keras.losses
    loss = losses.CategoricalCrossentropy if phase.mixes else losses.SparseCategoricalCrossentropy
    model.compile(
        optimizer=optimizer,
        loss=loss(dtype="float32"),
        metrics=["accuracy"],
        jit_compile=devices.choose_compilation(profile.jit_compile, device),
    )
    _create_variables(model, np.zeros((1, n_classes) if phase.mixes else 1))
    return model


def _create_variables(model, label):
    # Otherwise Keras creates those of the optimizer and the metrics in the first update, and
    # TensorFlow traces that twice. In a short run, this is much of the time.
    model.optimizer.build(model.trainable_variables)
    model.compute_metrics(None, label, np.ones((1, model.output.shape[-1]), np.float32))
    model.reset_metrics()


def _draw_kernels(model, seed):
    # Glorot's distribution, as in Keras, but not from the random numbers that Keras shares with
    # all threads of the process: the threads of a Dask worker draw from them, too.
    numbers = random.Random(seed)
    for weights in model.variables:
        if weights.name == "seed_generator_state":  # of dropout
            weights.assign([seed, 0])
        if weights.name == "kernel":
            draw = keras.initializers.GlorotUniform(numbers.randint(1, 10**9))
            weights.assign(draw(weights.shape, weights.dtype))
