"""What batch normalisation sees and keeps: statistics of batches, and how they are estimated."""

import keras
import numpy as np
import pandas as pd

from genre_lib.network.resnet1d import Res1D


class ReestimatedStatistics(keras.callbacks.Callback):
    """Replaces the moving statistics of batch normalisation before each validation.

    The moving averages follow the weights with a delay of hundreds of updates. Here they become
    the plain mean over all batches of the training segments, computed with the weights as they
    are (as in Izmailov et al., *Averaging Weights Leads to Wider Optima and Better Generalization*,
    UAI 2018, section 3.2).

    Parameters
    ----------
    batches : keras.utils.PyDataset
        Of the training segments, as they are trained on.
    """

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def on_test_begin(self, logs=None):
        """Run all batches forward; validation follows."""
        reestimate(self.model, self.batches)


def reestimate(model, batches):
    """Set the moving statistics of a model to their mean over some batches.

    Parameters
    ----------
    model : keras.Model
    batches : keras.utils.PyDataset
        Gives ``(samples, labels)``; the labels are not read.
    """
    found = list(_batch_normalizations(model))
    momenta = [layer.momentum for layer in found]
    try:
        for index in range(len(batches)):
            # The running mean of what came so far; called eagerly, so that it is read anew.
            for layer in found:
                layer.momentum = index / (index + 1)
            model(batches[index][0], training=True)
    finally:
        for layer, momentum in zip(found, momenta, strict=True):
            layer.momentum = momentum


def _batch_normalizations(model):
    for layer in model.layers:
        parts = [layer]
        if isinstance(layer, Res1D):
            parts = [layer.norm1, layer.norm2, layer.shortcut_norm]
        yield from (p for p in parts if isinstance(p, keras.layers.BatchNormalization))


def compare_statistics(model, samples, micro_batch_size, layers=("norm_in", "norm_out")):
    """Measure how far the statistics of micro-batches are from those of the whole batch.

    Parameters
    ----------
    model : keras.Model
        ResNet1D with batch normalisation. Its moving statistics change, as in training.
    samples : numpy.ndarray
        int16, shape (batch, n_samples, 1): one whole batch.
    micro_batch_size : int
        Segments in a micro-batch.
    layers : sequence of str
        Batch normalisations, by name.

    Returns
    -------
    pandas.DataFrame
        One row a layer: ``layer``, ``mean`` (root mean square distance of a filter's mean in a
        micro-batch from its mean in the batch, in standard deviations of the batch), ``deviation``
        (root mean square of the relative error of its standard deviation).
    """
    network = keras.Model(model.inputs[0], [model.get_layer(name).input for name in layers])
    whole = _moments(network, samples)
    parts = [
        _moments(network, samples[begin : begin + micro_batch_size])
        for begin in range(0, len(samples), micro_batch_size)
    ]
    rows = []
    for place, name in enumerate(layers):
        mean, deviation = whole[place]
        deviation = np.maximum(deviation, 1e-6)  # of a filter that is always silent
        shifts = [(part[place][0] - mean) / deviation for part in parts]
        scales = [part[place][1] / deviation - 1 for part in parts]
        rows.append(
            (name, np.sqrt(np.mean(np.square(shifts))), np.sqrt(np.mean(np.square(scales))))
        )
    return pd.DataFrame(rows, columns=["layer", "mean", "deviation"])


def _moments(network, samples):
    # In single precision, as the mean of so many numbers in half precision is none.
    outputs = [keras.ops.cast(x, "float32") for x in network(samples, training=True)]
    outputs = [keras.ops.convert_to_numpy(x) for x in outputs]
    return [(x.mean(axis=(0, 1)), x.std(axis=(0, 1))) for x in outputs]
