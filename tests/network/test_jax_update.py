import keras
import numpy as np
import pytest
from keras import layers, ops

from genre_lib.network import GradientAccumulationModel

if keras.backend.backend() != "jax":
    pytest.skip("updates on JAX", allow_module_level=True)

from genre_lib.network.jax_update import JaxUpdate

X = np.random.default_rng(0).normal(size=(47, 64, 4)).astype("float32")
Y = X[:, :3, 0]


def model(loss):
    keras.utils.set_random_seed(1)
    x = inputs = keras.Input((None, 4))
    for _ in range(3):
        x = layers.Conv1D(16, 3, padding="same", activation="relu")(x)
    outputs = layers.Dense(3)(layers.Dropout(0.5)(layers.GlobalAveragePooling1D()(x)))
    model = GradientAccumulationModel(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["mae"])
    return model


def spread(y, p):
    """A loss of the whole batch."""
    return ops.sum(ops.square(y - p)) / (1 + ops.std(p))


@pytest.mark.parametrize("loss", ["mse", spread])
def test_one_loop_of_xla_and_a_loop_in_python_compute_the_same(loss, monkeypatch):
    def train():
        trained = model(loss)
        history = trained.fit(X, Y, batch_size=27, epochs=2, verbose=0).history
        return trained.get_weights(), history

    weights, history = train()
    monkeypatch.setattr(JaxUpdate, "is_better_in_parts", lambda self: False)
    others, other_history = train()
    for one, other in zip(weights, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    for name, values in history.items():
        np.testing.assert_allclose(other_history[name], values, rtol=1e-5)
