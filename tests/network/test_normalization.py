import keras
import numpy as np
import pytest

from genre_lib.network import build_resnet1d
from genre_lib.network.accumulation import GradientAccumulationModel
from genre_lib.network.normalization import FusedBatchNormalization, LeanGroupNormalization

PLAIN = keras.layers.BatchNormalization
SHAPE = (4, 50, 6)


def samples(seed=0, shape=SHAPE):
    scale = np.linspace(0.1, 5, shape[-1])
    return (scale * np.random.default_rng(seed).normal(3, 2, shape)).astype("float32")


def train(kind, n_updates=5, dtype=None, **choices):
    """Return the outputs of a little network with the layer, and all its weights after updates."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input(SHAPE[1:])
    x = keras.layers.Conv1D(8, 3, dtype=dtype)(inputs)
    x = kind(momentum=0.8, dtype=dtype, name="norm", **choices)(x)
    x = keras.layers.GlobalAveragePooling1D(dtype=dtype)(keras.ops.leaky_relu(x))
    model = keras.Model(inputs, keras.layers.Dense(2, dtype="float32")(x))
    model.compile(keras.optimizers.SGD(0.05), "mse")
    targets = np.random.default_rng(1).normal(size=(SHAPE[0], 2))
    for seed in range(n_updates):
        model.train_on_batch(samples(seed), targets)
    return model.predict(samples(99), verbose=0), model.get_weights()


@pytest.mark.tensorflow
@pytest.mark.parametrize(("dtype", "tolerance"), [(None, 1e-5), ("mixed_bfloat16", 0.05)])
def test_training_is_that_of_keras_own_layer(dtype, tolerance):
    outputs, weights = train(FusedBatchNormalization, dtype=dtype)
    expected_outputs, expected = train(PLAIN, dtype=dtype)
    np.testing.assert_allclose(outputs, expected_outputs, atol=tolerance, rtol=tolerance)
    for weight, other in zip(weights, expected, strict=True):
        np.testing.assert_allclose(weight, other, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("shape", [(3, 7, 5), (2, 3, 4, 5), (16, 5), (1, 1, 5)])
def test_outputs_and_moving_statistics_are_those_of_keras_own_layer(shape):
    layers = [kind(momentum=0.9) for kind in (FusedBatchNormalization, PLAIN)]
    x = samples(shape=shape)
    for layer in layers:
        layer.build(shape)
    outputs = [np.asarray(layer(x, training=True)) for layer in layers]
    np.testing.assert_allclose(*outputs, atol=1e-4)
    for ours, keras_own in zip(*(layer.get_weights() for layer in layers), strict=True):
        np.testing.assert_allclose(ours, keras_own, rtol=1e-4, atol=1e-6)
    outputs = [np.asarray(layer(x, training=False)) for layer in layers]
    np.testing.assert_allclose(*outputs, rtol=1e-4, atol=1e-4)


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    "choices", [{"axis": 1}, {"center": False}, {"scale": False}, {"trainable": False}]
)
def test_other_choices_are_those_of_keras_own_layer(choices):
    results = [train(kind, **choices)[0] for kind in (FusedBatchNormalization, PLAIN)]
    np.testing.assert_allclose(*results, atol=1e-5)


def test_a_mask_is_refused():
    layer = FusedBatchNormalization(name="norm_in")
    with pytest.raises(ValueError, match="norm_in: a mask was given"):
        layer(samples(), training=True, mask=np.ones(SHAPE[:2], bool))


def test_it_has_the_names_and_settings_of_keras_own_layer():
    ours, plain = (kind(momentum=0.5, epsilon=1e-5) for kind in (FusedBatchNormalization, PLAIN))
    for layer in (ours, plain):
        layer.build(SHAPE)
    assert [w.path.split("/")[-1] for w in ours.weights] == [
        w.path.split("/")[-1] for w in plain.weights
    ]
    same = ours.get_config(), plain.get_config()
    assert {**same[0], "name": ""} == {**same[1], "name": ""}
    assert FusedBatchNormalization.from_config(ours.get_config()).epsilon == 1e-5


def test_a_network_with_it_is_saved_and_loaded(tmp_path):
    model = build_resnet1d(59_049, 3, width=1 / 64)
    model.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    assert isinstance(loaded.get_layer("norm_in"), FusedBatchNormalization)
    x = np.random.default_rng(0).integers(-1000, 1000, (2, 59_049, 1), np.int16)
    np.testing.assert_array_equal(model.predict(x, verbose=0), loaded.predict(x, verbose=0))


@pytest.mark.tensorflow
def test_micro_batches_move_its_statistics_one_after_the_other():
    weights = []
    for kind in (FusedBatchNormalization, PLAIN):
        keras.utils.set_random_seed(0)
        inputs = keras.Input(SHAPE[1:])
        norm = kind(momentum=0.5)
        x = keras.layers.GlobalAveragePooling1D()(norm(inputs))
        model = GradientAccumulationModel(inputs, keras.layers.Dense(2)(x), micro_batch_size=3)
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.fit(samples(shape=(8, *SHAPE[1:])), np.zeros((8, 2)), batch_size=8, verbose=0)
        weights.append(norm.get_weights())
    for ours, plain in zip(*weights, strict=True):
        np.testing.assert_allclose(ours, plain, rtol=1e-4, atol=1e-6)


def grouped(kind, groups=4):
    """A function that makes a group normalisation, as `train` makes a batch normalisation."""
    return lambda momentum, **choices: kind(groups, **choices)


@pytest.mark.tensorflow
@pytest.mark.parametrize("groups", [8, 4, 1])
@pytest.mark.parametrize(
    "choices",
    [{}, {"dtype": "mixed_bfloat16"}, {"axis": 1, "groups": 1}, {"center": False, "scale": False}],
)
def test_group_normalisation_trains_as_keras_own_layer_does(groups, choices):
    choices = dict(choices)
    groups = choices.pop("groups", groups)
    kinds = (LeanGroupNormalization, keras.layers.GroupNormalization)
    (outputs, weights), (expected_outputs, expected) = (
        train(grouped(kind, groups), **choices) for kind in kinds
    )
    np.testing.assert_allclose(outputs, expected_outputs, rtol=1e-4, atol=1e-5)
    for weight, other in zip(weights, expected, strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 7, 4), (2, 3, 5, 4), (3, 4)])
def test_group_normalisation_has_the_outputs_of_keras_own_layer(shape):
    layers = [LeanGroupNormalization(2), keras.layers.GroupNormalization(2)]
    x = samples(shape=shape)
    np.testing.assert_allclose(*(np.asarray(layer(x)) for layer in layers), atol=1e-5)


def test_group_normalisation_need_not_know_how_many_steps_there_are():
    inputs = keras.Input((None, SHAPE[-1]))
    model = keras.Model(inputs, LeanGroupNormalization(3)(inputs))
    expected = keras.layers.GroupNormalization(3)(samples())
    np.testing.assert_allclose(model.predict(samples(), verbose=0), expected, atol=1e-5)


@pytest.mark.tensorflow
def test_group_normalisation_in_micro_batches_is_that_of_the_batch():
    def train_in(micro_batch_size):
        keras.utils.set_random_seed(0)
        inputs = keras.Input(SHAPE[1:])
        x = LeanGroupNormalization(3)(keras.layers.Conv1D(6, 3)(inputs))
        x = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling1D()(keras.ops.tanh(x)))
        model = GradientAccumulationModel(inputs, x, micro_batch_size)
        model.compile(keras.optimizers.SGD(0.05), "mse")
        model.train_on_batch(samples(), np.ones((SHAPE[0], 2)))
        return model.get_weights()

    for small, whole in zip(train_in(1), train_in(SHAPE[0]), strict=True):
        np.testing.assert_allclose(small, whole, rtol=1e-4, atol=1e-6)
