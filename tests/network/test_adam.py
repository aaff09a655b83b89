import keras
import numpy as np
import pytest

from genre_lib.network.adam import FusedAdam

PLAIN = keras.optimizers.Adam

# On other backends, it is Keras' own optimizer.
pytestmark = pytest.mark.tensorflow


def train(kind, dtype=None, jit_compile=False, **choices):
    """Return all weights of a little network and all values of its optimizer after 20 updates."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,), dtype="int32")
    # The gradient of an embedding is sparse.
    x = keras.layers.Flatten()(keras.layers.Embedding(10, 4)(inputs))
    x = keras.layers.Dense(8, activation="tanh", dtype=dtype)(x)
    model = keras.Model(inputs, keras.layers.Dense(2, dtype="float32")(x))
    optimizer = kind(0.01, **choices)
    if dtype == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(optimizer, "mse", jit_compile=jit_compile)
    rng = np.random.default_rng(1)
    for _ in range(20):
        model.train_on_batch(rng.integers(10, size=(5, 6)), rng.normal(size=(5, 2)))
    return [*model.get_weights(), *map(keras.ops.convert_to_numpy, model.optimizer.variables)]


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3, "weight_decay": 0.01, "clipnorm": 0.1},
        {"use_ema": True, "ema_momentum": 0.8},
        {"amsgrad": True},
        {"gradient_accumulation_steps": 3},
        {"dtype": "mixed_float16"},
        {"jit_compile": True},
    ],
    ids=str,
)
def test_training_is_that_of_keras_own_optimizer(choices):
    for ours, expected in zip(train(FusedAdam, **choices), train(PLAIN, **choices), strict=True):
        # The signs of gradients near zero decide, so that rounding shows in single steps.
        np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow's graphs")
def test_fewer_operations_are_traced():
    import tensorflow as tf

    def count(optimizer):
        variable = keras.Variable(np.ones(3))
        optimizer.build([variable])
        update = tf.function(lambda gradient: optimizer.apply([gradient], [variable]))
        graph = update.get_concrete_function(tf.TensorSpec((3,))).graph
        return len(graph.get_operations())

    assert count(FusedAdam()) < 0.7 * count(PLAIN())


def test_a_kept_network_goes_on_with_it(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(FusedAdam(0.01), "mse")
    x, y = np.ones((4, 3)), np.zeros((4, 2))
    model.fit(x, y, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.optimizer, FusedAdam)
    for one in (model, loaded):
        one.fit(x, y, epochs=2, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], loaded.get_weights()[0])
