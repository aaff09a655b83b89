"""Replace weights by their averages over the last updates."""

import keras
import numpy as np


class AveragedWeights(keras.callbacks.Callback):
    """Puts the averages of an optimizer with `use_ema` into the model from validation to the end
    of the epoch, so that callbacks listed before this one keep what was validated.

    `keras.callbacks.SwapEMAWeights` restores the weights before early stopping reads them and, on
    TensorFlow, rounds them each time (Polyak and Juditsky 1992, *Acceleration of Stochastic
    Approximation by Averaging*).
    """

    def on_test_begin(self, logs=None):
        variables = self.model.trainable_variables
        self._weights = _copies(variables)
        self.model.optimizer.finalize_variable_values(variables)
        # On JAX, these are now the optimizer's arrays, whose memory a step may reuse.
        _assign(variables, _copies(variables))

    def on_epoch_end(self, epoch, logs=None):
        _assign(self.model.trainable_variables, self._weights)


def _copies(variables):
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
