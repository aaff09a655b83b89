"""One run: its network is trained, validated and tested, and what came of it is kept."""

import dataclasses
import time

import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from genre_lib import provenance
from genre_lib.experiment.checkpoints import Checkpoints
from genre_lib.experiment.kept import KeptRuns
from genre_lib.experiment.models import Networks
from genre_lib.experiment.protocols import split_segments
from genre_lib.network.batch_statistics import ReestimatedStatistics
from genre_lib.network.batches import SegmentBatches, nearest_samples
from genre_lib.network.devices import describe_computation
from genre_lib.network.memory import check_memory, explain_exhaustion


def fit_run(run, store, runs_dir="runs", progress=True, networks=None):
    """Train, validate and test once, and keep what came of it.

    A kept run is returned as it is. One that was interrupted resumes after its last whole epoch.
    If another process trains the same run, its result is waited for.

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
        Shared by several runs, it saves compilation.

    Returns
    -------
    RunResult

    Raises
    ------
    MemoryError
        If a batch does not fit into memory; the message says what does.

    Examples
    --------
    >>> result = fit_run(Run(DEMO, NORMAL, rotation=0), workspace.store)  # doctest: +SKIP
    >>> result.history["val_accuracy"].max()  # doctest: +SKIP
    """
    kept = KeptRuns(runs_dir, store.fingerprint)
    result = kept.load(run)
    if result is not None:
        return result
    with kept.locked(run):
        if kept.load(run) is None:
            _train_and_keep(run, store, kept, progress, networks or Networks())
    return kept.load(run)


def _train_and_keep(run, store, kept, progress, networks):
    kept.remove_leftovers(run)
    parts = split_segments(run, store)
    model = networks.give(run, len(store.genres))
    batches = {
        "train": _batches(run, store, parts["train"], run.batch_size, seed=run.seed),
        "valid": _batches(run, store, parts["valid"]),
        "statistics": _batches(run, store, parts["train"]),
    }
    state, made_from = kept.training_state(run), _made_from(run, store.fingerprint)
    history, seconds = train(model, run, batches, state, made_from, progress)
    begin = time.perf_counter()
    tested = pd.concat({split: parts[split] for split in ("test", "valid")}, names=["split"])
    tested = tested.reset_index("split")[["split", "track_id", "segment", "label"]]
    probabilities = np.concatenate(
        [model.predict(_batches(run, store, parts[s]), verbose=0) for s in ("test", "valid")]
    )
    facts = _facts(run, store) | {"seconds": round(seconds + time.perf_counter() - begin, 1)}
    kept.save(run, facts, history, tested.reset_index(drop=True), probabilities, model.save)


def train(model, run, batches, state, made_from, progress=True):
    """Train a network until the validation loss no longer falls, or the epochs are over.

    Parameters
    ----------
    model : keras.Model
        Compiled, with its first weights. Ends with the weights of the best epoch.
    run : Run
    batches : dict of str to keras.utils.PyDataset
        ``"train"`` (shuffled anew at the end of each epoch, by seed and epoch alone), ``"valid"``,
        and ``"statistics"``, from which a phase may estimate batch statistics anew.
    state, made_from
        Where the state of the training is kept, and what shapes it; see `Checkpoints`.
    progress : bool
        Show a bar over the epochs.

    Returns
    -------
    pandas.DataFrame
        One row per epoch, as in `RunResult`.
    float
        Seconds spent, those of interrupted calls included.
    """
    check_memory(model, run.step_setting, run.step_size)
    epochs = run.profile.epochs
    stopping = keras.callbacks.EarlyStopping(
        monitor="val_loss", patience=run.patience, restore_best_weights=True
    )
    checkpoints = Checkpoints(state, made_from, stopping)
    done = checkpoints.restore(model)
    for _ in range(done):
        batches["train"].on_epoch_end()
    callbacks = [stopping, checkpoints, _Bar(epochs, done, progress)]
    if run.phase.reestimates:
        callbacks.append(ReestimatedStatistics(batches["statistics"]))
    with explain_exhaustion(run.step_setting, run.step_size):
        model.fit(
            batches["train"],
            validation_data=batches["valid"],
            # A training that was interrupted after its last epoch has none left.
            initial_epoch=epochs if checkpoints.stopped else done,
            epochs=epochs,
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )
    table = pd.DataFrame(checkpoints.history)
    table.insert(0, "epoch", np.arange(1, len(table) + 1))
    return table, checkpoints.seconds


def _batches(run, store, segments, batch_size=None, seed=None):
    profile = run.profile
    size, samples = batch_size or profile.batch_size, nearest_samples(store)
    return SegmentBatches(samples, segments, size, window=profile.window, seed=seed)


def _made_from(run, fingerprint):
    """Return what shapes a training besides the code; a state made from anything else is void."""
    return {
        "profile": run.profile.digest(),
        "phase": dataclasses.asdict(run.phase),
        "rotation": run.rotation,
        "seed": run.seed,
        "corpus": fingerprint,
        "backend": keras.backend.backend(),
        "versions": provenance.versions(),
    }


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
        "computation": describe_computation(run.profile.precision, run.profile.jit_compile),
        "versions": provenance.versions(),
        "machine": provenance.machine(),
        "commit": provenance.commit(),
    }


class _Bar(keras.callbacks.Callback):
    """One line that follows the training."""

    def __init__(self, epochs, done, progress):
        super().__init__()
        self.bar = tqdm(
            total=epochs, initial=done, desc="  epochs", leave=False, disable=not progress
        )

    def on_epoch_end(self, epoch, logs=None):
        self.bar.set_postfix({name: f"{value:.3f}" for name, value in (logs or {}).items()})
        self.bar.update()

    def on_train_end(self, logs=None):
        self.bar.close()
