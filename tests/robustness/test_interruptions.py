"""Full disks, folders that cannot be written, killed processes, clocks: nothing is half-written."""

import contextlib
import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from tones import SMALL_DEMO, TINY

from genre_lib.corpus import SegmentStore, build_store, make_demo_corpus
from genre_lib.experiment import NORMAL, KeptRuns, Run, RunError, fit_runs
from genre_lib.files import ROOT, locked

RUNS = [Run(TINY, NORMAL, rotation) for rotation in range(2)]
NOBODY = 65_534


def python(script, *arguments):
    """Run a script in another process."""
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


@contextlib.contextmanager
def small_disk(size):
    """Let no file grow beyond a size: writing then fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Python ignores SIGXFSZ, so that the limit is an error and does not end the process.
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_run_that_does_not_fit_on_the_disk_leaves_the_kept_one(kept, parts):
    run = RUNS[0]
    kept.save(run, **parts)
    large = {
        "segments": pd.concat([parts["segments"]] * 5000, ignore_index=True),
        "probabilities": np.random.default_rng(0).random((10_000, 2), np.float32),
    }
    with small_disk(2000), pytest.raises(OSError, match="too large"):
        kept.save(run, **parts | large)
    np.testing.assert_array_equal(kept.load(run).probabilities, parts["probabilities"])
    assert list(kept.place(run).parent.iterdir()) == [kept.place(run)]


def test_a_full_disk_is_named_as_the_reason_of_a_run_that_failed(kept):
    def full():
        raise OSError(errno.ENOSPC, "No space left on device")

    reason = kept.attempt(RUNS[0], full)
    assert "No space left on device (make room for" in reason
    assert kept.failure_reason(RUNS[0]) == reason


def test_a_store_that_does_not_fit_on_the_disk_is_not_there(tone_corpus, tmp_path):
    # The file itself can be made, and is then too large from some track on.
    with small_disk(int(tone_corpus["n_samples"].sum()) * 2 + 64), pytest.raises(OSError):
        build_store(tone_corpus, tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []
    assert len(build_store(tone_corpus, tmp_path, progress=False).tracks) == len(tone_corpus)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    script = (
        "import os, sys; from pathlib import Path; from genre_lib.files import locked\n"
        f"os.setuid({NOBODY})\n"
        "with locked(Path(sys.argv[1]) / 'lock'): pass"
    )
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    told = python(script, tmp_path).stderr.splitlines()[-1]
    assert told.startswith("PermissionError")
    assert str(tmp_path) in told
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_output_folder_is_named(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OSError, match="out"), locked(tmp_path / "out" / "lock"):
        pass


KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from genre_lib.files import whole_file, whole_folder
open_ones = []
for write, path in zip((whole_folder, whole_file, whole_folder, whole_folder), sys.argv[1:]):
    open_ones.append(write(Path(path)))
    beside = open_ones[-1].__enter__()
    (beside / "half" if beside.is_dir() else beside).write_text("half")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_killed_processes_left_is_removed_and_nothing_else(kept, parts, tone_corpus, tmp_path):
    mine, other = (Run(TINY, NORMAL, rotation=1, seed=seed) for seed in (1, 10))
    for run in (mine, other):
        kept.save(run, **parts)

    def kill_while_writing(run, *further):
        python(KILLED_WHILE_WRITING, kept.place(run), kept.training_state(run), *further)
        return set(kept.place(run).parent.iterdir())

    left_by_other = kill_while_writing(other)
    left_by_both = kill_while_writing(mine, tmp_path / "cache/store-0", tmp_path / "data/demo")
    assert (len(left_by_other), len(left_by_both)) == (4, 6)
    kept.remove_leftovers(mine)
    assert set(kept.place(mine).parent.iterdir()) == left_by_other

    assert len(list((tmp_path / "cache").iterdir())) == 1
    store = build_store(tone_corpus, tmp_path / "cache", progress=False)
    assert list((tmp_path / "cache").iterdir()) == [store.folder]

    assert len(list((tmp_path / "data").iterdir())) == 1
    make_demo_corpus(tmp_path / "data/demo", **SMALL_DEMO)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["demo"]


def test_a_clock_that_goes_backwards_changes_nothing(
    tone_store, small_network, tmp_path, monkeypatch
):
    monkeypatch.setattr("genre_lib.experiment.models.build_resnet1d", small_network)
    now = iter(range(10**9, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: next(now))
    (result,) = fit_runs(RUNS[:1], tone_store, tmp_path, progress=False).values()
    assert result.facts["seconds"] > 0
    assert (result.history["seconds"] > 0).all()


def deadly(store, marker):
    """Return a store that kills the process that asks it, until there is a file at the marker."""

    class Deadly(SegmentStore):
        def segments(self, *arguments, **options):
            if not marker.exists():
                if marker.parent.exists():
                    marker.touch()
                os.write(2, b"as compiled code does: no memory")
                os.kill(os.getpid(), signal.SIGKILL)
            return super().segments(*arguments, **options)

    return Deadly(store.folder)


def test_a_worker_that_is_killed_takes_no_run_with_it(tone_store, tmp_path):
    store = deadly(tone_store, tmp_path / "dead")
    with pytest.warns(UserWarning, match="worker process was killed: the remaining 2 of 2 runs"):
        results = fit_runs(RUNS, store, tmp_path / "runs", progress=False, jobs=2)
    assert list(results) == RUNS
    assert not list(tmp_path.rglob("*.stderr"))


def test_runs_that_kill_their_process_are_named_and_the_call_lives(tone_store, tmp_path):
    store = deadly(tone_store, tmp_path / "nowhere" / "dead")
    named = r"(?s)rotation 1.*terminated.*memory.*rotation 2.*terminated"
    with pytest.warns(UserWarning, match="failed"), pytest.raises(RunError, match=named):
        fit_runs(RUNS, store, tmp_path, progress=False, jobs=2)
    reasons = KeptRuns(tmp_path, store.fingerprint).failures(RUNS)
    assert list(reasons) == RUNS
    assert all(reason.startswith("TerminatedWorkerError") for reason in reasons.values())
    for note in map(json.loads, (path.read_text() for path in tmp_path.rglob("*.failed.json"))):
        assert note["stderr"].endswith("as compiled code does: no memory")
    assert not list(tmp_path.rglob("*.stderr"))
