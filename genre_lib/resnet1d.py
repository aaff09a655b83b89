"""The network: a 1D residual CNN that reads a waveform and names its genre."""

import keras
from keras import layers

RESIDUAL_FILTERS = (128, 128, 256, 256, 256, 256, 256, 256, 512)
"""Filters of the nine residual blocks, each followed by a max-pooling by three."""

SMALLEST_INPUT = 3 ** (len(RESIDUAL_FILTERS) + 1)
"""Fewest input samples: one stride and nine poolings by three leave one step of these."""

_FULL_SCALE = 32_768.0


@keras.saving.register_keras_serializable(package="genre_lib")
class Res1D(layers.Layer):
    """A residual block: two convolutions, and the input added to what they make of it.

    Conv1D - BatchNormalization - LeakyReLU - Conv1D - BatchNormalization, plus the shortcut,
    then LeakyReLU. The shortcut is the identity, or a Conv1D of kernel size 1 with batch
    normalisation where the number of filters changes (He et al. 2016, option B).

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
    **kwargs
        As for any Keras layer.
    """

    def __init__(self, filters, kernel_size=3, l2=0.0, bn_momentum=0.99, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.kernel_size = filters, kernel_size
        self.l2, self.bn_momentum = l2, bn_momentum
        self.conv1 = self._convolution(kernel_size, "conv1")
        self.norm1 = layers.BatchNormalization(momentum=bn_momentum, name="norm1")
        self.conv2 = self._convolution(kernel_size, "conv2")
        self.norm2 = layers.BatchNormalization(momentum=bn_momentum, name="norm2")
        self.shortcut_conv = self.shortcut_norm = None

    def _convolution(self, kernel_size, name):
        penalty = keras.regularizers.L2(self.l2) if self.l2 else None
        return layers.Conv1D(
            self.filters, kernel_size, padding="same", kernel_regularizer=penalty, name=name
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
            self.shortcut_norm = layers.BatchNormalization(
                momentum=self.bn_momentum, name="shortcut_norm"
            )
            self.shortcut_conv.build(input_shape)
            self.shortcut_norm.build(inner_shape)
        self.built = True

    def call(self, inputs, training=None):
        """Map (batch, steps, channels) to (batch, steps, filters)."""
        x = keras.ops.leaky_relu(self.norm1(self.conv1(inputs), training=training), 0.3)
        x = self.norm2(self.conv2(x), training=training)
        shortcut = inputs
        if self.shortcut_conv is not None:
            shortcut = self.shortcut_norm(self.shortcut_conv(inputs), training=training)
        return keras.ops.leaky_relu(x + shortcut, 0.3)

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
        }


def build_resnet1d(
    input_samples=110_250, n_classes=10, width=1.0, l2=0.0, dropout=0.0, bn_momentum=0.99
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
        Weight of the L2 penalty on the convolution kernels of the residual blocks; Keras adds
        ``l2 * sum(kernel ** 2)`` to the loss.
    dropout : float
        Share of the features dropped in front of the output layer, in [0, 1).
    bn_momentum : float
        Momentum of the moving statistics of the batch normalisations; Keras' default is 0.99.

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
    _check(input_samples, n_classes, width, l2, dropout, bn_momentum)

    def filters(count):
        return max(1, round(count * width))

    inputs = keras.Input((input_samples, 1), name="waveform")
    x = layers.Rescaling(1 / _FULL_SCALE, name="scale")(inputs)
    x = layers.Conv1D(filters(128), 3, strides=3, name="conv_in")(x)
    x = layers.BatchNormalization(momentum=bn_momentum, name="norm_in")(x)
    x = layers.LeakyReLU(name="relu_in")(x)
    for number, count in enumerate(RESIDUAL_FILTERS, start=1):
        x = Res1D(filters(count), l2=l2, bn_momentum=bn_momentum, name=f"res1d_{number}")(x)
        x = layers.MaxPooling1D(3, name=f"pool_{number}")(x)
    x = layers.Conv1D(filters(512), 1, name="conv_out")(x)
    x = layers.BatchNormalization(momentum=bn_momentum, name="norm_out")(x)
    x = layers.LeakyReLU(name="relu_out")(x)
    # One step is left of a 5 s segment, so this is the flattening of the original; a longer
    # input leaves more steps, and their mean keeps the number of parameters.
    x = layers.GlobalAveragePooling1D(name="flatten")(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    outputs = layers.Dense(n_classes, activation="softmax", dtype="float32", name="output")(x)
    return keras.Model(inputs, outputs, name="resnet1d")


def _check(input_samples, n_classes, width, l2, dropout, bn_momentum):
    if input_samples < SMALLEST_INPUT:
        raise ValueError(
            f"input_samples={input_samples} is too short: the stride and the nine poolings by "
            f"three need at least {SMALLEST_INPUT} samples (2.68 s at 22 050 Hz). Use a longer "
            "window."
        )
    ranges = {
        "n_classes": (n_classes, n_classes >= 2, "at least 2"),
        "width": (width, width > 0, "above 0"),
        "l2": (l2, l2 >= 0, "0 or more"),
        "dropout": (dropout, 0 <= dropout < 1, "in [0, 1)"),
        "bn_momentum": (bn_momentum, 0 <= bn_momentum < 1, "in [0, 1)"),
    }
    for name, (value, in_range, expected) in ranges.items():
        if not in_range:
            raise ValueError(f"{name}={value} was given; expected a value {expected}.")
