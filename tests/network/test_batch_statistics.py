import keras
import numpy as np
import pytest

from genre_lib.network import ReestimatedStatistics, build_resnet1d, compare_statistics
from genre_lib.network.batch_statistics import reestimate
from genre_lib.waveform import SHORTEST_WINDOW


class Batches(keras.utils.PyDataset):
    def __init__(self, x, y, size):
        super().__init__()
        self.x, self.y, self.size = x, y, size

    def __len__(self):
        return len(self.x) // self.size

    def __getitem__(self, index):
        rows = slice(index * self.size, (index + 1) * self.size)
        return self.x[rows], self.y[rows]


@pytest.fixture
def batches():
    rng = np.random.default_rng(0)
    x = rng.normal(3, 2, size=(64, 5, 2)).astype("float32")
    return Batches(x, rng.integers(2, size=64), 16)


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((5, 2))
    x = keras.layers.BatchNormalization(momentum=0.99, name="norm")(inputs)
    x = keras.layers.GlobalAveragePooling1D()(x)
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(x))
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def test_the_statistics_become_those_of_all_batches(model, batches):
    reestimate(model, batches)
    norm = model.get_layer("norm")
    np.testing.assert_allclose(norm.moving_mean, batches.x.mean(axis=(0, 1)), rtol=1e-5)
    variance = np.mean([batches[i][0].var(axis=(0, 1)) for i in range(4)], axis=0)
    np.testing.assert_allclose(norm.moving_variance, variance, rtol=1e-5)
    assert norm.momentum == 0.99


def test_every_normalisation_inside_the_blocks_is_reached():
    model = build_resnet1d(SHORTEST_WINDOW, 3, width=0.03125)
    before = [keras.ops.convert_to_numpy(v).copy() for v in model.non_trainable_weights]
    noise = np.random.default_rng(0).integers(-20_000, 20_000, (4, SHORTEST_WINDOW, 1), np.int16)
    reestimate(model, Batches(noise, np.zeros(4), 4))
    after = [keras.ops.convert_to_numpy(v) for v in model.non_trainable_weights]
    assert len(after) == 44
    assert not any(np.array_equal(old, new) for old, new in zip(before, after, strict=True))


def test_validation_sees_them_and_training_continues(model, batches):
    callback = ReestimatedStatistics(batches)
    weights = model.get_layer("norm").get_weights()
    model.fit(batches, validation_data=batches, epochs=2, callbacks=[callback], verbose=0)
    norm = model.get_layer("norm")
    # With the moving average of eight updates the mean would still be at 8% of the way.
    np.testing.assert_allclose(norm.moving_mean, batches.x.mean(axis=(0, 1)), rtol=1e-4)
    assert not np.allclose(norm.get_weights()[0], weights[0])


def test_small_micro_batches_are_further_from_the_whole():
    keras.utils.set_random_seed(1)
    model = build_resnet1d(SHORTEST_WINDOW, 3, width=0.03125)
    rng = np.random.default_rng(0)
    level = rng.uniform(100, 10_000, size=(12, 1, 1))
    samples = (level * rng.normal(size=(12, SHORTEST_WINDOW, 1))).astype(np.int16)
    far, near = (compare_statistics(model, samples, size) for size in (2, 6))
    whole = compare_statistics(model, samples, 12)
    assert list(far["layer"]) == ["norm_in", "norm_out"]
    assert (far["deviation"] > near["deviation"]).all()
    assert (whole[["mean", "deviation"]].to_numpy() < 1e-4).all()
