import dataclasses

import keras
import numpy as np
import pandas as pd
import pytest

from genre_lib import devices
from genre_lib.batches import SegmentBatches
from genre_lib.devices import Device, choose_compilation, choose_precision
from genre_lib.experiment import Networks, build_model, compile_model
from genre_lib.phases import ACCUMULATION, NORMAL, Phase
from genre_lib.profiles import SMOKE
from genre_lib.resnet1d import SMALLEST_INPUT, build_resnet1d
from genre_lib.runs import Run

H100 = Device("H100", True, (9, 0), 80 * 2**30)
T4 = Device("T4", True, (7, 5), 16 * 2**30)
P100 = Device("P100", True, (6, 0), 16 * 2**30)
CPU = Device()

on_jax = pytest.mark.skipif(keras.backend.backend() != "jax", reason="samples stay on JAX's device")


@pytest.fixture(scope="module")
def segments():
    """Six segments of noise with two labels."""
    rng = np.random.default_rng(0)
    samples = rng.integers(-8000, 8000, (6, SMALLEST_INPUT, 1)).astype(np.int16)
    return samples, np.arange(6) % 2


@dataclasses.dataclass
class Store:
    """As much of a store as batches ask for."""

    samples: np.ndarray
    folder: str = "store"

    def read(self, starts, window):
        return np.stack([self.samples[start : start + window] for start in starts])


@pytest.fixture
def store():
    return Store(np.random.default_rng(1).integers(-(2**15), 2**15, 5000).astype(np.int16))


@pytest.mark.parametrize(
    ("device", "precision"),
    [
        (H100, "mixed_bfloat16"),
        (T4, "mixed_float16"),
        (P100, "float32"),
        (Device("unknown", True), "float32"),
        (CPU, "float32"),
    ],
)
def test_the_device_chooses_the_precision_unless_it_is_given(device, precision):
    assert choose_precision("auto", device) == precision
    assert choose_precision("mixed_float16", device) == "mixed_float16"


def test_a_precision_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match=r"precision='half': expected one of auto, float32"):
        choose_precision("half", CPU)


def test_compiled_is_what_is_faster_compiled_unless_it_is_given():
    assert choose_compilation("auto", H100) is True
    assert choose_compilation("auto", CPU) is (keras.backend.backend() == "jax")
    assert choose_compilation(False, H100) is False
    assert choose_compilation(True, CPU) is True


def test_the_device_that_is_there_is_described():
    described = devices.describe_computation(dataclasses.replace(SMOKE, precision="float32"))
    assert described["precision"] == "float32"
    assert described["backend"] == keras.backend.backend()
    assert described["device"] == devices.find_device().name
    on_gpu = devices.find_device().is_gpu
    assert (devices.memory_peak() is not None) == on_gpu


def test_a_precision_is_the_networks_own():
    before = keras.config.dtype_policy().name
    network = build_resnet1d(SMALLEST_INPUT, 2, width=1 / 32, dtype="mixed_bfloat16")
    assert keras.config.dtype_policy().name == before
    block = network.get_layer("res1d_3")
    parts = [block.conv1, block.norm2, block.shortcut_conv, network.get_layer("pool_1")]
    assert {part.compute_dtype for part in parts} == {"bfloat16"}
    assert {variable.dtype for variable in network.variables} == {"float32"}
    assert network.outputs[0].dtype == "float32"


def train(precision, phase, segments, steps=2):
    profile = dataclasses.replace(SMOKE, precision=precision, micro_batch_size=4)
    model = build_model(Run(profile, phase, 0, seed=3), 2)
    samples, labels = segments
    losses = [float(model.train_on_batch(samples, labels)[0]) for _ in range(steps)]
    return model, losses, model.predict(samples, verbose=0)


@pytest.mark.parametrize(
    ("precision", "phase"), [("mixed_bfloat16", NORMAL), ("mixed_float16", ACCUMULATION)]
)
def test_half_precision_learns_as_single_precision_does(precision, phase, segments, tmp_path):
    _, single_losses, single_probabilities = train("float32", phase, segments)
    model, losses, probabilities = train(precision, phase, segments)
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (precision == "mixed_float16")
    np.testing.assert_allclose(losses, single_losses, rtol=0.1)
    np.testing.assert_allclose(probabilities, single_probabilities, atol=0.1)

    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_layer("res1d_1").conv2.compute_dtype == precision.removeprefix("mixed_")
    np.testing.assert_allclose(loaded.predict(segments[0], verbose=0), probabilities, atol=1e-3)
    again = loaded.train_on_batch(*segments)[0], model.train_on_batch(*segments)[0]
    np.testing.assert_allclose(*again, rtol=0.01)


def test_rematerialised_blocks_compute_in_half_precision(segments):
    profile = dataclasses.replace(SMOKE, precision="mixed_bfloat16")
    results = []
    for rematerialize in (False, True):
        keras.utils.set_random_seed(0)
        model = compile_model(profile, Phase("whole"), 2, rematerialize)
        results.append([model.train_on_batch(*segments)[0] for _ in range(2)])
    np.testing.assert_allclose(*results, rtol=0.05)


def test_a_network_is_given_again_in_half_precision(segments):
    profile = dataclasses.replace(SMOKE, precision="mixed_float16")
    run, networks = Run(profile, NORMAL, 0, seed=3), Networks()
    losses = []
    for _ in range(2):
        model = networks.give(run, 2)
        losses.append([model.train_on_batch(*segments)[0] for _ in range(2)])
    np.testing.assert_allclose(*losses, rtol=1e-3)


def test_samples_travel_as_sixteen_bits(segments):
    model = build_model(Run(SMOKE, NORMAL, 0), 2)
    step, seen = model.train_step, []

    def watch(*args):
        seen.append(keras.backend.standardize_dtype(args[-1][0].dtype))
        return step(*args)

    model.train_step = watch
    samples, labels = segments
    store = Store(samples.ravel())
    table = pd.DataFrame({"start": np.arange(6) * SMALLEST_INPUT, "label": labels})
    batches = SegmentBatches(store, table, 3, window=SMALLEST_INPUT)
    model.fit(batches, verbose=0)
    assert set(seen) == {"int16"}


@on_jax
def test_segments_are_the_same_from_the_device(store):
    starts = np.array([4000, 0, 17, 3999])
    on_device = devices.SamplesOnDevice(store)
    cut = on_device.read(starts, 1000)
    assert cut.dtype == np.int16
    np.testing.assert_array_equal(cut, store.read(starts, 1000))


@on_jax
def test_training_is_the_same_from_the_device(segments):
    samples, labels = segments
    host = Store(samples.ravel())
    table = pd.DataFrame({"start": np.arange(6) * SMALLEST_INPUT, "label": labels})
    results = []
    for store in (host, devices.SamplesOnDevice(host)):
        model = build_model(Run(SMOKE, NORMAL, 0, seed=5), 2)
        batches = SegmentBatches(store, table, 4, window=SMALLEST_INPUT, seed=2)
        history = model.fit(batches, epochs=2, shuffle=False, verbose=0).history
        results.append((history["loss"], model.predict(batches, verbose=0)))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_samples_go_to_the_device_where_they_fit(store, monkeypatch):
    monkeypatch.setattr(devices, "find_device", lambda: CPU)
    assert devices.nearest_samples(store) is store
    small = Device("small", True, (8, 0), memory=2 * store.samples.nbytes)
    monkeypatch.setattr(devices, "find_device", lambda: small)
    assert devices.nearest_samples(store) is store
    monkeypatch.setattr(devices, "find_device", lambda: H100)
    near = devices.nearest_samples(store)
    if keras.backend.backend() == "jax":
        assert isinstance(near, devices.SamplesOnDevice)
        assert devices.nearest_samples(Store(store.samples)) is near  # of the same folder
        assert devices.nearest_samples(Store(store.samples, "other")) is not near
    else:
        assert near is store
