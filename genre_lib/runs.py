"""What a run is, which runs are planned, and where they are kept."""

import dataclasses
import hashlib
import json
import shutil
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from genre_lib.failures import failure_record
from genre_lib.phases import NORMAL, Phase, phases
from genre_lib.profiles import Profile


@dataclasses.dataclass(frozen=True)
class Run:
    """One fit: a profile, a phase, a rotation and a seed, on a corpus.

    Parameters
    ----------
    profile : Profile
    phase : Phase
    rotation : int
        From 0.
    seed : int
        Of the first weights and of the order of the segments.
    """

    profile: Profile
    phase: Phase
    rotation: int
    seed: int = 0

    def folder(self, runs_dir, fingerprint):
        """Return where the run is kept.

        Parameters
        ----------
        runs_dir : str or Path
            Where all runs are kept.
        fingerprint : str
            Of the corpus.

        Returns
        -------
        Path
            ``runs_dir/<corpus>/<profile>/<phase>/rotation-<k>-seed-<s>``: what defines a run is
            its place, so a run is found again exactly when it would come out the same.
        """
        profile = f"{self.profile.name}-{self.profile.digest()}"
        name = f"rotation-{self.rotation}-seed-{self.seed}"
        return Path(runs_dir) / fingerprint / profile / self.phase.name / name


def plan(profile, *only):
    """List the runs of a profile.

    Parameters
    ----------
    profile : Profile
    *only : Phase
        Of these phases; of all by default.

    Returns
    -------
    list of Run
        Phase by phase, seed by seed, rotation by rotation.
    """
    return [
        Run(profile, phase, rotation, seed)
        for phase in (only or phases(profile))
        for seed in profile.seeds
        for rotation in range(_count_rotations(profile, phase))
    ]


def _count_rotations(profile, phase):
    if phase.protocol == "fault_filtered":
        return 1  # a published split is what it is
    if phase == NORMAL:
        return profile.rotations
    is_variant = phase.protocol == "original" and phase not in phases(profile)
    return profile.variant_rotations if is_variant else profile.other_rotations


@dataclasses.dataclass(frozen=True)
class RunResult:
    """What is kept of a run.

    Parameters
    ----------
    folder : Path
        Where: ``run.json``, ``history.csv``, ``predictions.npz``, ``model.keras``.
    facts : dict
        Profile, phase, rotation, seed, corpus, versions, machine, commit, duration.
    history : pandas.DataFrame
        One row an epoch: ``epoch`` (from 1), ``loss``, ``accuracy``, ``val_loss``,
        ``val_accuracy``, ``seconds``.
    segments : pandas.DataFrame
        The segments of the test and the validation partition: ``split``, ``track_id``,
        ``segment``, ``label``.
    probabilities : numpy.ndarray
        float32, shape (n_segments, n_genres), in the order of `segments`.
    """

    folder: Path
    facts: dict
    history: pd.DataFrame
    segments: pd.DataFrame
    probabilities: np.ndarray

    def predictions(self, split="test"):
        """Return the segments of a split, and their probabilities.

        Parameters
        ----------
        split : str
            ``"test"`` or ``"valid"``.

        Returns
        -------
        pandas.DataFrame
            ``track_id``, ``segment``, ``label``; one row a segment.
        numpy.ndarray
            float32, shape (n_segments, n_genres).
        """
        rows = (self.segments["split"] == split).to_numpy()
        return self.segments[rows].reset_index(drop=True), self.probabilities[rows]


_WEIGHTS = "model.keras"
_FILES = ("history.csv", "predictions.npz", _WEIGHTS)
# What is read of them; a run that another version kept may lack some of it.
_FACTS = {"rotation", "seed", "seconds"}
_HISTORY = {"epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds"}
_SEGMENTS = {"split", "track_id", "segment", "label"}


def save_run(folder, facts, history, segments, probabilities, save_model):
    """Keep a run: written beside, then renamed, so that it is whole or not there.

    Parameters
    ----------
    folder : Path
        As from `Run.folder`.
    facts : dict
        What can be written as JSON.
    history, segments, probabilities
        As in `RunResult`.
    save_model : callable
        Takes the path of a ``.keras`` file to write.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        history.to_csv(beside / "history.csv", index=False)
        columns = {name: segments[name].to_numpy(_dtype(segments[name])) for name in segments}
        np.savez_compressed(beside / "predictions.npz", **columns, probabilities=probabilities)
        save_model(beside / "model.keras")
        checksums = {name: _sha256(beside / name) for name in _FILES}
        text = json.dumps(facts | {"sha256": checksums}, indent=2)
        (beside / "run.json").write_text(text)
        if folder.exists():
            shutil.rmtree(folder)
        failure_record(folder).unlink(missing_ok=True)
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def remove_leftovers(folder):
    """Remove what processes that were killed while they kept a run have left beside its place.

    Parameters
    ----------
    folder : Path
        As from `Run.folder`; no other process may be keeping this run.
    """
    for leftover in folder.parent.glob(f".{folder.name}-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def load_run(folder):
    """Read a kept run.

    Parameters
    ----------
    folder : Path
        As from `Run.folder`.

    Returns
    -------
    RunResult or None
        None where no run is kept, where its files are not those that were kept (by their
        checksums), or where another version kept it and something is missing: such a run is made
        anew.
    """
    try:
        facts = json.loads((folder / "run.json").read_text())
        if any(_sha256(folder / name) != facts["sha256"][name] for name in _files_of(facts)):
            return None
        with np.load(folder / "predictions.npz", allow_pickle=False) as arrays:
            columns = {name: arrays[name] for name in arrays.files}
        probabilities = columns.pop("probabilities")
        segments = pd.DataFrame(columns)
        history = pd.read_csv(folder / "history.csv")
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None
    whole = set(facts) >= _FACTS and set(history) >= _HISTORY and set(segments) >= _SEGMENTS
    if not whole or len(probabilities) != len(segments):
        return None
    return RunResult(folder, facts, history, segments, probabilities)


def _files_of(facts):
    # A run that was published has left its weights behind (see `genre_lib.publication`).
    return [name for name in _FILES if name != _WEIGHTS or "sha256_of_weights" not in facts]


def load_runs(runs, runs_dir, fingerprint):
    """Read those of some runs that are kept.

    Parameters
    ----------
    runs : iterable of Run
    runs_dir : str or Path
    fingerprint : str
        Of the corpus.

    Returns
    -------
    dict of Run to RunResult
        Without the runs that are not kept.
    """
    found = {run: load_run(run.folder(runs_dir, fingerprint)) for run in runs}
    return {run: result for run, result in found.items() if result is not None}


def describe_runs(results):
    """Sum up some runs, one row each.

    Parameters
    ----------
    results : list of RunResult

    Returns
    -------
    pandas.DataFrame
        ``rotation`` (from 1), ``seed``, ``epochs``, ``best`` (the epoch with the lowest
        validation loss), ``training`` and ``validation`` (accuracy of segments in that epoch),
        ``minutes``.
    """
    rows = []
    for result in results:
        best = result.history.loc[result.history["val_loss"].idxmin()]
        rows.append(
            {
                "rotation": result.facts["rotation"] + 1,
                "seed": result.facts["seed"],
                "epochs": len(result.history),
                "best": int(best["epoch"]),
                "training": best["accuracy"],
                "validation": best["val_accuracy"],
                "minutes": result.facts["seconds"] / 60,
            }
        )
    columns = ["rotation", "seed", "epochs", "best", "training", "validation", "minutes"]
    return pd.DataFrame(rows, columns=columns, dtype=None if rows else float)


def _dtype(column):
    return column.dtype if pd.api.types.is_numeric_dtype(column) else str


def _sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
