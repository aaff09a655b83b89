"""One run: fit, predict, keep."""

import dataclasses
import gc
import random
import time

import keras
import numpy as np
import pandas as pd

from genre_lib import devices, provenance
from genre_lib.accumulation import GradientAccumulationModel
from genre_lib.batches import SegmentBatches
from genre_lib.locks import locked
from genre_lib.partitions import rotations
from genre_lib.protocols import divide
from genre_lib.resnet1d import build_resnet1d
from genre_lib.runs import load_run, remove_leftovers, save_run
from genre_lib.training import train


def fit_run(run, store, runs_dir="runs", progress=True, networks=None):
    """Train, validate and test once, and keep what came of it.

    Called again with a run that is kept, it returns that run; with one that was interrupted, it
    goes on after the last epoch that was whole. Where another process is at the same run, it
    waits for what comes of it.

    Parameters
    ----------
    run : Run
        What to train.
    store : SegmentStore
        The audio.
    runs_dir : str or Path
        Where runs are kept.
    progress : bool
        Show a bar over the epochs.
    networks : Networks, optional
        The same for several runs spares compilation.

    Returns
    -------
    RunResult
    """
    folder = run.folder(runs_dir, store.fingerprint)
    kept = load_run(folder)
    if kept is not None:
        return kept
    with locked(folder.with_name(f".{folder.name}.lock")):
        if load_run(folder) is None:
            _train(run, store, folder, progress, networks or Networks())
    return load_run(folder)


def _train(run, store, folder, progress, networks):
    remove_leftovers(folder)
    parts = split_segments(run, store)
    model = networks.give(run, len(store.genres))
    state = folder.with_name(f".{folder.name}.training")
    batches = {
        "train": _batches(run, store, parts["train"], seed=run.seed),
        "valid": _batches(run, store, parts["valid"]),
        "statistics": _batches(run, store, parts["train"]),
    }
    history, seconds = train(model, run, batches, state, store.fingerprint, progress)
    begin = time.perf_counter()
    tested = pd.concat({split: parts[split] for split in ("test", "valid")}, names=["split"])
    tested = tested.reset_index("split")[["split", "track_id", "segment", "label"]]
    probabilities = np.concatenate(
        [model.predict(_batches(run, store, parts[s]), verbose=0) for s in ("test", "valid")]
    )
    facts = _facts(run, store) | {"seconds": round(seconds + time.perf_counter() - begin, 1)}
    save_run(folder, facts, history, tested.reset_index(drop=True), probabilities, model.save)
    state.unlink(missing_ok=True)


class Networks:
    """Gives every run an untrained network, compiled once for all runs of a phase.

    To trace and compile thirty layers takes as long as several epochs of a small corpus, and the
    runs of a phase, and some phases, differ in nothing that is compiled.
    """

    def __init__(self):
        self._key = self._model = None

    def give(self, run, n_classes):
        """Return the network of a run, as `build_model` makes it.

        Parameters
        ----------
        run : Run
        n_classes : int
            Number of genres.

        Returns
        -------
        keras.Model
            To be used until the next call, which may give the same.
        """
        compiled = dataclasses.replace(
            run.phase, name="", protocol="", reestimates=False, patience_in_updates=False
        )
        key = (run.profile, compiled, n_classes)
        keras.utils.set_random_seed(run.seed)
        if key == self._key:
            _copy_state(build_model(run, n_classes), self._model)
        else:
            self.forget()
            self._model, self._key = build_model(run, n_classes), key
        return self._model

    def forget(self):
        """Let go of the network, and of the memory that it takes."""
        # Keras holds on to each network of a process until it is told.
        self._key = self._model = None
        keras.utils.clear_session(free_memory=True)
        gc.collect()


def _copy_state(source, target):
    target.set_weights(source.get_weights())
    for old, new in zip(target.optimizer.variables, source.optimizer.variables, strict=True):
        old.assign(new)


def split_segments(run, store):
    """List the segments that a run trains, validates and tests on.

    Parameters
    ----------
    run : Run
    store : SegmentStore
        Under a protocol other than the original, with tracks as `Workspace.annotated` has them.

    Returns
    -------
    dict of str to pandas.DataFrame
        ``"train"``, ``"valid"``, ``"test"``, as from `SegmentStore.segments`.
    """
    profile = run.profile
    partition = divide(
        store.tracks, run.phase.protocol, profile.n_partitions, profile.partition_seed
    )
    rotation = rotations(partition.max() + 1)[run.rotation]
    return {
        split: store.segments(
            partition.index[partition == getattr(rotation, split)],
            window=profile.window,
            max_segments=profile.max_segments,
        )
        for split in ("train", "valid", "test")
    }


def build_model(run, n_classes):
    """Build and compile the network of a run.

    Parameters
    ----------
    run : Run
    n_classes : int
        Number of genres.

    Returns
    -------
    keras.Model
        With Adam, sparse categorical cross-entropy and accuracy, and its first weights, which
        follow from the run's seed alone.
    """
    model = compile_model(run.profile, run.phase, n_classes, run.phase.whole_batch)
    _draw_kernels(model, run.seed)
    return model


def compile_model(profile, phase, n_classes, rematerialize=False):
    """Build and compile the network of a phase; its weights are for someone else to draw.

    Parameters
    ----------
    profile : Profile
    phase : Phase
    n_classes : int
        Number of genres.
    rematerialize : bool
        As for `genre_lib.resnet1d.build_resnet1d`.

    Returns
    -------
    keras.Model
        As from `build_model`.
    """
    device = devices.find_device()
    precision = devices.choose_precision(profile.precision, device)
    model = build_resnet1d(
        profile.window,
        n_classes,
        width=profile.width,
        l2=phase.l2,
        bn_momentum=phase.bn_momentum or profile.bn_momentum,
        l2_reading=phase.l2_reading,
        normalization=phase.normalization,
        rematerialize=rematerialize,
        dtype=precision,
    )
    if phase.accumulates:
        model = GradientAccumulationModel(
            model.inputs, model.outputs, micro_batch_size=profile.micro_batch_size
        )
    optimizer = keras.optimizers.Adam(profile.learning_rate)
    if precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(
        optimizer=optimizer,
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=devices.choose_compilation(profile.jit_compile, device),
    )
    _create_variables(model, n_classes)
    return model


def _create_variables(model, n_classes):
    # Else Keras makes those of the optimizer and of the metrics in the first update, and TensorFlow
    # traces an update that makes variables twice: of a small training, that is a good part.
    model.optimizer.build(model.trainable_variables)
    label, prediction = np.zeros(1), np.full((1, n_classes), 1 / n_classes, dtype=np.float32)
    model.compute_metrics(None, label, prediction)
    model.reset_metrics()


def _draw_kernels(model, seed):
    # What Keras has done, and comes out the same, but not from the random numbers that it shares
    # with all threads of the process: those of a Dask worker draw some, too.
    numbers = random.Random(seed)
    for weights in model.trainable_variables:
        if weights.name == "kernel":
            draw = keras.initializers.GlorotUniform(numbers.randint(1, 10**9))
            weights.assign(draw(weights.shape, weights.dtype))


def _batches(run, store, segments, seed=None):
    profile = run.profile
    large = (run.phase.accumulates or run.phase.whole_batch) and seed is not None
    size = profile.accumulated_batch_size if large else profile.batch_size
    samples = devices.nearest_samples(store)
    return SegmentBatches(samples, segments, size, window=profile.window, seed=seed)


def _facts(run, store):
    return {
        "profile": dataclasses.asdict(run.profile),
        "phase": dataclasses.asdict(run.phase),
        "rotation": run.rotation,
        "seed": run.seed,
        "corpus": {
            "fingerprint": store.fingerprint,
            "genres": store.genres,
            "tracks": len(store.tracks),
        },
        "computation": devices.describe_computation(run.profile),
        "versions": provenance.versions(),
        "machine": provenance.machine(),
        "commit": provenance.commit(),
    }
