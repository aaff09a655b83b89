"""Full disks, folders that cannot be written, clocks that jump: nothing is half-written."""

import contextlib
import dataclasses
import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tones import write_tone

from genre_lib.corpus.demo import make_demo_corpus
from genre_lib.corpus.store import SegmentStore, build_store
from genre_lib.corpus.tracks import load_corpus
from genre_lib.experiment.kept import attempt, failure_reason, load_run, remove_leftovers, save_run
from genre_lib.experiment.phases import NORMAL
from genre_lib.experiment.profiles import SMOKE
from genre_lib.experiment.runs import Run
from genre_lib.experiment.scheduling import RunError, fit_runs
from genre_lib.files import locked

TINY = dataclasses.replace(SMOKE, name="tiny", n_partitions=3, rotations=3, batch_size=4)
RUNS = [Run(TINY, NORMAL, rotation) for rotation in range(2)]
NOBODY = 65_534


@pytest.fixture(scope="module")
def corpus(tone_corpus):
    return load_corpus(tone_corpus, min_samples=TINY.window, progress=False)


@pytest.fixture(scope="module")
def store(corpus, tmp_path_factory):
    return build_store(corpus, tmp_path_factory.mktemp("cache"), progress=False)


def keep(folder, size=10):
    segments = pd.DataFrame({"split": "test", "track_id": "a", "segment": range(size), "label": 0})
    probabilities = np.random.default_rng(0).random((size, 2), np.float32)
    columns = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds")
    history = pd.DataFrame([dict.fromkeys(columns, 1.0)])
    facts = {"rotation": 0, "seed": 0, "seconds": 1.0}
    save_run(folder, facts, history, segments, probabilities, Path.touch)


@contextlib.contextmanager
def small_disk(size):
    """Let no file grow beyond a size: writing then fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Python ignores SIGXFSZ, so that the limit is an error and no death.
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_run_that_does_not_fit_on_the_disk_leaves_the_kept_one(tmp_path):
    folder = tmp_path / "rotation-0-seed-0"
    keep(folder)
    before = load_run(folder)
    with small_disk(2000), pytest.raises(OSError, match="too large"):
        keep(folder, size=10_000)
    np.testing.assert_array_equal(load_run(folder).probabilities, before.probabilities)
    assert list(tmp_path.iterdir()) == [folder]


def test_a_full_disk_is_named_as_the_reason_of_a_run_that_failed(tmp_path):
    def full():
        raise OSError(errno.ENOSPC, "No space left on device")

    reason = attempt(full, tmp_path / "rotation-0-seed-0")
    assert "No space left on device (make room for" in reason
    assert failure_reason(tmp_path / "rotation-0-seed-0") == reason


def test_a_store_that_does_not_fit_on_the_disk_is_not_there(corpus, tmp_path):
    # The file itself can be made, and is then too large from some track on.
    with small_disk(int(corpus["n_samples"].sum()) * 2 + 64), pytest.raises(OSError):
        build_store(corpus, tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []
    assert len(build_store(corpus, tmp_path, progress=False).tracks) == len(corpus)


def test_audio_that_is_removed_half_way_is_named_and_no_store_is_left(tmp_path):
    for genre in ("a", "b"):
        for number in range(3):
            write_tone(tmp_path / "audio" / genre / f"{genre}.{number}.wav", frequency=200 + number)
    corpus = load_corpus(tmp_path / "audio", min_samples=TINY.window, progress=False)
    (tmp_path / "audio" / "b" / "b.1.wav").unlink()
    with pytest.raises(ValueError, match=r"b\.1\.wav: undecodable"):
        build_store(corpus, tmp_path / "cache", progress=False)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    script = (
        "import os, sys; from pathlib import Path; from genre_lib.files import locked\n"
        f"os.setuid({NOBODY})\n"
        "with locked(Path(sys.argv[1]) / 'lock'): pass"
    )
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    told = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=False
    ).stderr
    assert told.splitlines()[-1].startswith("PermissionError")
    assert str(tmp_path) in told.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_output_folder_is_named(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OSError, match="out"), locked(tmp_path / "out" / "lock"):
        pass


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path, corpus):
    mine, other = tmp_path / "rotation-1-seed-1", tmp_path / "rotation-1-seed-10"
    for place in (mine, other):
        keep(place)
        (tmp_path / f".{place.name}-k1ll3d").mkdir()
    remove_leftovers(mine)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {mine.name, other.name, f".{other.name}-k1ll3d"}

    (tmp_path / "cache" / ".store-k1ll3d").mkdir(parents=True)
    store = build_store(corpus, tmp_path / "cache", progress=False)
    assert list((tmp_path / "cache").iterdir()) == [store.folder]

    (tmp_path / "data" / ".demo-k1ll3d").mkdir(parents=True)
    make_demo_corpus(tmp_path / "data" / "demo", tracks_per_genre=8, seconds=8, progress=False)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["demo"]


def test_a_clock_that_goes_backwards_changes_nothing(store, tmp_path, monkeypatch):
    now = iter(range(10**9, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: next(now))
    (result,) = fit_runs(RUNS[:1], store, tmp_path, progress=False).values()
    assert result.facts["seconds"] > 0
    assert (result.history["seconds"] > 0).all()


def deadly(store, marker):
    """Return a store that kills the process that reads it, while no file is at the marker."""

    class Deadly(SegmentStore):
        def read(self, *arguments):
            if not marker.exists():
                if marker.parent.exists():
                    marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return super().read(*arguments)

    other = Deadly(store.folder)
    return other


def test_a_worker_that_is_killed_takes_no_run_with_it(store, tmp_path):
    with pytest.warns(UserWarning, match="worker process was killed: the 2 runs"):
        results = fit_runs(
            RUNS, deadly(store, tmp_path / "dead"), tmp_path / "runs", progress=False, jobs=2
        )
    assert list(results) == RUNS


def test_runs_that_kill_their_process_are_named_and_the_call_lives(store, tmp_path):
    with (
        pytest.warns(UserWarning, match="failed"),
        pytest.raises(
            RunError, match=r"(?s)rotation 1.*terminated.*memory.*rotation 2.*terminated"
        ),
    ):
        fit_runs(RUNS, deadly(store, tmp_path / "no" / "dead"), tmp_path, progress=False, jobs=2)
    notes = [json.loads(path.read_text()) for path in tmp_path.rglob("*.failed.json")]
    assert len(notes) == 2
    assert all("TerminatedWorkerError" in note["traceback"] for note in notes)
