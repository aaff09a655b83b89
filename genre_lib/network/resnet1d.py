"""The network: a 1D residual CNN that reads a waveform and names its genre."""

import itertools
import math

import keras
from keras import layers

from genre_lib.waveform import FULL_SCALE, SHORTEST_WINDOW, WINDOW

RESIDUAL_FILTERS = (128, 128, 256, 256, 256, 256, 256, 256, 512)
"""Filters of the nine residual blocks, each followed by a max-pooling by three."""

# Of the LeakyReLUs inside the residual blocks; the default of the Keras layer outside of them.
_SLOPE = 0.3

_MOST_GROUPS = 8


@keras.saving.register_keras_serializable(package="genre_lib")
class Res1D(layers.Layer):
    """A residual block: two convolutions, and the input added to what they make of it.

    Conv1D - normalisation - LeakyReLU - Conv1D - normalisation, plus the shortcut, then
    LeakyReLU. The shortcut is the identity, or a normalised Conv1D of kernel size 1 where the
    number of filters changes (He et al. 2016, option B).

    Parameters
    ----------
    filters : int
        Filters of both convolutions.
    kernel_size : int
        Of both convolutions.
    l2 : float
        Weight of the L2 penalty on every convolution kernel of the block, the shortcut's too.
    bn_momentum : float
        Momentum of the moving statistics of the batch normalisations.
    normalization : {"batch", "group"}
        As for `build_resnet1d`.
    rematerialize : bool
        Keep only what enters each half of the block (up to and from the second convolution) for
        the backward pass, and compute the rest again there.
    **kwargs
        As for any Keras layer.
    """

    def __init__(
        self,
        filters,
        kernel_size=3,
        l2=0.0,
        bn_momentum=0.99,
        normalization="batch",
        rematerialize=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters, self.kernel_size = filters, kernel_size
        self.l2, self.bn_momentum = l2, bn_momentum
        self.normalization, self.rematerialize = normalization, rematerialize
        self.conv1 = self._convolution(kernel_size, "conv1")
        self.norm1 = self._normalization("norm1")
        self.conv2 = self._convolution(kernel_size, "conv2")
        self.norm2 = self._normalization("norm2")
        self.shortcut_conv = self.shortcut_norm = None

    def _convolution(self, kernel_size, name):
        penalty = keras.regularizers.L2(self.l2) if self.l2 else None
        return layers.Conv1D(
            self.filters,
            kernel_size,
            padding="same",
            kernel_regularizer=penalty,
            dtype=self.dtype_policy,
            name=name,
        )

    def _normalization(self, name):
        return _normalization(
            self.normalization, self.filters, self.bn_momentum, name, self.dtype_policy
        )

    def build(self, input_shape):
        """Create the weights for inputs of shape (batch, steps, channels)."""
        inner_shape = (*input_shape[:-1], self.filters)
        self.conv1.build(input_shape)
        self.norm1.build(inner_shape)
        self.conv2.build(inner_shape)
        self.norm2.build(inner_shape)
        if input_shape[-1] != self.filters:
            self.shortcut_conv = self._convolution(1, "shortcut_conv")
            self.shortcut_norm = self._normalization("shortcut_norm")
            self.shortcut_conv.build(input_shape)
            self.shortcut_norm.build(inner_shape)
        self.built = True

    def call(self, inputs, training=None):
        """Map (batch, steps, channels) to (batch, steps, filters)."""
        if self.rematerialize and training:
            first = _rematerialized(self._first_half, [self.conv1, self.norm1])
            shortcut = [self.shortcut_conv, self.shortcut_norm] if self.shortcut_conv else []
            second = _rematerialized(self._second_half, [self.conv2, self.norm2, *shortcut])
            return second(first(inputs), inputs)
        return self._second_half(self._first_half(inputs, training), inputs, training)

    def _first_half(self, inputs, training=True):
        return keras.ops.leaky_relu(self.norm1(self.conv1(inputs), training=training), _SLOPE)

    def _second_half(self, x, inputs, training=True):
        x = self.norm2(self.conv2(x), training=training)
        shortcut = inputs
        if self.shortcut_conv is not None:
            shortcut = self.shortcut_norm(self.shortcut_conv(inputs), training=training)
        return keras.ops.leaky_relu(x + shortcut, _SLOPE)

    def compute_output_shape(self, input_shape):
        """Return (batch, steps, filters)."""
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        """Return what `from_config` needs to make the block again."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "l2": self.l2,
            "bn_momentum": self.bn_momentum,
            "normalization": self.normalization,
            "rematerialize": self.rematerialize,
        }


def _normalization(kind, filters, bn_momentum, name, dtype):
    if kind == "group":
        return layers.GroupNormalization(math.gcd(_MOST_GROUPS, filters), name=name, dtype=dtype)
    return layers.BatchNormalization(momentum=bn_momentum, name=name, dtype=dtype)


def _rematerialized(function, sublayers):
    """Return a function of tensors that is computed again in the backward pass.

    What runs twice must change nothing: `keras.remat` (and `keras.RematScope`, which applies it)
    around batch normalisation itself would move its statistics twice an update on TensorFlow, and
    fail on JAX. So the function becomes one of its variables as well, which returns their new
    values, and those are assigned once, outside of it.
    """
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
    rematerialize=False,
    dtype=None,
):
    """Build ResNet1D, the network of Allamy and Koerich (2021) as the report describes it.

    Parameters
    ----------
    input_samples : int
        Length of a segment. At least 59 049 (3^10), which the stride and the poolings need.
    n_classes : int
        Number of genres.
    width : float
        Factor on the number of filters of every layer; 1 is the network of the report, with
        4 086 794 trainable parameters for ten classes.
    l2 : float
        Weight (lambda) of the L2 penalty on the convolution kernels of the residual blocks, the
        shortcuts' too.
    dropout : float
        Share of the features dropped in front of the output layer, in [0, 1).
    bn_momentum : float
        Momentum of the moving statistics of the batch normalisations; Keras' default is 0.99.
    l2_reading : {"sum", "mean"}
        The penalty added to the loss: "sum" is what Keras computes, lambda * sum(w ** 2); "mean"
        is what the report prints, lambda / N * sum(w ** 2), with N the number of all penalised
        weights of the network (3 801 088 at width 1).
    normalization : {"batch", "group"}
        "batch" is the network of the report. "group" normalises each segment by itself, over its
        steps and over groups of filters (Wu and He 2018), so that the size of a batch does not
        matter; there are gcd(8, filters) groups, 8 at width 1. The number of trainable
        parameters stays.
    rematerialize : bool
        Compute the residual blocks a second time in the backward pass, in place of keeping their
        activations. The result stays, moving statistics included; memory is paid for with time.
    dtype : str or keras.DTypePolicy, optional
        What the layers compute with: a Keras dtype policy such as "mixed_bfloat16"; the global one
        of Keras by default. The softmax is float32 always, and so are the weights and the
        statistics of the normalisations under a mixed policy. An optimizer under "mixed_float16"
        needs `keras.optimizers.LossScaleOptimizer` around it, which `compile` puts there by
        itself only where the policy is the global one.

    Returns
    -------
    keras.Model
        From (batch, input_samples) or (batch, input_samples, 1) samples **as 16-bit integers
        count them** (full scale 32 768; int16 arrays can be given as they are, and are scaled to
        [-1, 1) inside the network) to (batch, n_classes) probabilities.

    Raises
    ------
    ValueError
        If `input_samples` is too small, or another argument is out of its range.
    """
    _check(input_samples, n_classes, width, l2, dropout, bn_momentum, l2_reading, normalization)
    stem, *blocks = [max(1, round(count * width)) for count in (128, *RESIDUAL_FILTERS)]
    norm = {"kind": normalization, "bn_momentum": bn_momentum, "dtype": dtype}
    if l2_reading == "mean":
        l2 = l2 / _count_penalised([stem, *blocks])

    inputs = keras.Input((input_samples, 1), name="waveform")
    x = layers.Rescaling(1 / FULL_SCALE, name="scale", dtype=dtype)(inputs)
    x = layers.Conv1D(stem, 3, strides=3, name="conv_in", dtype=dtype)(x)
    x = _normalization(filters=stem, name="norm_in", **norm)(x)
    x = layers.LeakyReLU(name="relu_in", dtype=dtype)(x)
    for number, filters in enumerate(blocks, start=1):
        block = Res1D(
            filters,
            l2=l2,
            bn_momentum=bn_momentum,
            normalization=normalization,
            rematerialize=rematerialize,
            dtype=dtype,
            name=f"res1d_{number}",
        )
        x = layers.MaxPooling1D(3, name=f"pool_{number}", dtype=dtype)(block(x))
    x = layers.Conv1D(blocks[-1], 1, name="conv_out", dtype=dtype)(x)
    x = _normalization(filters=blocks[-1], name="norm_out", **norm)(x)
    x = layers.LeakyReLU(name="relu_out", dtype=dtype)(x)
    # One step is left of a 5 s segment, so this is the flattening of the original; a longer
    # input leaves more steps, and their mean keeps the number of parameters.
    x = layers.GlobalAveragePooling1D(name="flatten", dtype=dtype)(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout", dtype=dtype)(x)
    outputs = layers.Dense(n_classes, activation="softmax", dtype="float32", name="output")(x)
    return keras.Model(inputs, outputs, name="resnet1d")


def _count_penalised(filters):
    """Count the kernel weights of the residual blocks, given the filters into and out of each."""
    return sum(
        3 * before * after + 3 * after * after + (before * after if before != after else 0)
        for before, after in itertools.pairwise(filters)
    )


def _check(input_samples, n_classes, width, l2, dropout, bn_momentum, l2_reading, normalization):
    if input_samples < SHORTEST_WINDOW:
        raise ValueError(
            f"input_samples={input_samples} is too short: the stride and the nine poolings by "
            f"three need at least {SHORTEST_WINDOW} samples (2.68 s at 22 050 Hz). Use a longer "
            "window."
        )
    expectations = {
        "n_classes": (n_classes, n_classes >= 2, "a value at least 2"),
        "width": (width, width > 0, "a value above 0"),
        "l2": (l2, l2 >= 0, "a value 0 or more"),
        "dropout": (dropout, 0 <= dropout < 1, "a value in [0, 1)"),
        "bn_momentum": (bn_momentum, 0 <= bn_momentum < 1, "a value in [0, 1)"),
        "l2_reading": (l2_reading, l2_reading in ("sum", "mean"), "'sum' or 'mean'"),
        "normalization": (normalization, normalization in ("batch", "group"), "'batch' or 'group'"),
    }
    for name, (value, as_expected, expected) in expectations.items():
        if not as_expected:
            raise ValueError(f"{name}={value!r} was given; expected {expected}.")
