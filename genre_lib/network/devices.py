"""Find the device that computes, and choose settings that suit it."""

import contextlib
import dataclasses
import functools

import keras

PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")


@dataclasses.dataclass(frozen=True)
class Device:
    """A device that computes; see `find_device`."""

    name: str = "CPU"
    is_gpu: bool = False
    capability: tuple[int, ...] = (0, 0)
    memory: int = 0


@functools.cache
def find_device():
    """Find the device that computes: the first GPU of Keras' backend, or the CPU."""
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
    """Return the Keras dtype policy to compute with; "auto" chooses one for the device."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision={precision!r}: expected one of {', '.join(PRECISIONS)}.")
    if precision != "auto":
        return precision
    if device.capability >= (8, 0):
        return "mixed_bfloat16"
    # V100 and T4 are fast in float16, but do not have bfloat16.
    return "mixed_float16" if device.capability >= (7, 0) else "float32"


def choose_compilation(jit_compile, device):
    """Return whether XLA compiles the training step; "auto" chooses for backend and device."""
    if jit_compile != "auto":
        return jit_compile
    # Uncompiled, JAX is slow; on a CPU, XLA only makes TensorFlow start later.
    return keras.backend.backend() == "jax" or device.is_gpu


@contextlib.contextmanager
def default_settings():
    """Let Keras compute with its defaults, then restore the settings of the user's keras.json."""
    # For whatever takes no argument: learning rate, metrics, and the clipping of probabilities.
    with contextlib.ExitStack() as stack:
        for name, value in (("dtype_policy", "float32"), ("floatx", "float32"), ("epsilon", 1e-7)):
            choose = getattr(keras.config, f"set_{name}")
            stack.callback(choose, getattr(keras.config, name)())
            choose(value)
        yield


def describe_computation(precision, jit_compile):
    """Describe how networks with these choices compute here, as a dict of facts."""
    device = find_device()
    return {
        "device": device.name,
        "backend": keras.backend.backend(),
        "precision": choose_precision(precision, device),
        "compiled": choose_compilation(jit_compile, device),
    }


def memory_peak():
    """Return the peak of this process's GPU memory so far, in bytes; None without a GPU."""
    if not find_device().is_gpu:
        return None
    if keras.backend.backend() == "jax":
        import jax

        return jax.local_devices()[0].memory_stats()["peak_bytes_in_use"]
    import tensorflow as tf

    return tf.config.experimental.get_memory_info("GPU:0")["peak"]
