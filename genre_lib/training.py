"""One training: its epochs, when it stops, and how it goes on after an interruption."""

import dataclasses
import math

import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from genre_lib import provenance
from genre_lib.batch_statistics import ReestimatedStatistics
from genre_lib.checkpoints import Checkpoints
from genre_lib.memory import check_memory, explain_exhaustion


def train(model, run, batches, state, fingerprint, progress=True):
    """Train a network until the validation loss no longer falls, or the epochs are over.

    Parameters
    ----------
    model : keras.Model
        Compiled, with its first weights. Ends with the weights of the best epoch.
    run : Run
    batches : dict of str to keras.utils.PyDataset
        ``"train"`` (shuffled anew at the end of each epoch, by seed and epoch alone), ``"valid"``,
        and ``"statistics"``, those that batch statistics are estimated on where a phase does so.
    state : Path
        Where the state of the training is kept after each epoch; see
        `genre_lib.checkpoints.Checkpoints`.
    fingerprint : str
        Of the corpus.
    progress : bool
        Show a bar over the epochs.

    Returns
    -------
    pandas.DataFrame
        One row an epoch, as in `genre_lib.runs.RunResult`.
    float
        Seconds spent, those of calls that were interrupted included.

    Raises
    ------
    MemoryError
        If a batch does not fit into memory; the message says what does.
    """
    check_memory(model, run)
    profile = run.profile
    stopping = keras.callbacks.EarlyStopping(
        monitor="val_loss", patience=_patience(run), restore_best_weights=True
    )
    checkpoints = Checkpoints(state, _made_from(run, fingerprint), stopping)
    done = checkpoints.restore(model)
    for _ in range(done):
        batches["train"].on_epoch_end()
    callbacks = [stopping, checkpoints, _Bar(profile.epochs, done, progress)]
    if run.phase.reestimates:
        callbacks.append(ReestimatedStatistics(batches["statistics"]))
    with explain_exhaustion(run):
        model.fit(
            batches["train"],
            validation_data=batches["valid"],
            # A training that was interrupted after its last epoch has none left.
            initial_epoch=profile.epochs if checkpoints.stopped else done,
            epochs=profile.epochs,
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )
    table = pd.DataFrame(checkpoints.history)
    table.insert(0, "epoch", np.arange(1, len(table) + 1))
    return table, checkpoints.seconds


def _patience(run):
    profile = run.profile
    if run.phase.patience_in_updates:
        return math.ceil(profile.patience * profile.accumulated_batch_size / profile.batch_size)
    return profile.patience


def _made_from(run, fingerprint):
    """What shapes a training beside the code: one that was made from anything else is another."""
    return {
        "profile": run.profile.digest(),
        "phase": dataclasses.asdict(run.phase),
        "rotation": run.rotation,
        "seed": run.seed,
        "corpus": fingerprint,
        "backend": keras.backend.backend(),
        "versions": provenance.versions(),
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
