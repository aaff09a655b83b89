"""Build the network: a 1D residual CNN that reads a waveform and predicts its genre."""

import functools
import itertools
import math

import keras
import numpy as np
import pandas as pd
from keras import layers

# As a module: if a process imports that one first, it is not complete when this one is imported.
import genre_lib.network.normalization as norms
from genre_lib.waveform import FULL_SCALE, SHORTEST_WINDOW, WINDOW

RESIDUAL_FILTERS = (128, 128, 256, 256, 256, 256, 256, 256, 512)
"""Filters of the nine residual blocks, each followed by max-pooling by three."""

NORMALIZATIONS = "batch", "group"
SLOPE = 0.3  # inside the residual blocks; outside, the same value as Keras' LeakyReLU

LAYOUT = {"data_format": "channels_last"}  # the layout of the arrays, whatever keras.json says


@keras.saving.register_keras_serializable(package="genre_lib")
class Conv1D(layers.Conv1D):
    """`keras.layers.Conv1D` before batch normalisation: faster, and the gradient of its bias is 0.

    Batch normalisation subtracts the bias again, so that its gradient is 0 but for rounding.
    Leaving out this sum over all outputs and the pass that adds the bias saves an eighth of an
    update on a CPU.
    """

    # Of the same name, because that is part of a weight's path in files.

    def call(self, inputs):
        """Map (batch, steps, channels) to (batch, steps, filters)."""
        kernel, bias = map(keras.ops.convert_to_tensor, (self.kernel, self.bias))
        if keras.backend.backend() != "tensorflow":
            return self.convolution_op(inputs, kernel) + keras.ops.stop_gradient(bias)
        import tensorflow as tf

        # The gradient of a sign is zeros; of variables without any, Keras warns. (TensorFlow keeps
        # the graph of a custom gradient as long as the process lives.)
        bias = tf.stop_gradient(bias) + 0 * tf.sign(bias)
        # As images of height 1: TensorFlow fuses the sum with a convolution of sequences only where
        # the size of the batch is known beforehand, and in `fit` it is not.
        images, kernel = tf.expand_dims(inputs, 1), tf.expand_dims(kernel, 0)
        found = tf.nn.conv2d(images, kernel, (1, *self.strides), self.padding.upper())
        return tf.squeeze(tf.nn.bias_add(found, bias), 1)


@keras.saving.register_keras_serializable(package="genre_lib")
class Res1D(layers.Layer):
    """A residual block: two convolutions, whose result is added to their input.

    Conv1D, normalisation, LeakyReLU, Conv1D, normalisation, plus the shortcut, then LeakyReLU. The
    shortcut is the identity, or a normalised Conv1D of kernel size 1 if the number of filters
    changes (He et al. 2016, option B). Maps (batch, steps, channels) to (batch, steps, filters).

    Parameters
    ----------
    filters, kernel_size : int, for both convolutions
    l2, bn_momentum, normalization : as in `build_resnet1d`; the penalty includes the shortcut
    rematerialize : bool
        Keep only the inputs of the two halves (before and from the second convolution) for the
        backward pass, which computes the rest again.
    pool_size : int, number of steps of which the output keeps the maximum
    **kwargs : for `keras.layers.Layer`

    Examples
    --------
    >>> Res1D(filters=256).compute_output_shape((80, 4083, 128))
    (80, 4083, 256)
    """

    def __init__(
        self,
        filters,
        kernel_size=3,
        l2=0.0,
        bn_momentum=0.99,
        normalization="batch",
        rematerialize=False,
        pool_size=1,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.pool_size = filters, kernel_size, pool_size
        self.l2, self.bn_momentum = l2, bn_momentum
        self.normalization, self.rematerialize = normalization, rematerialize
        self.conv1, self.norm1 = self._make(kernel_size, "conv1", "norm1")
        self.conv2, self.norm2 = self._make(kernel_size, "conv2", "norm2")
        self.shortcut_conv = self.shortcut_norm = None

    def _make(self, kernel_size, *names):
        penalty = keras.regularizers.L2(self.l2) if self.l2 else None
        settings = {"padding": "same", "kernel_regularizer": penalty, "dtype": self.dtype_policy}
        convolution = _convolution(self.normalization)(
            self.filters, kernel_size, **settings, **LAYOUT, name=names[0]
        )
        settings = self.normalization, self.bn_momentum, self.dtype_policy
        return convolution, _normalization(self.filters, *settings, name=names[1])

    def build(self, input_shape):
        inner_shape = (*input_shape[:-1], self.filters)
        self.conv1.build(input_shape)
        for layer in (self.norm1, self.conv2, self.norm2):
            layer.build(inner_shape)
        if input_shape[-1] != self.filters:
            self.shortcut_conv, self.shortcut_norm = self._make(1, "shortcut_conv", "shortcut_norm")
            self.shortcut_conv.build(input_shape)
            self.shortcut_norm.build(inner_shape)
        self.built = True

    def call(self, inputs, training=None):
        if self.rematerialize and training:
            first = _rematerialized(self.first_half, [self.conv1, self.norm1])
            shortcut = [self.shortcut_conv, self.shortcut_norm] if self.shortcut_conv else []
            second = _rematerialized(self.second_half, [self.conv2, self.norm2, *shortcut])
            return second(first(inputs), inputs)
        return self.second_half(self.first_half(inputs, training), inputs, training)

    def first_half(self, inputs, training=True):
        x = self.norm1(self.conv1(inputs), training=training)
        return keras.ops.leaky_relu(x, SLOPE)

    def second_half(self, x, inputs, training=True):
        x = self.norm2(self.conv2(x), training=training)
        if self.shortcut_conv is not None:
            inputs = self.shortcut_conv(inputs)
            inputs = self.shortcut_norm(inputs, training=training)
        # LeakyReLU rises strictly, so pooling first gives the same, and leaves it fewer values.
        return keras.ops.leaky_relu(max_pool(x + inputs, self.pool_size), SLOPE)

    def compute_output_shape(self, input_shape):
        batch, steps, _ = input_shape
        return batch, steps and steps // self.pool_size, self.filters

    def get_config(self):
        names = "filters", "kernel_size", "l2", "bn_momentum"
        names += "normalization", "rematerialize", "pool_size"
        return super().get_config() | {name: getattr(self, name) for name in names}


def max_pool(x, size):
    """Return the maximum of every `size` steps; steps left over at the end are dropped."""
    if size == 1:
        return x
    if keras.backend.backend() != "jax":
        return keras.ops.max_pool(x, size, size, **LAYOUT)
    # XLA fuses maxima with what comes before and after; its pooling on a CPU is a separate loop.
    steps, channels = x.shape[1:]
    x = keras.ops.reshape(x[:, : steps // size * size], (-1, steps // size, size, channels))
    return functools.reduce(keras.ops.maximum, [x[:, :, i] for i in range(size)])


def _convolution(normalization):
    """Return the class of a convolution before a normalisation."""
    return layers.Conv1D if normalization == "group" else Conv1D


def _normalization(filters, normalization, bn_momentum, dtype, name):
    if normalization not in NORMALIZATIONS:
        expected = " or ".join(map(repr, NORMALIZATIONS))
        raise ValueError(f"normalization={normalization!r} was given; expected {expected}.")
    if normalization == "group":
        return norms.LeanGroupNormalization(math.gcd(8, filters), dtype=dtype, name=name)
    return norms.FusedBatchNormalization(momentum=bn_momentum, dtype=dtype, name=name)


def _rematerialized(function, sublayers):
    """Return a function of tensors that is computed again in the backward pass."""
    # What runs twice must change nothing. `keras.remat` around batch normalisation itself would
    # move its statistics twice per update on TensorFlow, and fail on JAX. So the function takes the
    # variables as arguments and returns their new values, which are assigned once, outside.
    variables = [variable for layer in sublayers for variable in layer.variables]
    statistics = [variable for layer in sublayers for variable in layer.non_trainable_variables]

    @keras.remat
    def pure(inputs, values):
        with keras.StatelessScope(list(zip(variables, values, strict=True))) as scope:
            outputs = function(*inputs)
        return outputs, [scope.get_current_value(variable) for variable in statistics]

    def run(*inputs):
        outputs, new_values = pure(inputs, [variable.value for variable in variables])
        for variable, value in zip(statistics, new_values, strict=True):
            variable.assign(value)
        return outputs

    return run


def build_resnet1d(
    input_samples=WINDOW,
    n_classes=10,
    width=1.0,
    l2=0.0,
    dropout=0.0,
    bn_momentum=0.99,
    *,
    l2_reading="sum",
    normalization="batch",
    levels=1,
    rematerialize=False,
    dtype="float32",
):
    """Build ResNet1D, the network of Allamy and Koerich (2021) as the report describes it.

    Parameters
    ----------
    input_samples, n_classes : int
        Length of a segment, at least 59 049 (3^10) for the stride and the poolings; number of
        genres.
    width : float, factor on all filters; 1 gives ten classes 4 086 794 trainable parameters
    l2, l2_reading : float, {"sum", "mean"}
        L2 penalty on the N convolution kernel weights w of the residual blocks (3 801 088 at width
        1): l2 * sum(w ** 2), as in Keras, or l2 / N * sum(w ** 2), as the report prints it.
    dropout, bn_momentum : float
        Share of the features dropped before the output layer, and momentum of the moving
        statistics of batch normalisation; both in [0, 1).
    normalization : {"batch", "group"}
        "batch" is the report's. "group" (Wu and He 2018) normalises each segment alone, over its
        steps and gcd(8, filters) groups of filters, so that the batch size does not matter.
    levels : int, 1 to 10
        The output layer reads the mean features over time of the last levels: with 1, as in the
        report, of the last convolution; with 4, also of the last three residual blocks (after Lee
        and Nam 2017, *Multi-Level and Multi-Scale Feature Aggregation*).
    rematerialize : bool
        Compute the residual blocks again in the backward pass instead of keeping their
        activations: the same result, moving statistics included, in less memory and more time.
    dtype : str or keras.DTypePolicy
        Dtype policy of the layers, such as "mixed_bfloat16"; Keras' global one is not read. The
        softmax and, under a mixed policy, weights and statistics stay float32. "mixed_float16"
        needs `keras.optimizers.LossScaleOptimizer`, which `compile` adds for a global policy only.

    Returns
    -------
    keras.Model
        Maps samples **in 16-bit units** (int16, or floats with full scale 32 768), shape (batch,
        input_samples) or (batch, input_samples, 1), to probabilities, shape (batch, n_classes).

    Examples
    --------
    >>> model = build_resnet1d(width=0.125, l2=0.001)
    """
    _check(input_samples, n_classes, width, l2, dropout, bn_momentum, l2_reading, levels)
    stem, *blocks = [max(1, round(count * width)) for count in (128, *RESIDUAL_FILTERS)]
    settings = {"normalization": normalization, "bn_momentum": bn_momentum, "dtype": dtype}
    if l2_reading == "mean":  # over all kernel weights of the blocks, from n filters to m
        pairs = itertools.pairwise([stem, *blocks])
        l2 = l2 / sum(m * (3 * n + 3 * m + n * (n != m)) for n, m in pairs)

    inputs = keras.Input((input_samples, 1), name="waveform", dtype="float32")
    x = layers.Rescaling(1 / FULL_SCALE, name="scale", dtype=dtype)(inputs)
    convolve = _convolution(normalization)
    x = convolve(stem, 3, strides=3, name="conv_in", dtype=dtype, **LAYOUT)(x)
    x = _normalization(stem, name="norm_in", **settings)(x)
    x = layers.LeakyReLU(name="relu_in", dtype=dtype)(x)
    means = []
    for number, filters in enumerate(blocks, start=1):
        name = f"res1d_{number}"
        options = {"l2": l2, "rematerialize": rematerialize, "pool_size": 3}
        x = Res1D(filters, name=name, **options, **settings)(x)
        if number > len(blocks) - levels + 1:
            pool = layers.GlobalAveragePooling1D(name=f"mean_{number}", dtype=dtype, **LAYOUT)
            means.append(pool(x))
    x = convolve(blocks[-1], 1, name="conv_out", dtype=dtype, **LAYOUT)(x)
    x = _normalization(blocks[-1], name="norm_out", **settings)(x)
    x = layers.LeakyReLU(name="relu_out", dtype=dtype)(x)
    # A 5 s segment leaves one step, so this is the flattening of the original. A longer input
    # leaves more steps, and their mean keeps the number of parameters.
    x = layers.GlobalAveragePooling1D(name="flatten", dtype=dtype, **LAYOUT)(x)
    if means:
        x = layers.Concatenate(name="levels", dtype=dtype)([*means, x])
    if dropout:
        x = layers.Dropout(dropout, name="dropout", dtype=dtype)(x)
    outputs = layers.Dense(n_classes, activation="softmax", dtype="float32", name="output")(x)
    return keras.Model(inputs, outputs, name="resnet1d")


def _check(input_samples, n_classes, width, l2, dropout, bn_momentum, l2_reading, levels):
    enough = f"{SHORTEST_WINDOW} or more (2.68 s) for stride and nine poolings: use a longer window"
    expectations = {
        "input_samples": (input_samples, input_samples >= SHORTEST_WINDOW, enough),
        "n_classes": (n_classes, n_classes >= 2, "a value at least 2"),
        "width": (width, width > 0, "a value above 0"),
        "l2": (l2, l2 >= 0, "a value 0 or more"),
        "dropout": (dropout, 0 <= dropout < 1, "a value in [0, 1)"),
        "bn_momentum": (bn_momentum, 0 <= bn_momentum < 1, "a value in [0, 1)"),
        "levels": (levels, levels in range(1, len(RESIDUAL_FILTERS) + 2), "1 to 10"),
        "l2_reading": (l2_reading, l2_reading in ("sum", "mean"), "'sum' or 'mean'"),
    }
    for name, (value, as_expected, expected) in expectations.items():
        if not as_expected:
            raise ValueError(f"{name}={value!r} was given; expected {expected}.")


def list_layers(model):
    """List the convolutions, residual blocks, poolings and the output layer of a ResNet1D.

    Returns
    -------
    pandas.DataFrame
        ``layer``, ``filters``, ``kernel``, ``pool``, ``stride``, ``output`` (its shape without the
        batch, filters first) and ``parameters``.

    Examples
    --------
    >>> list_layers(build_resnet1d())[["layer", "parameters"]]  # doctest: +SKIP
    """
    rows = []
    for layer in model.layers:
        if isinstance(layer, layers.Conv1D | layers.MaxPooling1D | layers.Dense | Res1D):
            pools, blocks = isinstance(layer, layers.MaxPooling1D), isinstance(layer, Res1D)
            row = {
                "layer": type(layer).__name__,
                "filters": getattr(layer, "filters", None),
                "kernel": np.max(getattr(layer, "kernel_size", 0)) or None,
                "pool": np.max(layer.pool_size) if pools else None,
                "stride": np.max(getattr(layer, "strides", 1)),
                "output": (layer.input.shape[1], layer.filters)
                if blocks
                else layer.output.shape[1:],
                "parameters": layer.count_params(),
            }
            rows.append(row)
        if isinstance(layer, Res1D) and layer.pool_size > 1:  # pooling comes last, in its own row
            size, output = layer.pool_size, layer.output.shape[1:]
            pooling = {"layer": "MaxPooling1D", "pool": size, "stride": size, "parameters": 0}
            rows.append(pooling | {"output": output})
    times = " \N{MULTIPLICATION SIGN} "
    table = pd.DataFrame(rows)
    return table.assign(output=[times.join(map("{:,}".format, o[::-1])) for o in table["output"]])
