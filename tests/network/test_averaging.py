import keras
import numpy as np
import pytest

from genre_lib.network.averaging import AveragedWeights

X = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
Y = X @ np.array([[1.0], [-2.0], [0.5]], np.float32)


class Weights(keras.callbacks.Callback):
    """Notes the kernel at each moment."""

    def __init__(self):
        super().__init__()
        self.updated, self.validated, self.ended = [], [], []

    def note(self, moments):
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()
        moments.append(keras.ops.convert_to_numpy(self.model.trainable_variables[0]).copy())

    def on_train_batch_end(self, batch, logs=None):
        self.note(self.updated)

    def on_test_batch_begin(self, batch, logs=None):
        if batch == 0:
            self.note(self.validated)

    def on_epoch_end(self, epoch, logs=None):
        self.note(self.ended)


def train(epochs, *callbacks, momentum=0.9, scaled=False):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, use_bias=False)])
    optimizer = keras.optimizers.SGD(0.05, use_ema=momentum > 0, ema_momentum=momentum or 0.9)
    optimizer = keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer
    model.compile(optimizer, "mse")
    data = {"x": X, "y": Y, "validation_data": (X, Y), "batch_size": 8}
    model.fit(**data, epochs=epochs, callbacks=[*callbacks], shuffle=False, verbose=0)
    return model


@pytest.mark.parametrize("scaled", [False, True])
def test_the_averages_are_validated_and_the_weights_are_trained(scaled):
    before, after, plain = Weights(), Weights(), Weights()
    train(3, before, AveragedWeights(), after, scaled=scaled)
    train(3, plain, momentum=0, scaled=scaled)
    np.testing.assert_array_equal(before.updated, plain.updated)  # as without averages, exactly
    average = before.updated[0]
    averages = [average := 0.9 * average + 0.1 * new for new in before.updated]
    np.testing.assert_allclose(before.validated, averages[2::3], rtol=1e-5)
    np.testing.assert_array_equal(before.ended, before.validated)
    np.testing.assert_array_equal(after.ended, before.updated[2::3])
    assert np.abs(np.subtract(before.validated, after.ended)).max() > 0.01


def test_early_stopping_keeps_the_averages_that_were_best():
    weights = Weights()
    stopping = keras.callbacks.EarlyStopping("val_loss", patience=9, restore_best_weights=True)
    model = train(4, stopping, AveragedWeights(), weights)
    np.testing.assert_array_equal(model.get_weights()[0], weights.validated[stopping.best_epoch])
