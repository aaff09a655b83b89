"""One run: fit, predict, keep."""

import contextlib
import dataclasses
import functools
import gc
import time
import warnings
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from genre_lib import provenance
from genre_lib.accumulation import GradientAccumulationModel
from genre_lib.batches import SegmentBatches
from genre_lib.partitions import rotations
from genre_lib.protocols import divide
from genre_lib.resnet1d import build_resnet1d
from genre_lib.runs import failure_record, load_run, load_runs, save_run
from genre_lib.scheduling import attempt, side_by_side, wanted_jobs, wanted_scheduler


class RunError(RuntimeError):
    """No run succeeded; the message says why."""


def fit_runs(runs, store, runs_dir="runs", progress=True, jobs=None):
    """Make sure that every run is kept, training those that are not.

    A run that fails is warned of, noted beside its place (`genre_lib.runs.failed_runs`) and tried
    again by the next call; the others go on.

    With one job, all is done in this process. With more, worker processes train side by side and
    share the cores of the machine. To use the machines of a Dask cluster, set the environment
    variable ``GENRE_SCHEDULER`` to the address of its scheduler (``tcp://...``); any other backend
    of joblib is chosen around the call, with ``joblib.parallel_config(backend=...)``. Workers
    write to `runs_dir` and read the store by themselves, so that both must lie on a file system
    that they share, under the same path.

    Parameters
    ----------
    runs : sequence of Run
        As from `genre_lib.runs.plan`.
    store : SegmentStore
        The audio.
    runs_dir : str or Path
        Where runs are kept.
    progress : bool
        Show a bar over the runs, and with one job another inside over the epochs.
    jobs : int, optional
        Runs side by side on a machine; ``GENRE_JOBS``, or 1, by default. How many there are on a
        cluster is the cluster's choice.

    Returns
    -------
    dict of Run to RunResult
        In the order of `runs`, without those that failed.

    Raises
    ------
    RunError
        If all runs failed.
    ValueError
        If ``GENRE_JOBS`` is no whole number from 1.
    """
    runs_dir, reasons = Path(runs_dir).resolve(), {}
    results = load_runs(runs, runs_dir, store.fingerprint)
    missing = [run for run in runs if run not in results]
    bar = tqdm(total=len(runs), initial=len(results), desc="Runs", unit="run", disable=not progress)
    # Closed, and not left to the garbage collector: an interrupt here must reach the workers.
    with bar, contextlib.closing(_attempts(missing, store, runs_dir, bar, jobs)) as attempts:
        for run, reason in attempts:
            bar.update()
            results |= load_runs([run], runs_dir, store.fingerprint)
            if run not in results:
                reasons[run] = reason or f"not found under {runs_dir}, which workers must share"
                warnings.warn(f"{_name(run)} failed: {reasons[run]}", stacklevel=2)
    if reasons and not results:
        listed = "\n".join(f"  {_name(run)}: {reason}" for run, reason in reasons.items())
        raise RunError(
            f"none of {len(runs)} runs succeeded:\n{listed}\nThe tracebacks are in the files "
            f"*.failed.json under {runs_dir / store.fingerprint}. Mend the cause and call again."
        )
    return {run: results[run] for run in runs if run in results}


def _attempts(runs, store, runs_dir, bar, jobs):
    jobs = wanted_jobs() if jobs is None else jobs
    if not runs:
        return
    if jobs > 1 or wanted_scheduler():
        work = functools.partial(_attempt, store=store, runs_dir=runs_dir)
        yield from side_by_side(work, runs, jobs)
        return
    networks = _Networks()
    for run in runs:
        bar.set_postfix_str(_name(run))
        yield _attempt(run, store, runs_dir, not bar.disable, networks)


def _attempt(run, store, runs_dir, progress=False, networks=None):
    networks = _networks_of_this_process() if networks is None else networks
    reason = attempt(
        functools.partial(_fit_run, run, store, runs_dir, progress, networks),
        failure_record(run.folder(runs_dir, store.fingerprint)),
    )
    if reason:
        # A network that failed halfway, for want of memory, say, must not stay in the way.
        networks.forget()
    return run, reason


def _name(run):
    return f"{run.phase.name}, rotation {run.rotation + 1}, seed {run.seed}"


def fit_run(run, store, runs_dir="runs", progress=True):
    """Train, validate and test once, and keep what came of it.

    Called again with a run that is kept, it returns that run.

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

    Returns
    -------
    RunResult
    """
    return _fit_run(run, store, runs_dir, progress, _Networks())


def _fit_run(run, store, runs_dir, progress, networks):
    folder = run.folder(runs_dir, store.fingerprint)
    kept = load_run(folder)
    if kept is not None:
        return kept
    begin = time.time()
    parts = split_segments(run, store)
    model = networks.give(run, len(store.genres))
    history = _fit(model, run, store, parts, progress)
    tested = pd.concat({split: parts[split] for split in ("test", "valid")}, names=["split"])
    tested = tested.reset_index("split")[["split", "track_id", "segment", "label"]]
    probabilities = np.concatenate(
        [model.predict(_batches(run, store, parts[s]), verbose=0) for s in ("test", "valid")]
    )
    facts = _facts(run, store) | {"seconds": round(time.time() - begin, 1)}
    save_run(folder, facts, history, tested.reset_index(drop=True), probabilities, model.save)
    return load_run(folder)


class _Networks:
    """Gives every run an untrained network, compiled once for all runs of a phase.

    To trace and compile thirty layers takes as long as several epochs of a small corpus, and the
    runs of a phase differ in nothing that is compiled.
    """

    def __init__(self):
        self._key = self._model = None

    def give(self, run, n_classes):
        key = (run.profile, run.phase, n_classes)
        keras.utils.set_random_seed(run.seed)
        if key == self._key:
            _copy_state(build_model(run, n_classes), self._model)
        else:
            self.forget()
            self._model, self._key = build_model(run, n_classes), key
        return self._model

    def forget(self):
        # Keras holds on to each network of a process until it is told.
        self._key = self._model = None
        keras.utils.clear_session(free_memory=True)
        gc.collect()


@functools.cache
def _networks_of_this_process():
    # A worker is called run by run, and keeps its network from call to call.
    return _Networks()


def _copy_state(source, target):
    target.set_weights(source.get_weights())
    for model in (source, target):
        model.optimizer.build(model.trainable_variables)
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
        With Adam, sparse categorical cross-entropy and accuracy.
    """
    profile, phase = run.profile, run.phase
    model = build_resnet1d(
        profile.window,
        n_classes,
        width=profile.width,
        l2=phase.l2,
        bn_momentum=profile.bn_momentum,
    )
    if phase.accumulates:
        model = GradientAccumulationModel(
            model.inputs, model.outputs, micro_batch_size=profile.micro_batch_size
        )
    model.compile(
        optimizer=keras.optimizers.Adam(profile.learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=profile.jit_compile,
    )
    return model


def _batches(run, store, segments, seed=None):
    profile = run.profile
    accumulates = run.phase.accumulates and seed is not None
    size = profile.accumulated_batch_size if accumulates else profile.batch_size
    return SegmentBatches(store, segments, size, window=profile.window, seed=seed)


def _fit(model, run, store, parts, progress):
    epochs = _Epochs(run.profile.epochs, progress)
    stop = keras.callbacks.EarlyStopping(
        monitor="val_loss", patience=run.profile.patience, restore_best_weights=True
    )
    history = model.fit(
        _batches(run, store, parts["train"], seed=run.seed),
        validation_data=_batches(run, store, parts["valid"]),
        epochs=run.profile.epochs,
        callbacks=[stop, epochs],
        shuffle=False,
        verbose=0,
    )
    table = pd.DataFrame(history.history)
    table.insert(0, "epoch", np.arange(1, len(table) + 1))
    return table.assign(seconds=epochs.seconds)


class _Epochs(keras.callbacks.Callback):
    """One line that follows the training, and the seconds of each epoch."""

    def __init__(self, epochs, progress):
        super().__init__()
        self.seconds = []
        self.bar = tqdm(total=epochs, desc="  epochs", leave=False, disable=not progress)

    def on_epoch_begin(self, epoch, logs=None):
        self.begin = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(round(time.perf_counter() - self.begin, 3))
        self.bar.set_postfix({name: f"{value:.3f}" for name, value in (logs or {}).items()})
        self.bar.update()

    def on_train_end(self, logs=None):
        self.bar.close()


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
        "backend": keras.backend.backend(),
        "versions": provenance.versions(),
        "machine": provenance.machine(),
        "commit": provenance.commit(),
    }
