import keras
import numpy as np
import pytest

from genre_lib.network import build_resnet1d
from genre_lib.network.inference import fold, predict

WINDOW = 59_049


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
    model.compile(jit_compile=False)
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


def test_half_precision_is_not_folded():
    assert fold(build_resnet1d(WINDOW, 4, width=1 / 32, dtype="mixed_bfloat16")) is None


def test_a_network_that_cannot_be_folded_predicts_as_it_is():
    model = network(normalization="group")
    assert fold(model) is None
    np.testing.assert_allclose(
        predict(model, Batches()), model.predict(Batches.x, batch_size=3, verbose=0), atol=1e-6
    )
