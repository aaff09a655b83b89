"""The network of a run, built and compiled."""

import dataclasses
import gc
import random

import keras
import numpy as np

from genre_lib.network import devices
from genre_lib.network.accumulation import GradientAccumulationModel
from genre_lib.network.resnet1d import build_resnet1d


class Networks:
    """Gives every run its untrained network, compiled once for successive runs that share it.

    Compiling thirty layers takes as long as several epochs of a small corpus.
    """

    def __init__(self):
        self._key = self._model = None

    def give(self, run, n_classes):
        """Return the network of a run; the next call may return the same model, reset."""
        compiled = dataclasses.replace(
            run.phase, name="", label="", protocol="", reestimates=False, patience_in_updates=False
        )
        key = (run.profile, compiled, n_classes)
        keras.utils.set_random_seed(run.seed)
        if key == self._key:
            fresh = build_model(run, n_classes)
            self._model.set_weights(fresh.get_weights())
            variables = zip(self._model.optimizer.variables, fresh.optimizer.variables, strict=True)
            for old, new in variables:
                old.assign(new)
        else:
            self.forget()
            self._model, self._key = build_model(run, n_classes), key
        return self._model

    def forget(self):
        """Release the network and its memory."""
        self._key = self._model = None
        # Keras holds on to every network of a process until it is told to let go.
        keras.utils.clear_session(free_memory=True)
        gc.collect()


def build_model(run, n_classes):
    """Build and compile the network of a run; its initial weights follow from the seed alone."""
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
    optimizer = keras.optimizers.Adam(profile.learning_rate)
    if precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(dtype="float32"),
        metrics=["accuracy"],
        jit_compile=devices.choose_compilation(profile.jit_compile, device),
    )
    _create_variables(model, n_classes)
    return model


def _create_variables(model, n_classes):
    # Otherwise Keras creates those of the optimizer and the metrics in the first update, which
    # TensorFlow therefore traces twice. In a small training, that is much of the time.
    model.optimizer.build(model.trainable_variables)
    label, prediction = np.zeros(1), np.full((1, n_classes), 1 / n_classes, dtype=np.float32)
    model.compute_metrics(None, label, prediction)
    model.reset_metrics()


def _draw_kernels(model, seed):
    # Glorot's distribution, like Keras itself, but not from the random numbers that Keras shares
    # with all threads of the process: those of a Dask worker draw some, too.
    numbers = random.Random(seed)
    for weights in model.trainable_variables:
        if weights.name == "kernel":
            draw = keras.initializers.GlorotUniform(numbers.randint(1, 10**9))
            weights.assign(draw(weights.shape, weights.dtype))
