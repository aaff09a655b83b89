"""Whether a batch fits into memory, and which one does."""

import contextlib
import math
from pathlib import Path

import keras
import psutil

from genre_lib.resnet1d import Res1D

# Tensors of the size of its output that a residual block holds until the backward pass. Counted by
# `genre_lib.step_memory`: 9.2 to 9.4 MiB a segment of 59 049 samples, and 6.4 rematerialised, at a
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


def check_memory(model, run):
    """Refuse a run whose batches would not fit into memory, before the system ends the process.

    Where a GPU computes, nothing is checked: it tells by itself.

    Parameters
    ----------
    model : keras.Model
        ResNet1D.
    run : Run

    Raises
    ------
    MemoryError
        If the activations of a batch take more than is available. The message says what fits.
    """
    if not all(device.startswith("cpu") for device in keras.distribution.list_devices()):
        return
    setting, size = _batch(run)
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
def explain_exhaustion(run):
    """Turn a backend's error about exhausted memory into one that says what to change.

    Parameters
    ----------
    run : Run

    Raises
    ------
    MemoryError
    """
    try:
        yield
    except Exception as error:
        if not isinstance(error, MemoryError) and not any(
            word in f"{type(error).__name__} {error}" for word in _EXHAUSTED
        ):
            raise
        setting, size = _batch(run)
        raise MemoryError(
            f"memory was exhausted in a step with {setting}={size}. Try "
            f"{_advice(setting, max(1, size // 2))}, and fewer jobs."
        ) from error


def _batch(run):
    """Return the choice that decides how many segments a step holds, and how many."""
    if run.phase.accumulates:
        return "micro_batch_size", run.profile.micro_batch_size
    if run.phase.whole_batch:
        return "accumulated_batch_size", run.profile.accumulated_batch_size
    return "batch_size", run.profile.batch_size


def _advice(setting, size):
    advice = f"{setting}={size}"
    if setting != "micro_batch_size":
        advice += f", or the phase accumulation with micro_batch_size={size},"
    return advice
