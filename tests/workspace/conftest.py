"""A workspace of tones with kept runs that nobody trained, and its results, published."""

import dataclasses
import shutil

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import soundfile
from tones import TINY, write_tones

from genre_lib.experiment import ACCUMULATION, NORMAL, Run, l2_phase
from genre_lib.network import build_resnet1d
from genre_lib.results import model_cards
from genre_lib.workspace import open_workspace, publish

PROFILE = dataclasses.replace(TINY, l2_lambdas=(0.01, 0.001))
FAILED, NEVER = l2_phase(0.01), ACCUMULATION


@pytest.fixture(scope="session")
def keep_run():
    """A function that keeps a run of a workspace as if it had been trained."""
    return keep


def draw(segments):
    """Draw probabilities."""
    drawn = np.random.default_rng(0).random((len(segments), 2), dtype=np.float32)
    return drawn / drawn.sum(axis=1, keepdims=True)


def save(path):
    path.write_bytes(b"weights")


def keep(workspace, run, max_segments=1, predict=draw, save_model=save):
    segments = workspace.store.segments(window=PROFILE.window, max_segments=max_segments)
    segments = segments.assign(split=np.where(segments.index % 2, "test", "valid"))
    facts = {"rotation": run.rotation, "seed": run.seed, "seconds": 36.0, "commit": "0123456789"}
    facts |= {"machine": {"system": "Linux"}, "versions": {"keras": "3.0"}}
    columns = ("loss", "accuracy", "val_loss", "val_accuracy", "seconds")
    history = pd.DataFrame({"epoch": [1], **dict.fromkeys(columns, 0.5)})
    probabilities = predict(segments)
    segments = segments[["split", "track_id", "segment", "label"]]
    workspace.kept.save(run, facts, history, segments, probabilities, save_model)


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


@pytest.fixture(scope="session")
def music(tmp_path_factory):
    """Two genres of seven 5 s tracks, which become louder: no segment is like another."""
    folder = write_tones(tmp_path_factory.mktemp("songs"), seconds=5.0)
    for path in folder.rglob("*.wav"):
        samples, rate = soundfile.read(path)
        soundfile.write(path, samples * np.linspace(0.1, 1, len(samples)), rate)
    return folder


@pytest.fixture(scope="session")
def networked(music, tmp_path_factory):
    """A workspace with one run, which has a network that nobody trained."""
    workspace = open_workspace(PROFILE, music, tmp_path_factory.mktemp("released"))
    keras.utils.set_random_seed(0)
    network = build_resnet1d(PROFILE.window, 2, PROFILE.width)
    network.compile("adam", "sparse_categorical_crossentropy")
    network.optimizer.build(network.trainable_variables)

    def predict(segments):
        samples = workspace.store.read(segments["start"], PROFILE.window)
        return network.predict(samples, verbose=0)

    keep(workspace, Run(PROFILE, NORMAL, 0), 2, predict, network.save)
    workspace.derived("levels", lambda: pd.DataFrame({"level": [0.1]}))
    return workspace


@pytest.fixture(scope="session")
def released(networked, tmp_path_factory):
    """The folder of its network, released in published results."""
    name, out = "normal-rotation-0-seed-0", tmp_path_factory.mktemp("published") / "results"
    publish(networked, out, model_cards(networked, [name]))
    return out / "networks" / name
