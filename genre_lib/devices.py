"""The device that computes: what it is, what it is good at, and what lies in its memory.

Together with `genre_lib.accumulation`, this is all that knows one backend of Keras from another.
"""

import dataclasses
import functools

import keras
import numpy as np

PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")

# Of a GPU's memory; the rest is for activations, and for other runs that compute beside this one.
_SHARE_FOR_SAMPLES = 0.25


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


def describe_computation(profile):
    """Describe how a profile's networks compute here.

    Parameters
    ----------
    profile : Profile

    Returns
    -------
    dict
        ``device``, ``backend``, ``precision`` and ``compiled``.
    """
    device = find_device()
    return {
        "device": device.name,
        "backend": keras.backend.backend(),
        "precision": choose_precision(profile.precision, device),
        "compiled": choose_compilation(profile.jit_compile, device),
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


class SamplesOnDevice:
    """The samples of a store in the memory of the device; segments are cut out of them there.

    For JAX alone, whose arrays `fit` takes as they are. TensorFlow's pass through a queue in the
    memory of the host.

    Parameters
    ----------
    store : SegmentStore
    """

    def __init__(self, store):
        import jax

        self._samples = jax.device_put(store.samples)

    def read(self, starts, window=110_250):
        """Cut segments, as `SegmentStore.read` does.

        Parameters
        ----------
        starts : sequence of int
            First samples.
        window : int
            Samples in a segment.

        Returns
        -------
        jax.Array
            int16, shape (len(starts), window), on the device.
        """
        return _cutting()(self._samples, np.asarray(starts, np.int32), window=window)


@functools.cache
def _cutting():
    import jax

    @functools.partial(jax.jit, static_argnames="window")
    def cut(samples, starts, window):
        slice_at = functools.partial(jax.lax.dynamic_slice_in_dim, samples, slice_size=window)
        return jax.vmap(slice_at)(starts)

    return cut


_kept = {}


def nearest_samples(store):
    """Return what the segments of a store are best read from.

    Parameters
    ----------
    store : SegmentStore

    Returns
    -------
    SegmentStore or SamplesOnDevice
        The samples on the GPU where JAX computes on one and they take no more than a quarter of its
        memory; they stay there until those of another store are asked for. Else the store itself.
    """
    samples = store.samples
    fits = samples.nbytes <= _SHARE_FOR_SAMPLES * find_device().memory
    # Beyond 31 bits, 32-bit numbers no longer tell where a segment starts.
    if not (keras.backend.backend() == "jax" and fits and samples.size < 2**31):
        return store
    if store.folder not in _kept:
        _kept.clear()
        _kept[store.folder] = SamplesOnDevice(store)
    return _kept[store.folder]
