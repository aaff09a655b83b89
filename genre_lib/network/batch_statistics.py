"""Estimate and compare the batch statistics that batch normalisation sees and keeps."""

import keras
import numpy as np
import pandas as pd

from genre_lib.network.resnet1d import Res1D


class ReestimatedStatistics(keras.callbacks.Callback):
    """Replaces the moving statistics of batch normalisation before each validation.

    The moving averages lag behind the weights by hundreds of updates. Here they become the plain
    mean over all `batches` of the training segments (a PyDataset, of the size that a training step
    sees), computed with the current weights (Izmailov et al. 2018, *Averaging Weights Leads to
    Wider Optima and Better Generalization*, section 3.2).
    """

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def on_test_begin(self, logs=None):
        reestimate(self.model, self.batches)


def reestimate(model, batches):
    """Set the moving statistics of a model to their mean over batches of (samples, labels)."""
    found = list(_batch_normalizations(model))
    momenta = [layer.momentum for layer in found]
    try:
        for index in range(len(batches)):
            # The running mean over the batches so far; a call in eager mode reads it each time.
            for layer in found:
                layer.momentum = index / (index + 1)
            model(batches[index][0], training=True)
    finally:
        for layer, momentum in zip(found, momenta, strict=True):
            layer.momentum = momentum


def _batch_normalizations(model):
    for layer in model.layers:
        is_block = isinstance(layer, Res1D)
        parts = [layer.norm1, layer.norm2, layer.shortcut_norm] if is_block else [layer]
        yield from (p for p in parts if isinstance(p, keras.layers.BatchNormalization))


def compare_statistics(model, samples, micro_batch_size, layers=("norm_in", "norm_out")):
    """Measure how far the statistics of micro-batches are from those of the whole batch.

    `samples` is one batch, int16, shape (batch, n_samples, 1). One row per layer: ``mean`` (root
    mean square distance between a filter's means in a micro-batch and in the batch, in standard
    deviations of the batch) and ``deviation`` (root mean square relative error of its deviation).
    """
    network = keras.Model(model.inputs[0], [model.get_layer(name).input for name in layers])
    begins = range(0, len(samples), micro_batch_size)
    micro_batches = (samples[begin : begin + micro_batch_size] for begin in begins)
    whole, *parts = [_moments(network, batch) for batch in (samples, *micro_batches)]
    rows = []
    for name, (mean, deviation), *others in zip(layers, whole, *parts, strict=True):
        scale = np.maximum(deviation, 1e-6)  # for a filter that is always silent
        errors = [(m - mean) / scale for m, _ in others], [d / scale - 1 for _, d in others]
        rows.append((name, *(np.sqrt(np.mean(np.square(error))) for error in errors)))
    return pd.DataFrame(rows, columns=["layer", "mean", "deviation"])


def _moments(network, samples):
    # In single precision: in half precision, the mean of so many numbers is meaningless.
    outputs = network(samples, training=True)
    outputs = [keras.ops.convert_to_numpy(keras.ops.cast(x, "float32")) for x in outputs]
    return [(x.mean(axis=(0, 1)), x.std(axis=(0, 1))) for x in outputs]
