import dataclasses
import os
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers

from genre_lib.experiment.models import Networks, compile_model
from genre_lib.experiment.phases import NORMAL
from genre_lib.experiment.profiles import SMOKE
from genre_lib.experiment.runs import Run
from genre_lib.network import batches, devices
from genre_lib.network.accumulation import GradientAccumulationModel
from genre_lib.network.batches import SegmentBatches
from genre_lib.network.devices import Device, choose_compilation, choose_precision
from genre_lib.network.resnet1d import SMALLEST_INPUT, Res1D, build_resnet1d

H100 = Device("H100", True, (9, 0), 80 * 2**30)
T4 = Device("T4", True, (7, 5), 16 * 2**30)
P100 = Device("P100", True, (6, 0), 16 * 2**30)
CPU = Device()

on_jax = pytest.mark.skipif(keras.backend.backend() != "jax", reason="samples stay on JAX's device")


WINDOW = 243


@pytest.fixture(scope="module")
def segments():
    """Twelve segments of noise with two labels."""
    rng = np.random.default_rng(0)
    samples = rng.integers(-8000, 8000, (12, WINDOW, 1)).astype(np.int16)
    return samples, np.arange(12) % 2


def small_network(dtype="float32", rematerialize=False):
    """The layers of the network, of which two blocks; the same weights each time."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((WINDOW, 1))
    x = layers.Rescaling(1 / 2**15, dtype=dtype)(inputs)
    for filters in (4, 8):
        x = Res1D(filters, rematerialize=rematerialize, dtype=dtype)(x)
        x = layers.MaxPooling1D(3, dtype=dtype)(x)
    x = layers.GlobalAveragePooling1D(dtype=dtype)(x)
    return keras.Model(inputs, layers.Dense(2, activation="softmax", dtype="float32")(x))


def compiled(model, scaled=False):
    optimizer = keras.optimizers.Adam(1e-3)
    if scaled:
        # Small enough that the first update does not overflow, and is not left out.
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=1024.0)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


def losses(model, segments, steps=3):
    return [float(model.train_on_batch(*segments)) for _ in range(steps)]


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


@pytest.mark.parametrize(
    ("precision", "accumulates"), [("mixed_bfloat16", False), ("mixed_float16", True)]
)
def test_half_precision_learns_as_single_precision_does(precision, accumulates, segments, tmp_path):
    def make(dtype):
        model = small_network(dtype)
        if accumulates:
            model = GradientAccumulationModel(model.inputs, model.outputs, micro_batch_size=5)
        return compiled(model, scaled=dtype == "mixed_float16")

    single, half = make("float32"), make(precision)
    np.testing.assert_allclose(losses(half, segments), losses(single, segments), rtol=0.02)
    samples = segments[0]
    probabilities = half.predict(samples, verbose=0)
    np.testing.assert_allclose(probabilities, single.predict(samples, verbose=0), atol=0.02)

    half.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is type(half.optimizer)
    np.testing.assert_allclose(loaded.predict(samples, verbose=0), probabilities, atol=1e-3)
    np.testing.assert_allclose(losses(loaded, segments), losses(half, segments), rtol=0.01)


def test_rematerialised_blocks_compute_in_half_precision(segments):
    plain, again = (compiled(small_network("mixed_bfloat16", flag)) for flag in (False, True))
    np.testing.assert_allclose(losses(again, segments), losses(plain, segments), rtol=0.02)


def test_the_loss_is_scaled_in_sixteen_bits_of_which_few_are_the_exponents():
    optimizers = {
        precision: compile_model(
            dataclasses.replace(SMOKE, precision=precision), NORMAL, 2
        ).optimizer
        for precision in ("float32", "mixed_bfloat16", "mixed_float16")
    }
    scaled = {p: isinstance(o, keras.optimizers.LossScaleOptimizer) for p, o in optimizers.items()}
    assert scaled == {"float32": False, "mixed_bfloat16": False, "mixed_float16": True}


def test_a_network_that_is_given_again_is_as_new_with_its_loss_scale():
    run = Run(dataclasses.replace(SMOKE, precision="mixed_float16"), NORMAL, 0, seed=3)
    networks = Networks()

    def state(model):
        variables = [*model.weights, *model.optimizer.variables]
        return [keras.ops.convert_to_numpy(variable) for variable in variables]

    model = networks.give(run, 2)
    new = state(model)
    for variable in [*model.weights, *model.optimizer.variables]:
        variable.assign(keras.ops.ones(variable.shape, variable.dtype))
    assert networks.give(run, 2) is model
    for one, other in zip(state(model), new, strict=True):
        np.testing.assert_array_equal(one, other)


def test_samples_travel_as_sixteen_bits(segments):
    model = compiled(small_network())
    step, seen = model.train_step, []

    def watch(*args):
        seen.append(keras.backend.standardize_dtype(args[-1][0].dtype))
        return step(*args)

    model.train_step = watch
    model.fit(batches(Store(segments[0].ravel()), segments[1]), verbose=0)
    assert set(seen) == {"int16"}


def batches(store, labels, seed=None):
    table = pd.DataFrame({"start": np.arange(len(labels)) * WINDOW, "label": labels})
    return SegmentBatches(store, table, 5, window=WINDOW, seed=seed)


@on_jax
def test_segments_are_the_same_from_the_device(store):
    starts = np.array([4000, 0, 17, 3999])
    on_device = batches.SamplesOnDevice(store)
    cut = on_device.read(starts, 1000)
    assert cut.dtype == np.int16
    np.testing.assert_array_equal(cut, store.read(starts, 1000))


@on_jax
def test_training_is_the_same_from_the_device(segments):
    samples, labels = segments
    host, results = Store(samples.ravel()), []
    for store in (host, batches.SamplesOnDevice(host)):
        model, data = compiled(small_network()), batches(store, labels, seed=2)
        history = model.fit(data, epochs=2, shuffle=False, verbose=0).history
        results.append((history["loss"], model.predict(data, verbose=0)))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_samples_go_to_the_device_where_they_fit(store, monkeypatch):
    monkeypatch.setattr(devices, "find_device", lambda: CPU)
    assert batches.nearest_samples(store) is store
    small = Device("small", True, (8, 0), memory=2 * store.samples.nbytes)
    monkeypatch.setattr(devices, "find_device", lambda: small)
    assert batches.nearest_samples(store) is store
    monkeypatch.setattr(devices, "find_device", lambda: H100)
    near = batches.nearest_samples(store)
    if keras.backend.backend() == "jax":
        assert isinstance(near, batches.SamplesOnDevice)
        assert batches.nearest_samples(Store(store.samples)) is near  # of the same folder
        assert batches.nearest_samples(Store(store.samples, "other")) is not near
    else:
        assert near is store


@pytest.mark.parametrize(("chosen", "wanted"), [(None, "1"), ("0", "0")])
def test_onednn_is_on_unless_it_is_turned_off(chosen, wanted):
    environment = {k: v for k, v in os.environ.items() if k != "TF_ENABLE_ONEDNN_OPTS"}
    if chosen:
        environment["TF_ENABLE_ONEDNN_OPTS"] = chosen
    told = subprocess.run(
        [sys.executable, "-c", "import genre_lib, os; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == wanted
