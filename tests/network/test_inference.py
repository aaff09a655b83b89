import keras
import numpy as np
import pytest

from genre_lib.network import build_resnet1d
from genre_lib.network.devices import choose_compilation, find_device
from genre_lib.network.inference import evaluate, fold, predict

WINDOW = 59_049
COMPILED = {"jit_compile": choose_compilation("auto", find_device())}


class Batches(keras.utils.PyDataset):
    """Two batches, the second smaller than the first."""

    x = np.random.default_rng(0).integers(-30_000, 30_000, (5, WINDOW, 1), np.int16)

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return self.x[3 * index : 3 * index + 3], np.zeros(5)[3 * index : 3 * index + 3]


def network(**choices):
    """A network whose statistics are not those that it is made with."""
    keras.utils.set_random_seed(0)
    model = build_resnet1d(WINDOW, 4, width=1 / 32, **choices)
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if weight.name in ("moving_mean", "beta", "bias"):
            weight.assign(rng.normal(0, 0.3, weight.shape))
        elif weight.name in ("moving_variance", "gamma"):
            weight.assign(rng.uniform(0.5, 2, weight.shape))
    model.compile(**COMPILED)
    return model


@pytest.mark.parametrize("choices", [{}, {"dropout": 0.5}, {"levels": 4}, {"levels": 10}])
def test_the_folded_network_predicts_what_the_network_predicts(choices):
    model = network(**choices)
    assert fold(model) is not None
    expected = model.predict(Batches.x, verbose=0)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(predict(model, Batches()), expected, atol=1e-5)


def test_the_folded_network_predicts_the_same_whatever_keras_json_says(keras_json):
    model = network()
    expected = predict(model, Batches())
    keras_json(image_data_format="channels_first", floatx="float16", epsilon=0.1)
    np.testing.assert_array_equal(predict(model, Batches()), expected)


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_in_half_precision_the_folded_network_is_as_close_as_the_network_itself(dtype):
    model, choices = network(dtype=dtype, levels=4), {"verbose": 0, "batch_size": 3}
    exact, expected = (m.predict(Batches.x, **choices) for m in (network(levels=4), model))
    assert fold(model) is not None
    found = predict(model, Batches())
    assert found.dtype == np.float32
    assert np.abs(found - exact).max() <= 2 * np.abs(expected - exact).max() < 0.3


class Labelled(Batches):
    """The same batches with genres, as integers or as shares."""

    genres = np.array([3, 0, 1, 1, 2], np.int32)
    shares = np.random.default_rng(2).dirichlet(np.ones(4), 5).astype(np.float32)

    def __init__(self, of="genres"):
        super().__init__()
        self.y = getattr(self, of)

    def __getitem__(self, index):
        return super().__getitem__(index)[0], self.y[3 * index : 3 * index + 3]


@pytest.mark.parametrize("choices", [{}, {"l2": 0.01, "levels": 4}, {"normalization": "group"}])
@pytest.mark.parametrize("of", ["genres", "shares"])
def test_the_evaluation_is_that_of_keras(of, choices):
    model = network(**choices)
    loss = {"genres": "sparse_categorical_crossentropy", "shares": "categorical_crossentropy"}[of]
    model.compile(loss=loss, metrics=["accuracy"], **COMPILED)
    batches = Labelled(of)
    expected = model.evaluate(batches, verbose=0, return_dict=True)
    assert evaluate(model, batches) == pytest.approx(expected, rel=1e-4)


def test_the_evaluation_knows_how_wrong_a_prediction_is_that_is_sure():
    model = network()
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"], **COMPILED)
    kernel = model.get_layer("output").kernel
    kernel.assign(kernel * 1e4)
    assert predict(model, Batches()).min() == 0  # whose logarithm is not finite
    expected = model.evaluate(Labelled(), verbose=0, return_dict=True)
    assert evaluate(model, Labelled()) == pytest.approx(expected, rel=1e-4)
    assert expected["loss"] > 10


def test_a_network_that_cannot_be_folded_predicts_as_it_is():
    model = network(normalization="group")
    assert fold(model) is None
    expected = model.predict(Batches(), verbose=0)
    np.testing.assert_allclose(predict(model, Batches()), expected, atol=1e-6)
