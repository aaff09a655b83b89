"""The device that computes: what it is, and what it is good at."""

import dataclasses
import functools

import keras

PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")


@dataclasses.dataclass(frozen=True)
class Device:
    """What computes.

    Parameters
    ----------
    name : str
        ``"CPU"``, or the GPU as its maker calls it.
    is_gpu : bool
    capability : tuple of int
        CUDA's compute capability, (8, 0) for example; (0, 0) where there is none.
    memory : int
        Bytes that a GPU gives this process at most; 0 where that is not known.
    """

    name: str = "CPU"
    is_gpu: bool = False
    capability: tuple[int, ...] = (0, 0)
    memory: int = 0


@functools.cache
def find_device():
    """Find the device on which the backend computes: its first GPU, or the CPU.

    Returns
    -------
    Device
    """
    find = {"tensorflow": _find_with_tensorflow, "jax": _find_with_jax}
    return find.get(keras.backend.backend(), Device)()


def _find_with_tensorflow():
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return Device()
    details = tf.config.experimental.get_device_details(gpus[0])
    name, capability = details.get("device_name", "GPU"), details.get("compute_capability")
    return Device(name, True, tuple(capability or (0, 0)))


def _find_with_jax():
    import jax

    first = jax.local_devices()[0]
    if first.platform != "gpu":
        return Device()
    parts = str(getattr(first, "compute_capability", "")).split(".")
    capability = tuple(map(int, parts)) if all(map(str.isdecimal, parts)) else (0, 0)
    memory = (first.memory_stats() or {}).get("bytes_limit", 0)
    return Device(first.device_kind, True, capability, memory)


def choose_precision(precision, device):
    """Choose the numbers that a network computes with.

    Parameters
    ----------
    precision : {"auto", "float32", "mixed_bfloat16", "mixed_float16"}
        Anything but "auto" is what is chosen.
    device : Device

    Returns
    -------
    str
        The name of a Keras dtype policy. By itself: bfloat16 where a GPU has it (compute capability
        8 and above), float16 on those that are only good at that (7: V100, T4), float32 elsewhere.

    Raises
    ------
    ValueError
        If `precision` is not known.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision={precision!r}: expected one of {', '.join(PRECISIONS)}.")
    if precision != "auto":
        return precision
    if device.capability >= (8, 0):
        return "mixed_bfloat16"
    return "mixed_float16" if device.capability >= (7, 0) else "float32"


def choose_compilation(jit_compile, device):
    """Choose whether the training step is compiled by XLA.

    Parameters
    ----------
    jit_compile : bool or "auto"
        A bool is what is chosen.
    device : Device

    Returns
    -------
    bool
        By itself: on JAX always, as it else computes operation by operation; on TensorFlow where a
        GPU computes. On a CPU, TensorFlow takes longer to begin and trains no faster.
    """
    if jit_compile != "auto":
        return jit_compile
    return keras.backend.backend() == "jax" or device.is_gpu


def describe_computation(precision, jit_compile):
    """Describe how networks with these choices compute here: device, backend and the like."""
    device = find_device()
    return {
        "device": device.name,
        "backend": keras.backend.backend(),
        "precision": choose_precision(precision, device),
        "compiled": choose_compilation(jit_compile, device),
    }


def memory_peak():
    """Return the memory of the GPU that this process has used at most.

    Returns
    -------
    int or None
        In bytes, since the process began; None where no GPU computes.
    """
    if not find_device().is_gpu:
        return None
    if keras.backend.backend() == "jax":
        import jax

        return jax.local_devices()[0].memory_stats()["peak_bytes_in_use"]
    import tensorflow as tf

    return tf.config.experimental.get_memory_info("GPU:0")["peak"]
