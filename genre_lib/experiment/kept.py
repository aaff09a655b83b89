"""Keep runs on disk: the only module that knows how they are laid out.

``<runs_dir>/<corpus>/<profile>/<phase>/rotation-<k>-seed-<s>/`` holds ``run.json``,
``history.csv``, ``predictions.npz`` and ``model.keras``. The path holds what defines a run, so it
is found again exactly when it would give the same result. Hidden beside it are its lock and, during
training, its state and what it prints; if the run failed, also ``<run>.failed.json``.
"""

import contextlib
import dataclasses
import datetime
import errno
import json
import os
import shutil
import traceback
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from genre_lib import files
from genre_lib.provenance import without_home
from genre_lib.startup import stderr_to

_FACTS, _HISTORY = "run.json", "history.csv"
_PREDICTIONS, _WEIGHTS = "predictions.npz", "model.keras"
_LAST_CHARACTERS = 10_000  # of what a failed run printed
# What is read from these files; a run kept by another version may lack some of it.
_NEEDED_FACTS = {"rotation", "seed", "seconds"}
_NEEDED_HISTORY = {"epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds"}
_NEEDED_SEGMENTS = {"split", "track_id", "segment", "label"}
_UNREADABLE = (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile)


class RunError(RuntimeError):
    """No run succeeded; the message says why."""


@dataclasses.dataclass(frozen=True)
class RunResult:
    """What is kept of a run.

    Parameters
    ----------
    folder : Path
    facts : dict of profile, phase, rotation, seed, corpus, versions, machine, commit, duration
    history : pandas.DataFrame
        ``epoch`` (from 1), ``loss``, ``accuracy``, ``val_loss``, ``val_accuracy``, ``seconds``; in
        a phase with a cosine, also ``learning_rate``.
    segments : pandas.DataFrame
        ``split`` (test or validation), ``track_id``, ``segment``, ``label``.
    probabilities : numpy.ndarray of float32, shape (n_segments, n_genres), as `segments`

    Examples
    --------
    >>> segments, probabilities = result.predictions("test")  # doctest: +SKIP
    """

    folder: Path
    facts: dict
    history: pd.DataFrame
    segments: pd.DataFrame
    probabilities: np.ndarray

    @property
    def name(self):
        """The path of the run below the folder of all runs: corpus, profile, phase, rotation."""
        return "/".join(self.folder.parts[-4:])

    def predictions(self, split="test"):
        """Return the segments of a split (``"test"`` or ``"valid"``) and their probabilities.

        A row per segment (``track_id``, ``segment``, ``label``); shape (n_segments, n_genres).
        """
        rows = (self.segments["split"] == split).to_numpy()
        return self.segments[rows].reset_index(drop=True), self.probabilities[rows]


class KeptRuns:
    """The kept runs of one corpus.

    Parameters
    ----------
    runs_dir : str or Path, folder of all kept runs
    fingerprint : str, identifies the corpus; see `genre_lib.corpus.fingerprint`

    Examples
    --------
    >>> result = KeptRuns("runs", store.fingerprint).load(run)  # doctest: +SKIP
    """

    def __init__(self, runs_dir, fingerprint):
        self.runs_dir = Path(runs_dir)
        self.folder = self.runs_dir / fingerprint

    def profile_folder(self, profile):
        """Return the folder of all runs of a profile."""
        return self.folder / f"{profile.name}-{profile.digest()}"

    def derived_folder(self, profile):
        """Return the folder for what notebooks derive from audio and weights."""
        return self.profile_folder(profile) / "derived"

    def place(self, run):
        """Return the folder of a run."""
        name = f"rotation-{run.rotation}-seed-{run.seed}"
        return self.profile_folder(run.profile) / run.phase.name / name

    def training_state(self, run):
        """Return the file that holds the state of a run during its training."""
        return self._beside(run, ".{}.training")

    def locked(self, run):
        """Return a context in which no other process trains the run."""
        return files.locked(self._beside(run, ".{}.lock"))

    def remove_leftovers(self, run):
        """Remove the leftovers of processes that were killed while keeping the run."""
        for path in (self.place(run), self.training_state(run), self._failure(run)):
            files.remove_leftovers(path)

    def save(self, run, facts, history, segments, probabilities, save_model=None):
        """Keep a run, whole or not at all; `save_model` writes a network to a ``.keras`` file."""
        with files.whole_folder(self.place(run)) as folder:
            history.to_csv(folder / _HISTORY, index=False)
            # Text as fixed-width strings: arrays of objects would be pickled, and are never read.
            columns = {name: np.array(segments[name].tolist()) for name in segments}
            np.savez_compressed(folder / _PREDICTIONS, **columns, probabilities=probabilities)
            if save_model:
                save_model(folder / _WEIGHTS)
            checksums = {path.name: files.checksum(path) for path in sorted(folder.iterdir())}
            (folder / _FACTS).write_text(json.dumps(facts | {"sha256": checksums}, indent=2))
        self._failure(run).unlink(missing_ok=True)
        self.training_state(run).unlink(missing_ok=True)

    def load(self, run):
        """Read a kept run as a `RunResult`.

        Return None if it is not kept, if its files have changed since (by their checksums), or if
        the version that kept it left out something that is needed.
        """
        folder = self.place(run)
        try:
            facts = json.loads((folder / _FACTS).read_text())
            # A published run or a baseline comes without weights.
            names = {_HISTORY, _PREDICTIONS, *facts["sha256"]}
            if any(files.checksum(folder / name) != facts["sha256"][name] for name in names):
                return None
            with np.load(folder / _PREDICTIONS, allow_pickle=False) as arrays:
                columns = {name: arrays[name] for name in arrays.files}
            probabilities = columns.pop("probabilities")
            segments = pd.DataFrame(columns)
            history = pd.read_csv(folder / _HISTORY)
        except _UNREADABLE:
            return None
        lacking = (_NEEDED_FACTS - set(facts), _NEEDED_HISTORY - set(history))
        if any(lacking) or _NEEDED_SEGMENTS - set(segments) or len(probabilities) != len(segments):
            return None
        return RunResult(folder, facts, history, segments, probabilities)

    def load_all(self, runs):
        """Read those of the given runs that are kept, as a dict of Run to RunResult."""
        return {run: result for run in runs if (result := self.load(run)) is not None}

    def attempt(self, run, work):
        """Call a function that makes a run; if it fails, note why and return the reason."""
        try:
            work()
        except Exception as error:
            reason = ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                reason += f" (make room for {self.place(run)}, and call again)"
            reason = without_home(reason)  # for the report; the traceback stays on this machine
            with contextlib.suppress(OSError):  # a full disk may itself be the reason
                self.note_failure(run, reason, traceback.format_exc())
            return reason
        return None

    @contextlib.contextmanager
    def stderr_of(self, run):
        """Hold back what this process writes to stderr, for the note of a failure."""
        path = self._stderr(run)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w+b") as file:
            with stderr_to(file):
                yield
            file.seek(0)
            os.write(2, file.read())
        path.unlink()

    def note_failure(self, run, reason, details=""):
        """Note that a run failed; the note is removed when the run is kept."""
        time = datetime.datetime.now().astimezone().isoformat(" ", "seconds")
        note = {"reason": reason, "traceback": details, "time": time}
        with contextlib.suppress(OSError):  # if nothing was held back
            note["stderr"] = self._stderr(run).read_text(errors="replace")[-_LAST_CHARACTERS:]
            self._stderr(run).unlink()
        with files.whole_file(self._failure(run)) as path:
            path.write_text(json.dumps(note, indent=2))

    def failure_reason(self, run):
        """Return in one line why the last attempt at a run failed, or None."""
        try:
            return json.loads(self._failure(run).read_text())["reason"]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def failures(self, runs):
        """Return why the last attempts at runs failed, as a dict of Run to str."""
        return {run: reason for run in runs if (reason := self.failure_reason(run))}

    def copy_without_weights(self, run, target):
        """Copy a kept run to other `KeptRuns`, with only the checksum of its weights."""
        source, folder = self.place(run), target.place(run)
        folder.mkdir(parents=True)
        facts = json.loads((source / _FACTS).read_text())
        if _WEIGHTS in facts["sha256"]:  # a run that was published before has none
            facts["sha256_of_weights"] = facts["sha256"].pop(_WEIGHTS)
        for name in (_HISTORY, _PREDICTIONS):
            shutil.copyfile(source / name, folder / name)
        (folder / _FACTS).write_text(json.dumps(facts, indent=2))

    def copy_failure(self, run, target):
        """Copy to other `KeptRuns` when a run failed, and the kind of error alone."""
        note = json.loads(self._failure(run).read_text())
        note = {"reason": note["reason"].partition(":")[0], "time": note["time"]}
        with files.whole_file(target._failure(run)) as path:
            path.write_text(json.dumps(note, indent=2))

    def _failure(self, run):
        return self._beside(run, "{}.failed.json")

    def _stderr(self, run):
        return self._beside(run, ".{}.stderr")

    def _beside(self, run, name):
        place = self.place(run)
        return place.with_name(name.format(place.name))


def load_network(result):
    """Load the network of a kept run; a published run has no weights.

    Code inside the file is never run: a file from outside this project raises a ValueError.
    """
    import keras  # here, because everything else is read without it

    path = result.folder / _WEIGHTS
    try:
        return keras.saving.load_model(path, safe_mode=True)
    except _UNREADABLE as error:
        raise ValueError(
            f"{path}: was not loaded ({str(error).splitlines()[0]}). Expected a network of this "
            "project, which contains no code: code in a file is never run. Remove "
            f"{result.folder} and call again to repeat the run."
        ) from error
