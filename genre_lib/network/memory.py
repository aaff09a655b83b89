"""Check whether a batch fits into memory, say which size does, and release forgotten graphs."""

import contextlib
import math
import re
from pathlib import Path

import keras
import psutil

from genre_lib.network.resnet1d import Res1D

# Tensors as large as its output that a residual block keeps for the backward pass, with and without
# rematerialisation. Counted with `genre_lib.experiment.measure_updates` at a sixteenth of the
# filters: 9.2 to 9.4 MiB per segment of 59 049 samples, and 6.4 MiB rematerialised.
_KEPT = {False: 7, True: 4}
_EXHAUSTED = re.compile("MemoryError|RESOURCE_EXHAUSTED|ResourceExhausted|OOM when|Out of memory")


def segment_memory(model):
    """Estimate the bytes that a training step of ResNet1D takes per segment."""
    total = 0
    for layer in model.layers:
        kept, shape = 1, layer.output.shape[1:]
        if isinstance(layer, Res1D):  # the size before it pools
            kept, shape = _KEPT[layer.rematerialize], (layer.input.shape[1], layer.filters)
        size = 2 if layer.compute_dtype in ("float16", "bfloat16") else 4
        total += kept * size * math.prod(shape)
    return total


def available_memory(control_group=Path("/sys/fs/cgroup")):
    """Return the bytes that the machine and the control group leave to this process."""
    available = psutil.virtual_memory().available
    with contextlib.suppress(OSError, ValueError):  # a limit of "max" is not a number
        limit, used = (int((control_group / f"memory.{n}").read_text()) for n in ("max", "current"))
        available = min(available, limit - used)
    return max(0, available)


def check_memory(model, setting, size):
    """Raise an error if a step does not fit into memory, before the system kills the process."""
    if not all(device.startswith("cpu") for device in keras.distribution.list_devices()):
        return  # a GPU reports exhaustion itself
    each, available = segment_memory(model), available_memory()
    if size <= (fits := available // each):
        return
    raise MemoryError(
        f"{setting}={size} takes about {size * each / 2**30:.1f} GiB per step, and "
        f"{available / 2**30:.1f} GiB are available. "
        + (f"{_advice(setting, fits)} fits." if fits else "Not one segment fits: reduce width.")
    )


@contextlib.contextmanager
def explain_exhaustion(setting, size):
    """Turn a backend's out-of-memory error into one that says what to change."""
    try:
        yield
    except Exception as error:
        if not _EXHAUSTED.search(f"{type(error).__name__} {error}"):
            raise
        raise MemoryError(
            f"memory ran out in a step with {setting}={size}. Try "
            f"{_advice(setting, max(1, size // 2))}, and fewer jobs."
        ) from error


def _advice(setting, size):
    advice = f"{setting}={size}"
    if setting != "micro_batch_size":
        advice += f", or the phase accumulation with micro_batch_size={size},"
    return advice


def release_graphs():
    """Let go of the graphs that TensorFlow keeps for the gradients of forgotten networks.

    It registers each custom gradient for ever, and with it the graph that this is part of. Every
    update that Keras traces has one.
    """
    if keras.backend.backend() == "tensorflow":
        from tensorflow.python.framework import ops

        registry = getattr(getattr(ops, "gradient_registry", None), "_registry", {})
        for name in [name for name in registry if name.startswith("CustomGradient-")]:
            del registry[name]
