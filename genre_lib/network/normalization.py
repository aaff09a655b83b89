"""Normalise on TensorFlow in fewer passes over memory than Keras 3 does."""

import keras

_ROW = 256  # numbers in a row of group normalisation, at most


@keras.saving.register_keras_serializable(package="genre_lib")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization`, trained with TensorFlow's fused kernel.

    Weights, settings and results are the same, up to rounding. Keras passes over memory several
    times, the kernel only once (a sixth of the time on a CPU). On other backends, over another axis
    than the last, without scale or offset, and in inference, it is Keras' own layer. Masks raise an
    error.

    Examples
    --------
    >>> FusedBatchNormalization(momentum=0.9)(keras.ops.ones((2, 3, 4)), training=True).shape
    TensorShape([2, 3, 4])
    """

    def call(self, inputs, training=None, mask=None):
        """Map (batch, ..., channels) to the same shape; in training, with batch statistics."""
        if mask is not None:
            raise ValueError(f"{self.name}: a mask was given, but masks are not supported.")
        fused = keras.backend.backend() == "tensorflow" and self.axis in (-1, inputs.ndim - 1)
        fused = fused and self.center and self.scale and not self.synchronized
        if not (training and self.trainable and fused):
            return super().call(inputs, training=training)
        import tensorflow as tf

        # The kernel takes images: all axes but the channels become the rows of one.
        image = tf.reshape(inputs, (1, 1, -1, inputs.shape[-1]))
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=image,
            scale=tf.convert_to_tensor(self.gamma),
            offset=tf.convert_to_tensor(self.beta),
            mean=tf.zeros(0),
            variance=tf.zeros(0),
            epsilon=self.epsilon,
        )
        # Of n values, the kernel returns the unbiased variance, and Keras keeps the biased one.
        n = tf.cast(tf.shape(image)[2], variance.dtype)
        biased, rest = variance * (n - 1) / n, 1 - self.momentum
        self.moving_mean.assign(self.moving_mean * self.momentum + mean * rest)
        self.moving_variance.assign(self.moving_variance * self.momentum + biased * rest)
        return tf.reshape(outputs, tf.shape(inputs))


@keras.saving.register_keras_serializable(package="genre_lib")
class LeanGroupNormalization(keras.layers.GroupNormalization):
    """`keras.layers.GroupNormalization` of segments, with the gradient written out.

    Weights, settings and results are the same, up to rounding. TensorFlow differentiates Keras' own
    layer pass by pass, which takes two to three times as long. On other backends, in other
    precisions than float32, and for anything but (batch, steps, channels) with scale and offset, it
    is Keras' own layer.

    Examples
    --------
    >>> LeanGroupNormalization(groups=2)(keras.ops.ones((2, 3, 4))).shape
    TensorShape([2, 3, 4])
    """

    def call(self, inputs):
        """Map (batch, steps, channels) to the same shape."""
        lean = keras.backend.backend() == "tensorflow" and self.compute_dtype == "float32"
        lean = lean and inputs.ndim == 3 and self.axis in (-1, 2)
        if not (lean and self.center and self.scale):
            return super().call(inputs)
        import tensorflow as tf

        return tf.custom_gradient(self._normalize)(
            inputs, tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta)
        )

    def _normalize(self, x, gamma, beta):
        import tensorflow as tf

        # TensorFlow is slow with rows of few numbers. So a row has several steps, if it is known
        # how many there are.
        _, n_steps, n_channels = x.shape
        most = max(1, _ROW // n_channels)
        in_row = next(count for count in range(most, 0, -1) if (n_steps or 1) % count == 0)
        shape, steps = tf.shape(x), tf.cast(tf.shape(x)[1], x.dtype)

        def in_rows(values):
            return tf.reshape(values, (shape[0], -1, in_row * n_channels))

        def row_of(by_channel):
            return tf.tile(by_channel, (1, in_row))[:, None]

        def total(rows):
            row = tf.reshape(tf.reduce_sum(rows, axis=1), (-1, in_row, n_channels))
            return tf.reduce_sum(row, axis=1)

        x = in_rows(x)
        mean = self._over_groups(total(x) / steps)
        variance = total(tf.math.squared_difference(x, row_of(mean))) / steps
        inverse = tf.math.rsqrt(self._over_groups(variance) + self.epsilon)
        factor = inverse * gamma

        def gradient(upstream):
            # With normalised inputs n = (x - mean) * inverse and their gradient g, that of x is
            # inverse * (g - mean(g) - n * mean(g * n)), with means over the group.
            upstream = in_rows(upstream)
            of_beta = total(upstream)
            of_gamma = (total(upstream * x) - mean * of_beta) * inverse
            level = self._over_groups(of_beta * gamma) / steps
            slope = inverse**2 * self._over_groups(of_gamma * gamma) / steps
            of_x = upstream * row_of(factor) - x * row_of(slope)
            of_x += row_of(mean * slope - inverse * level)
            of_weights = tf.reduce_sum(of_gamma, axis=0), tf.reduce_sum(of_beta, axis=0)
            return tf.reshape(of_x, shape), *of_weights

        outputs = x * row_of(factor) + row_of(beta - mean * factor)
        return tf.reshape(outputs, shape), gradient

    def _over_groups(self, values):
        """Replace values of shape (batch, channels) by the mean of their group."""
        import tensorflow as tf

        # Not Keras' operations: in a whole network, tracing them took two and a half seconds.
        grouped = tf.reshape(values, (-1, self.groups, values.shape[-1] // self.groups))
        mean = tf.reduce_mean(grouped, axis=2, keepdims=True)
        return tf.reshape(tf.broadcast_to(mean, tf.shape(grouped)), tf.shape(values))
