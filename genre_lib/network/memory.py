"""Whether a batch fits into memory, and which one does."""

import contextlib
import math
from pathlib import Path

import keras
import psutil

from genre_lib.network.resnet1d import Res1D

# Tensors of the size of its output that a residual block holds until the backward pass. Counted by
# `genre_lib.experiment.updates`: 9.2 to 9.4 MiB a segment of 59 049 samples, and 6.4 rematerialised, at a
# sixteenth of the filters.
_KEPT = 7
_KEPT_REMATERIALIZED = 4
_EXHAUSTED = ("RESOURCE_EXHAUSTED", "ResourceExhausted", "OOM when allocating", "Out of memory")
_CGROUP = Path("/sys/fs/cgroup")


def segment_memory(model):
    """Estimate the memory that a training step takes for each segment in it.

    Parameters
    ----------
    model : keras.Model
        ResNet1D.

    Returns
    -------
    int
        Bytes: of the outputs of all layers, and of the tensors inside the residual blocks.
    """
    total = 0
    for layer in model.layers:
        kept = 1
        if isinstance(layer, Res1D):
            kept = _KEPT_REMATERIALIZED if layer.rematerialize else _KEPT
        size = 2 if layer.compute_dtype in ("float16", "bfloat16") else 4
        total += kept * size * math.prod(layer.output.shape[1:])
    return total


def available_memory():
    """Return the bytes that this process can still take: of the machine, and of its control group.

    Returns
    -------
    int
    """
    available = psutil.virtual_memory().available
    with contextlib.suppress(OSError, ValueError):  # "max" is no number: no limit
        limit, used = ((_CGROUP / f"memory.{name}").read_text() for name in ("max", "current"))
        available = min(available, int(limit) - int(used))
    return max(0, available)


def check_memory(model, setting, size):
    """Refuse a step that would not fit into memory, before the system ends the process.

    On a GPU nothing is checked: it reports exhaustion itself.

    Parameters
    ----------
    model : keras.Model
        ResNet1D.
    setting : str
        The name of the setting that decides how many segments a step holds.
    size : int
        Its value.

    Raises
    ------
    MemoryError
        If the activations take more than is available. The message says what fits.
    """
    if not all(device.startswith("cpu") for device in keras.distribution.list_devices()):
        return
    each, available = segment_memory(model), available_memory()
    if size * each <= available:
        return
    fits = available // each
    raise MemoryError(
        f"{setting}={size} takes about {size * each / 2**30:.1f} GiB a step, and "
        f"{available / 2**30:.1f} GiB are available. "
        + (f"{_advice(setting, fits)} fits." if fits else "Not even one segment fits: narrow it.")
    )


@contextlib.contextmanager
def explain_exhaustion(setting, size):
    """Turn a backend's error about exhausted memory into one that says what to change."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, MemoryError) and not any(
            word in f"{type(error).__name__} {error}" for word in _EXHAUSTED
        ):
            raise
        raise MemoryError(
            f"memory was exhausted in a step with {setting}={size}. Try "
            f"{_advice(setting, max(1, size // 2))}, and fewer jobs."
        ) from error


def _advice(setting, size):
    advice = f"{setting}={size}"
    if setting != "micro_batch_size":
        advice += f", or the phase accumulation with micro_batch_size={size},"
    return advice
