"""What the device allows: the network's operations and bytes, and the time that they must take.

The floor is that of the roofline model (Williams, Waterman and Patterson, *Roofline: An Insightful
Visual Performance Model for Multicore Architectures*, CACM 2009), convolution by convolution: none
takes less time than its operations at the measured rate of matrix products, nor than its bytes at
the measured bandwidth of memory. All else (normalisation, activation, pooling, the update) counts
as free, as if it were done while a convolution's numbers pass by; so no implementation of these
convolutions reaches the floor.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pandas as pd

from genre_lib.experiment import NORMAL
from genre_lib.experiment.models import compile_model
from genre_lib.network import Res1D, devices

_DIRECTIONS = ("forward", "training")


def list_convolutions(model):
    """List what the convolutions and the output layer of ResNet1D do for one segment.

    Returns
    -------
    pandas.DataFrame
        ``layer``; ``forward`` and ``training`` (operations; a multiplication and an addition are
        two); ``values_forward`` and ``values_training`` (numbers read and written).

    Notes
    -----
    Forward, a convolution reads its input and writes its output. Backward, it reads its input, its
    output (for the normalisation behind it) and the output's gradient, and writes the input's
    gradient, which the first layer does not need. Each of the two gradients, of the kernel and of
    the input, takes as many operations as the forward pass. Kernels are left out of the numbers,
    as a batch shares them.
    """
    rows = []
    for place, (layer, inputs, outputs) in enumerate(_convolutions(model)):
        n_in, n_out = np.prod(inputs), np.prod(outputs)
        forward = 2 * n_out * np.prod(layer.kernel.shape[:-1])
        first = place == 0
        rows.append(
            {
                "layer": layer.path,
                "forward": forward,
                "training": forward * (2 if first else 3),
                "values_forward": n_in + n_out,
                "values_training": n_in + n_out + n_in + 2 * n_out + (0 if first else n_in),
            }
        )
    return pd.DataFrame(rows)


def _convolutions(model):
    for layer in model.layers:
        if isinstance(layer, Res1D):
            inputs = layer.input.shape[1:]
            outputs = inputs[0], layer.filters  # before it pools
            yield layer.conv1, inputs, outputs
            yield layer.conv2, outputs, outputs
            if layer.shortcut_conv is not None:
                yield layer.shortcut_conv, inputs, outputs
        elif hasattr(layer, "kernel"):
            yield layer, layer.input.shape[1:], layer.output.shape[1:]


def seconds_at_least(convolutions, itemsize, product_rate, bandwidth):
    """Return the floor for one segment in seconds: a dict of ``forward`` and ``training``.

    `itemsize` is in bytes, `product_rate` in operations and `bandwidth` in bytes per second.
    """
    return {
        way: float(
            np.maximum(
                convolutions[way] / product_rate,
                convolutions[f"values_{way}"] * itemsize / bandwidth,
            ).sum()
        )
        for way in _DIRECTIONS
    }


def measure_device(dtype, size, copied):
    """Return what the device does at best: operations per second, and bytes per second.

    The first are those of products of `size` x `size` matrices of a dtype; the second, read and
    written together, those of a pass over `copied` bytes, which must be many more than fit in
    caches.
    """
    rng = np.random.default_rng(0)
    matrix = keras.ops.cast(rng.normal(size=(size, size)).astype(np.float32), dtype)
    products = _best_seconds(lambda: keras.ops.matmul(matrix, matrix))
    if devices.find_device().is_gpu:
        vector = keras.ops.zeros((copied // 4,), "float32")
        copies = _best_seconds(lambda: keras.ops.add(vector, 1.0))
    else:
        copies = _pass_over_memory(copied)
    return 2 * size**3 / products, 2 * copied / copies


def _pass_over_memory(copied):
    """Return the seconds of one pass of all cores, from memory to memory that has been touched.

    Into a new array, the system would map each page when it is first written, which takes many
    times as long: that is what a backend pays that does not keep its memory, and not a limit.
    """
    cores = os.cpu_count()
    parts = [np.array_split(np.ones(copied // 4, np.float32), cores) for _ in range(2)]
    with ThreadPoolExecutor(cores) as pool:

        def add():
            return list(pool.map(lambda read, write: np.add(read, 1, out=write), *parts))[-1]

        return _best_seconds(add)


def _best_seconds(function, repeats=5, at_a_time=4):
    seconds = []
    for _ in range(repeats + 1):  # the first warms up
        begin = time.perf_counter()
        for _ in range(at_a_time):
            result = function()
        keras.ops.convert_to_numpy(keras.ops.ravel(result)[-1:])  # waits for the device
        seconds.append((time.perf_counter() - begin) / at_a_time)
    return min(seconds[1:])


def describe_limits(profile, quick=False):
    """Measure the device, and compute the floor of a profile's network on it.

    Returns
    -------
    dict
        ``device``, ``precision``, ``product_rate``, ``bandwidth``; and for one segment
        ``operations_forward``, ``operations_training``, ``bytes_forward``, ``bytes_training``,
        ``seconds_forward`` and ``seconds_training``.
    """
    device = devices.find_device()
    precision = devices.choose_precision(profile.precision, device)
    dtype = precision.removeprefix("mixed_")
    size, copied = (8192, 2**30) if device.is_gpu else (2048, 2**28)
    if quick:  # too small to be fast
        size, copied = size // 8, copied // 8
    rate, bandwidth = measure_device(dtype, size, copied)
    convolutions = list_convolutions(compile_model(profile, NORMAL, 10))
    itemsize = 4 if dtype == "float32" else 2
    floor = seconds_at_least(convolutions, itemsize, rate, bandwidth)
    limits = {
        "device": device.name,
        "precision": precision,
        "product_rate": rate,
        "bandwidth": bandwidth,
    }
    for way in _DIRECTIONS:
        limits |= {
            f"operations_{way}": int(convolutions[way].sum()),
            f"bytes_{way}": int(convolutions[f"values_{way}"].sum()) * itemsize,
            f"seconds_{way}": floor[way],
        }
    return limits
