"""A workspace of tones with kept runs that nobody trained, and its results, published."""

import dataclasses
import shutil

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from tones import TINY

from genre_lib.experiment import ACCUMULATION, l2_phase
from genre_lib.workspace import open_workspace, publish

PROFILE = dataclasses.replace(TINY, l2_lambdas=(0.01, 0.001))
FAILED, NEVER = l2_phase(0.01), ACCUMULATION


@pytest.fixture(scope="session")
def keep_run():
    """A function that keeps a run of a workspace as if it had been trained."""
    return keep


def keep(workspace, run):
    segments = workspace.store.segments(window=PROFILE.window, max_segments=1)
    segments = segments.assign(split=np.where(segments.index % 2, "test", "valid"))
    drawn = np.random.default_rng(run.rotation).random((len(segments), 2), dtype=np.float32)
    facts = {"rotation": run.rotation, "seed": run.seed, "seconds": 36.0, "commit": "0123456789"}
    facts |= {"machine": {"system": "Linux"}, "versions": {"keras": "3.0"}}
    columns = ("loss", "accuracy", "val_loss", "val_accuracy", "seconds")
    history = pd.DataFrame({"epoch": [1], **dict.fromkeys(columns, 0.5)})
    segments = segments[["split", "track_id", "segment", "label"]]
    probabilities = drawn / drawn.sum(axis=1, keepdims=True)

    def save(path):
        path.write_bytes(b"weights")

    workspace.kept.save(run, facts, history, segments, probabilities, save)


@pytest.fixture(scope="session")
def workspace(tone_folder, tmp_path_factory):
    """A plan in which a phase has failed, another was never run, and the rest is kept."""
    data = tmp_path_factory.mktemp("music")
    shutil.copytree(tone_folder, data, dirs_exist_ok=True)
    (data / "high" / "broken.wav").write_bytes(b"no audio")
    workspace = open_workspace(PROFILE, data, tmp_path_factory.mktemp("home"))

    def fail():
        raise OSError(28, "No space left on device", str(data))

    for run in workspace.planned():
        if run.phase == FAILED:
            workspace.kept.attempt(run, fail)
        elif run.phase != NEVER:
            keep(workspace, run)
    workspace.derived("levels", lambda: pd.DataFrame({"level": [0.1 + 0.2, np.nan]}))
    workspace.derived("picture", lambda: plt.figure(figsize=(1, 1)))
    return workspace


@pytest.fixture
def folder(workspace, tmp_path):
    """The published results of the workspace."""
    publish(workspace, tmp_path / "results")
    return tmp_path / "results"
