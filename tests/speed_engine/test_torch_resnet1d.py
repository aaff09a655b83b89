import keras
import numpy as np
import pytest

from genre_lib.network import Res1D, build_resnet1d
from genre_lib.waveform import FULL_SCALE, SHORTEST_WINDOW

torch = pytest.importorskip("torch", reason="PyTorch is for the benchmark alone")

from tests.benchmarks.speed.torch_resnet1d import TorchResNet1D  # noqa: E402


def weighted_layers(model):
    """The layers with weights, in the order in which PyTorch has them."""
    for layer in model.layers:
        if isinstance(layer, Res1D):
            parts = [layer.conv1, layer.norm1, layer.conv2, layer.norm2]
            yield from parts + [layer.shortcut_conv, layer.shortcut_norm] * bool(
                layer.shortcut_conv
            )
        elif layer.weights:
            yield layer


def copy_weights(model, network):
    modules = [m for m in network.modules() if list(m.parameters(recurse=False))]
    for layer, module in zip(weighted_layers(model), modules, strict=True):
        names = ("weight", "bias", "running_mean", "running_var")
        for name, values in zip(names, layer.get_weights(), strict=False):
            if values.ndim == 3:
                values = values.transpose(2, 1, 0)[:, :, np.newaxis]
            elif values.ndim == 2:
                values = values.T
            with torch.no_grad():
                getattr(module, name).copy_(torch.from_numpy(values.copy()))


def test_it_has_as_many_parameters_as_the_network_of_the_report():
    assert sum(p.numel() for p in TorchResNet1D().parameters()) == 4_086_794


def test_with_the_same_weights_it_computes_the_same():
    keras.utils.set_random_seed(0)
    model = build_resnet1d(SHORTEST_WINDOW, width=1 / 16)
    rng = np.random.default_rng(0)
    # Biases, scales and statistics that are not those of an untrained network.
    model.set_weights(
        [w + rng.uniform(0, 0.2, w.shape) * (w.ndim == 1) for w in model.get_weights()]
    )
    network = TorchResNet1D(width=1 / 16).eval()
    copy_weights(model, network)
    samples = rng.integers(-FULL_SCALE, FULL_SCALE, (2, SHORTEST_WINDOW, 1)).astype(np.int16)
    expected = model.predict(samples, verbose=0)
    with torch.no_grad():
        waveform = torch.from_numpy(
            samples[:, np.newaxis, np.newaxis, :, 0] / np.float32(FULL_SCALE)
        )
        probabilities = network(waveform).softmax(1).numpy()
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
    assert expected.max() < 0.99  # so that they could differ
