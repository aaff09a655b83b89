"""Results of runs that nobody trained, and tables of scores, made by hand."""

from pathlib import Path

import numpy as np
import pandas as pd

from genre_lib.experiment import RunResult

HISTORY = {"loss": 1.0, "accuracy": 0.5, "val_loss": 1.0, "val_accuracy": 0.5, "seconds": 2.0}


def run_of(segments, probabilities, *, rotation=0, seed=0, history=None):
    """A run with these segments; the columns that are left out are filled in."""
    segments = pd.DataFrame({"split": "test", "segment": 0, "label": 0} | segments)
    history = pd.DataFrame({"epoch": [1]} | HISTORY) if history is None else history
    facts = {"rotation": rotation, "seed": seed, "seconds": 60.0}
    return RunResult(Path(), facts, history, segments, np.asarray(probabilities, np.float32))


def run_with(correct, valid=(), **options):
    """A run that tested the tracks t0, t1 ... of one segment and recognised these, 1 or 0."""
    right = np.array([*correct, *valid], dtype=bool)
    split = ["test"] * len(correct) + ["valid"] * len(valid)
    names = [f"t{k}" for k in range(len(correct))] + [f"v{k}" for k in range(len(valid))]
    probabilities = np.where(right[:, np.newaxis], [0.9, 0.1], [0.2, 0.8])
    return run_of({"track_id": names, "split": split}, probabilities, **options)


def scores_of(correct, **columns):
    """A table as from `pool`: tracks of one segment and whether they were recognised, 1 or 0."""
    correct = np.asarray(correct).astype(int)
    table = {"track_id": [f"t{k}" for k in range(len(correct))], "rotation": 0, "seed": 0}
    table |= {"correct": correct, "segments": 1, "segments_correct": correct}
    return pd.DataFrame(table | columns)


def first_of(n_correct, n=100):
    """The scores of `n` tracks of which the first are recognised."""
    return scores_of(np.arange(n) < n_correct)
