import keras
import numpy as np
import pytest
from keras import layers

from genre_lib.network import GradientAccumulationModel, Res1D, build_resnet1d, find_device
from genre_lib.network.devices import (
    Device,
    choose_compilation,
    choose_precision,
    describe_computation,
    memory_peak,
)
from genre_lib.waveform import SHORTEST_WINDOW

H100 = Device("H100", True, (9, 0), 80 * 2**30)
T4 = Device("T4", True, (7, 5), 16 * 2**30)
P100 = Device("P100", True, (6, 0), 16 * 2**30)
CPU = Device()

WINDOW = 243


@pytest.fixture(scope="module")
def segments():
    """Twelve segments of noise with two labels."""
    rng = np.random.default_rng(0)
    samples = rng.integers(-8000, 8000, (12, WINDOW, 1)).astype(np.int16)
    return samples, np.arange(12) % 2


def small_network(dtype="float32", rematerialize=False):
    """The layers of the network with two of the blocks; the same weights each time."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((WINDOW, 1))
    x = layers.Rescaling(1 / 2**15, dtype=dtype)(inputs)
    for filters in (4, 8):
        x = Res1D(filters, rematerialize=rematerialize, pool_size=3, dtype=dtype)(x)
    x = layers.GlobalAveragePooling1D(dtype=dtype)(x)
    return keras.Model(inputs, layers.Dense(2, activation="softmax", dtype="float32")(x))


def compiled(model, scaled=False):
    optimizer = keras.optimizers.Adam(1e-3)
    if scaled:
        # Small enough that the first update does not overflow and is not skipped.
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=1024.0)
    jit_compile = choose_compilation("auto", find_device())
    model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=jit_compile)
    return model


def losses(model, segments, steps=3):
    return [float(model.train_on_batch(*segments)) for _ in range(steps)]


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


def test_a_step_is_compiled_if_that_is_faster_unless_it_is_given():
    assert choose_compilation("auto", H100) is True
    assert choose_compilation("auto", CPU) is (keras.backend.backend() == "jax")
    assert choose_compilation(False, H100) is False
    assert choose_compilation(True, CPU) is True


def test_the_device_that_is_there_is_described():
    assert describe_computation("float32", False) == {
        "device": find_device().name,
        "backend": keras.backend.backend(),
        "precision": "float32",
        "compiled": False,
    }
    assert (memory_peak() is not None) == find_device().is_gpu


def test_a_precision_is_the_networks_own():
    before = keras.config.dtype_policy().name
    network = build_resnet1d(SHORTEST_WINDOW, 2, width=1 / 32, dtype="mixed_bfloat16")
    assert keras.config.dtype_policy().name == before
    block = network.get_layer("res1d_3")
    parts = [block.conv1, block.norm2, block.shortcut_conv, network.get_layer("relu_in")]
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
