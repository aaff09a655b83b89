import dataclasses

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers

from genre_lib.network import SegmentBatches, batches
from genre_lib.network.batches import SamplesOnDevice, feed, nearest_samples
from genre_lib.network.devices import Device

WINDOW = 22_050

on_jax = pytest.mark.skipif(keras.backend.backend() != "jax", reason="samples stay on JAX's device")


def everything(batches):
    samples, labels = zip(*(batches[k] for k in range(len(batches))), strict=True)
    return np.concatenate(samples), np.concatenate(labels)


def test_batches_hold_every_segment_once_with_its_label(tone_store):
    segments = tone_store.segments(window=WINDOW)
    batches = SegmentBatches(tone_store, segments, 8, window=WINDOW, seed=3)
    samples, labels = everything(batches)
    assert len(batches) == -(-len(segments) // 8)
    assert samples.shape == (len(segments), WINDOW, 1)
    assert samples.dtype == np.int16
    expected = tone_store.read(segments["start"], WINDOW)
    found = {sample.tobytes(): label for sample, label in zip(samples, labels, strict=True)}
    wanted = {row.tobytes(): label for row, label in zip(expected, segments["label"], strict=True)}
    assert found == wanted


def test_batches_keep_the_order_without_a_seed(tone_store):
    segments = tone_store.segments(window=WINDOW)
    samples, labels = everything(SegmentBatches(tone_store, segments, 8, window=WINDOW))
    np.testing.assert_array_equal(labels, segments["label"])
    np.testing.assert_array_equal(samples[..., 0], tone_store.read(segments["start"], WINDOW))


def test_the_order_depends_on_seed_and_epoch_alone(tone_store):
    segments = tone_store.segments(window=WINDOW)

    def orders(seed):
        batches = SegmentBatches(tone_store, segments, 8, window=WINDOW, seed=seed)
        for _ in range(3):
            yield everything(batches)[0].tobytes()
            batches.on_epoch_end()

    first, again, other = list(orders(1)), list(orders(1)), list(orders(2))
    assert first == again
    assert len({*first, *other}) == 6


@dataclasses.dataclass
class Store:
    """The part of a store that batches use."""

    samples: np.ndarray
    folder: str = "store"

    def read(self, starts, window):
        return np.stack([self.samples[start : start + window] for start in starts])


@pytest.fixture
def store():
    return Store(np.random.default_rng(1).integers(-(2**15), 2**15, 5000).astype(np.int16))


def short_batches(store, seed=None):
    """Twelve segments of 243 samples with two labels, in batches of five."""
    table = pd.DataFrame({"start": np.arange(12) * 243, "label": np.arange(12) % 2})
    return SegmentBatches(store, table, 5, window=243, seed=seed)


def short_network(kind=keras.Model):
    """A small network for them, compiled, with the same weights each time."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((243, 1))
    x = layers.Conv1D(4, 9, strides=3, activation="relu")(layers.Rescaling(1 / 2**15)(inputs))
    x = layers.GlobalAveragePooling1D()(x)
    model = kind(inputs, layers.Dense(2, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def test_samples_travel_as_sixteen_bits(store):
    arrived = set()

    class Watching(keras.Model):
        def train_step(self, *args):
            arrived.add(keras.backend.standardize_dtype(args[-1][0].dtype))
            return super().train_step(*args)

    short_network(Watching).fit(short_batches(store), verbose=0)
    assert arrived == {"int16"}


def test_fed_to_fit_they_train_the_same_in_every_epoch(tone_store):
    segments = tone_store.segments(window=WINDOW).iloc[::3]
    weights = []
    for is_fed in (False, True):
        keras.utils.set_random_seed(0)
        batches = SegmentBatches(tone_store, segments, 3, window=WINDOW, seed=3)
        given = feed(batches) if is_fed else batches
        if given is not batches:
            batches.on_epoch_end()
        inputs = keras.Input((WINDOW, 1))
        x = layers.AveragePooling1D(WINDOW // 20)(layers.Rescaling(1e-4)(inputs))
        model = keras.Model(inputs, layers.Dense(2, "softmax")(layers.Flatten()(x)))
        model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
        after = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda *_, given=given, batches=batches: (
                given is batches or batches.on_epoch_end()
            )
        )
        model.fit(given, epochs=3, shuffle=False, verbose=0, callbacks=[after])
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_several_workers_are_refused_where_keras_mixes_up_epochs(store):
    data = short_batches(store, seed=3)
    data.workers = 3
    if keras.backend.backend() == "jax":
        with pytest.raises(ValueError, match=r"workers=3.*one worker"):
            short_network().fit(data, verbose=0)
        return
    single = short_batches(store, seed=3)
    losses = [short_network().fit(d, epochs=3, verbose=0).history["loss"] for d in (data, single)]
    np.testing.assert_allclose(*losses, rtol=1e-6)


@on_jax
def test_segments_are_the_same_from_the_device(store):
    starts = np.array([4000, 0, 17, 3999])
    cut = SamplesOnDevice(store).read(starts, 1000)
    assert cut.dtype == np.int16
    np.testing.assert_array_equal(cut, store.read(starts, 1000))


@on_jax
def test_training_is_the_same_from_the_device(store):
    results = []
    for samples in (store, SamplesOnDevice(store)):
        model, data = short_network(), short_batches(samples, seed=2)
        history = model.fit(data, epochs=2, shuffle=False, verbose=0).history
        results.append((history["loss"], model.predict(data, verbose=0)))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_samples_go_to_the_device_if_they_fit(store, monkeypatch):
    def computing_on(device):
        monkeypatch.setattr(batches, "find_device", lambda: device)
        return nearest_samples(store)

    assert computing_on(Device()) is store
    assert computing_on(Device("small", True, (8, 0), memory=2 * store.samples.nbytes)) is store
    near = computing_on(Device("H100", True, (9, 0), memory=80 * 2**30))
    if keras.backend.backend() == "jax":
        assert isinstance(near, SamplesOnDevice)
        assert nearest_samples(Store(store.samples)) is near  # of the same folder
        assert nearest_samples(Store(store.samples, "other")) is not near
    else:
        assert near is store
