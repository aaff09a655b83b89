"""Who is measured: this project, plain Keras, PyTorch; each in a process of its own.

A rival is made from a profile and a store of noise. Its methods `train`, `predict` and, for this
project, `feed` take a batch size and a number of batches, and return the seconds that these took.

Keras and PyTorch are imported where they are used: PyTorch built for CUDA crashes when it shares a
process with TensorFlow.
"""

import dataclasses
import importlib.util
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from unittest import mock

import numpy as np

from genre_lib.waveform import FULL_SCALE

N_CLASSES = 10
TRACKS_PER_BATCH = 4  # in inference

SHARED_GPU = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
"""The environment in which no process takes a whole GPU in advance."""


KEPT_MEMORY = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
}
"""The environment of a process whose allocator (glibc's) gives no memory back between steps."""


class Project:
    """This project: its network, compiled and fed as in a run."""

    def __init__(self, profile, store, precision=None):
        from genre_lib.experiment import NORMAL
        from genre_lib.experiment.models import compile_model
        from genre_lib.network.batches import nearest_samples

        if precision:
            profile = dataclasses.replace(profile, precision=precision)
        self.profile, self.samples = profile, nearest_samples(store)
        self.segments = store.segments(window=profile.window)
        self.model = compile_model(profile, NORMAL, N_CLASSES)
        self.forward = None

    def _batches(self, count, batch_size, seed=None):
        from genre_lib.network import SegmentBatches

        rows = np.resize(np.arange(len(self.segments)), count)
        window = self.profile.window
        segments = self.segments.iloc[rows]
        return SegmentBatches(self.samples, segments, batch_size, window=window, seed=seed)

    def train(self, batch_size, n_batches):
        """Train on some batches."""
        from genre_lib.network.batches import feed

        batches = feed(self._batches(batch_size * n_batches, batch_size, seed=0))
        begin = time.perf_counter()
        self.model.fit(batches, epochs=1, shuffle=False, verbose=0)
        return time.perf_counter() - begin

    def predict(self, batch_size, n_batches):
        """Predict some batches, with the network folded as in a run; folded before, once."""
        from genre_lib.network.inference import fold

        batches = self._batches(batch_size * n_batches, batch_size)
        self.forward = self.forward or fold(self.model) or self.model.predict_on_batch
        begin = time.perf_counter()
        for index in range(len(batches)):
            np.asarray(self.forward(batches[index][0]))
        return time.perf_counter() - begin

    def feed(self, batch_size, n_batches):
        """Move some batches to the device, and compute nothing."""
        import keras

        batches = self._batches(batch_size * n_batches, batch_size, seed=0)
        begin = time.perf_counter()
        for index in range(len(batches)):
            samples = keras.ops.convert_to_tensor(batches[index][0])
        keras.ops.convert_to_numpy(samples[-1, -1])  # waits for the device
        return time.perf_counter() - begin


class PlainKeras:
    """Plain Keras in float32, fed with float32 NumPy arrays.

    Without compilation, as in the original, Keras on JAX computes operation by operation.
    """

    def __init__(self, profile, store, jit_compile=False):
        import keras

        from genre_lib.network import build_resnet1d

        self.segments = store.read(store.segments(window=profile.window)["start"], profile.window)
        # The library's network trains with TensorFlow's fused kernels, which plain Keras does not.
        room, layers = "genre_lib.network", keras.layers
        normalization = f"{room}.normalization.FusedBatchNormalization"
        with (
            mock.patch(f"{room}.resnet1d.Conv1D", layers.Conv1D),
            mock.patch(normalization, layers.BatchNormalization),
        ):
            self.model = build_resnet1d(profile.window, N_CLASSES, profile.width, dtype="float32")
        self.model.compile(
            "adam",
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            jit_compile=jit_compile,
        )

    def _arrays(self, count):
        rows = np.resize(np.arange(len(self.segments)), count)
        return self.segments[rows, :, np.newaxis].astype(np.float32), rows % N_CLASSES

    def train(self, batch_size, n_batches):
        """Train on some batches."""
        x, y = self._arrays(batch_size * n_batches)
        begin = time.perf_counter()
        self.model.fit(x, y, batch_size=batch_size, verbose=0)
        return time.perf_counter() - begin

    def predict(self, batch_size, n_batches):
        """Predict some batches."""
        x, _ = self._arrays(batch_size * n_batches)
        begin = time.perf_counter()
        self.model.predict(x, batch_size=batch_size, verbose=0)
        return time.perf_counter() - begin


class PyTorch:
    """The same network in PyTorch, with all segments as int16 on the device from the beginning."""

    def __init__(self, profile, store, compiled=False, half=False):
        import torch

        from tests.benchmarks.speed.torch_resnet1d import TorchResNet1D

        torch.backends.cudnn.benchmark = True
        self.torch, self.half = torch, half
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        segments = store.read(store.segments(window=profile.window)["start"], profile.window)
        self.segments = torch.from_numpy(segments[:, np.newaxis, np.newaxis]).to(self.device)
        self.network = TorchResNet1D(N_CLASSES, profile.width).to(self.device)
        self._choose_format()
        if compiled:
            self.network = torch.compile(self.network, dynamic=False)

    def _choose_format(self):
        # Channels first or last in memory, whichever trains faster here.
        formats = (self.torch.contiguous_format, self.torch.channels_last)
        seconds = []
        for memory_format in formats:
            self._use_format(memory_format)
            self.train(8, 1)
            seconds.append(min(self.train(8, 1) for _ in range(3)))
        self._use_format(formats[int(np.argmin(seconds))])

    def _use_format(self, memory_format):
        self.format = memory_format
        self.network.to(memory_format=memory_format)
        parameters = self.network.parameters()
        self.optimizer = self.torch.optim.Adam(parameters, fused=self.device == "cuda")

    def _forward(self, start, batch_size):
        torch = self.torch
        rows = torch.arange(start, start + batch_size, device=self.device) % len(self.segments)
        x = (self.segments[rows].float() / FULL_SCALE).contiguous(memory_format=self.format)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.half):
            logits = self.network(x)
        return logits.float(), rows % N_CLASSES

    def _wait(self):
        if self.device == "cuda":
            self.torch.cuda.synchronize()

    def train(self, batch_size, n_batches):
        """Train on some batches."""
        self.network.train()
        begin = time.perf_counter()
        for index in range(n_batches):
            loss = self.torch.nn.functional.cross_entropy(*self._forward(index, batch_size))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        self._wait()
        seconds = time.perf_counter() - begin
        self._free()
        return seconds

    def predict(self, batch_size, n_batches):
        """Predict some batches."""
        self.network.eval()
        begin = time.perf_counter()
        with self.torch.inference_mode():
            probabilities = [
                self._forward(index, batch_size)[0].softmax(1) for index in range(n_batches)
            ]
            self.torch.cat(probabilities).cpu()
        seconds = time.perf_counter() - begin
        self._free()
        return seconds

    def _free(self):
        if self.device == "cuda":
            self.torch.cuda.empty_cache()  # the other processes need it, too


@dataclasses.dataclass(frozen=True)
class Rival:
    """One of those that are measured."""

    name: str  # as the table shows it
    kind: type  # a class of this module
    backend: str = ""  # of Keras; empty for PyTorch
    options: dict = dataclasses.field(default_factory=dict)  # of the class
    environment: dict = dataclasses.field(default_factory=dict)  # of its process


def list_rivals(on_gpu, half, without=()):
    """List what the installed packages can measure: this project on the chosen backend first.

    With `half`, PyTorch is measured in bfloat16 (its automatic mixed precision), too; so is this
    project on TensorFlow on a CPU, where it computes in float32 unless a profile says otherwise. On
    a GPU, nothing is measured with kept memory, as PyTorch always keeps a GPU's. Rivals with a text
    of `without` in their name are left out.
    """
    import keras

    chosen = keras.backend.backend()
    others = [b for b in ("jax", "tensorflow") if b != chosen and importlib.util.find_spec(b)]
    found = [Rival(f"this project, {b}", Project, b) for b in (chosen, *others)]
    if importlib.util.find_spec("tensorflow"):
        if half and not on_gpu:
            name, options = "this project, tensorflow, bfloat16", {"precision": "mixed_bfloat16"}
            found.append(Rival(name, Project, "tensorflow", options))
        found.append(Rival("plain Keras, tensorflow, float32", PlainKeras, "tensorflow"))
    else:
        name, compiled = "plain Keras, jax, float32", {"jit_compile": True}
        found.append(Rival(f"{name}, operation by operation", PlainKeras, "jax"))
        found.append(Rival(f"{name}, compiled", PlainKeras, "jax", compiled))
    if importlib.util.find_spec("torch"):
        for precision in ("float32", "bfloat16")[: 1 + half]:
            for way in ("eager", "compiled"):
                options = {"compiled": way == "compiled", "half": precision == "bfloat16"}
                name = f"PyTorch, {way}, {precision}"
                found.append(Rival(name, PyTorch, "", options))
                if not on_gpu:
                    found.append(Rival(f"{name}, memory kept", PyTorch, "", options, KEPT_MEMORY))
    return [rival for rival in found if not any(text in rival.name for text in without)]


class Process:
    """A rival in a process of its own, which waits while others are measured."""

    def __init__(self, rival, profile, store):
        env = {"KERAS_BACKEND": rival.backend} if rival.backend else {}
        env |= SHARED_GPU | {"TF_CPP_MIN_LOG_LEVEL": "3"} | rival.environment
        self.rival = rival
        # Not joblib's pool, which replaces a process that has grown, and with it what it holds.
        self.pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
        with mock.patch.dict(os.environ, env):  # the process starts here, and inherits it
            self.unfit = self.call(_begin, rival, profile, store)[1]

    def call(self, function, *arguments):
        """Call a function in the process; return its result and None, or None and what failed."""
        try:
            return self.pool.submit(function, *arguments).result(), None
        except Exception as error:
            first_line = str(error).strip().partition("\n")[0]
            return None, f"{type(error).__name__}: {first_line}"

    def measure(self, what, batch_size, n_batches):
        """Call a method of the rival; return its seconds and None, or None and what failed."""
        if self.unfit:
            return None, self.unfit
        return self.call(_measure, what, batch_size, n_batches)

    def close(self):
        """End the process."""
        self.pool.shutdown()


_here = {}  # in the process of a rival


def _begin(rival, profile, store):
    _here["rival"] = rival.kind(profile, store, **rival.options)


def _measure(what, batch_size, n_batches):
    return getattr(_here["rival"], what)(batch_size, n_batches)
