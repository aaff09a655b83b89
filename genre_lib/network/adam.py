"""Update the weights on TensorFlow in fewer operations than Keras 3 does."""

import keras


@keras.saving.register_keras_serializable(package="genre_lib")
class FusedAdam(keras.optimizers.Adam):
    """`keras.optimizers.Adam`, computed with TensorFlow's fused kernel.

    Variables, settings and results are the same, up to rounding. Keras computes the update of each
    variable in some thirty operations, here there are ten. With ninety variables, that saves more
    than a third of what TensorFlow traces before the first update. On other backends, for sparse
    gradients, with ``amsgrad`` and with ``gradient_accumulation_steps``, it is Keras' own.

    Examples
    --------
    >>> FusedAdam(0.002).get_config()["beta_2"]
    0.999
    """

    def update_step(self, gradient, variable, learning_rate):
        """Update one variable, which is the backend's and not Keras' own."""
        own = self.amsgrad or self.gradient_accumulation_steps
        # A sparse gradient has indices.
        if keras.backend.backend() != "tensorflow" or own or hasattr(gradient, "indices"):
            return super().update_step(gradient, variable, learning_rate)
        import tensorflow as tf

        index, dtype = self._get_variable_index(variable), variable.dtype
        update = tf.cast(self.iterations.value + 1, dtype)
        return tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=self.beta_1**update,
            beta2_power=self.beta_2**update,
            lr=tf.cast(learning_rate, dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, dtype),
        )
