"""How runs lie on disk. `tests/robustness` damages them; `test_training.py` keeps real ones."""

import dataclasses
import errno
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tones import TINY

from genre_lib.experiment import (
    DEMO,
    NORMAL,
    KeptRuns,
    Run,
    load_network,
    main_phases,
    variant_phases,
)

RUN = Run(TINY, NORMAL, 0)
HISTORY = pd.DataFrame(
    [[1, 2.0, 0.1, 2.1, 0.2, 3.0]],
    columns=["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds"],
)
SEGMENTS = pd.DataFrame(
    {
        "split": ["test", "test", "valid"],
        "track_id": ["NA", "rock.00001", "a, b"],
        "segment": [0, 1, 0],
        "label": [0, 1, 1],
    }
)
PROBABILITIES = np.array([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]], np.float32)


@pytest.fixture
def kept(tmp_path):
    return KeptRuns(tmp_path / "runs", "c0ffee")


def keep(kept, run=RUN, probabilities=PROBABILITIES, save_model=Path.touch):
    facts = {"rotation": run.rotation, "seed": run.seed, "seconds": 1.0}
    kept.save(run, facts, HISTORY, SEGMENTS, probabilities, save_model)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_run_lies_where_it_always_did(kept):
    group = variant_phases(DEMO)["group-norm"][0]
    place = kept.place(Run(DEMO, group, rotation=1, seed=2))
    assert place.relative_to(kept.runs_dir).as_posix() == (
        "c0ffee/demo-e1480e32/accumulation-group-norm/rotation-1-seed-2"
    )
    assert kept.derived_folder(DEMO) == kept.profile_folder(DEMO) / "derived"
    keep(kept)
    assert names(kept.place(RUN)) == ["history.csv", "model.keras", "predictions.npz", "run.json"]
    assert names(kept.place(RUN).parent) == ["rotation-0-seed-0"]
    assert kept.load(RUN).name == kept.place(RUN).relative_to(kept.runs_dir).as_posix()


def test_runs_that_differ_have_places_that_differ(tmp_path):
    runs = [
        Run(profile, phase, rotation, seed)
        for profile in (TINY, dataclasses.replace(TINY, width=0.0625))
        for phase in main_phases(TINY)
        for rotation in range(3)
        for seed in range(2)
    ]
    places = {KeptRuns(tmp_path, corpus).place(run) for run in runs for corpus in ("a", "b")}
    assert len(places) == 2 * len(runs)


def test_a_kept_run_is_read_as_it_was(kept):
    keep(kept)
    result = kept.load(RUN)
    assert result.folder == kept.place(RUN)
    assert result.facts["seconds"] == 1.0
    pd.testing.assert_frame_equal(result.history, HISTORY)
    assert result.segments.to_dict("list") == SEGMENTS.to_dict("list")
    np.testing.assert_array_equal(result.probabilities, PROBABILITIES)
    assert result.probabilities.dtype == np.float32


def test_predictions_are_those_of_a_split(kept):
    keep(kept)
    result = kept.load(RUN)
    segments, probabilities = result.predictions()
    assert list(segments["track_id"]) == ["NA", "rock.00001"]
    np.testing.assert_array_equal(probabilities, PROBABILITIES[:2])
    segments, probabilities = result.predictions("valid")
    assert list(segments.index) == [0]
    np.testing.assert_array_equal(probabilities, PROBABILITIES[2:])


def test_only_what_is_kept_is_loaded(kept):
    other = Run(TINY, NORMAL, 1)
    assert kept.load(RUN) is None
    keep(kept)
    assert list(kept.load_all([other, RUN])) == [RUN]


def test_a_run_that_is_kept_again_replaces_the_first(kept):
    keep(kept)
    keep(kept, probabilities=1 - PROBABILITIES)
    np.testing.assert_array_equal(kept.load(RUN).probabilities, 1 - PROBABILITIES)
    assert names(kept.place(RUN).parent) == ["rotation-0-seed-0"]


def test_a_run_that_cannot_be_saved_leaves_the_one_before(kept):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    keep(kept)
    with pytest.raises(OSError, match="No space"):
        keep(kept, probabilities=1 - PROBABILITIES, save_model=full)
    np.testing.assert_array_equal(kept.load(RUN).probabilities, PROBABILITIES)
    assert names(kept.place(RUN).parent) == ["rotation-0-seed-0"]


def test_a_failure_is_noted_in_one_line_until_the_run_is_kept(kept):
    def fail():
        raise MemoryError(f"no room in {Path.home()}/models\nsecond line")

    assert kept.attempt(RUN, lambda: None) is None
    assert kept.failures([RUN]) == {}
    reason = kept.attempt(RUN, fail)
    assert reason.startswith("MemoryError: no room in ")
    assert "second line" not in reason
    assert str(Path.home()) not in reason
    assert kept.failures([RUN, Run(TINY, NORMAL, 1)]) == {RUN: reason}
    note = json.loads((kept.place(RUN).parent / "rotation-0-seed-0.failed.json").read_text())
    assert "second line" in note["traceback"]
    keep(kept)
    assert kept.failure_reason(RUN) is None
    assert names(kept.place(RUN).parent) == ["rotation-0-seed-0"]


def test_what_a_run_printed_is_noted_if_it_fails_and_shown_if_not(kept, capfd):
    def work(ending):
        with kept.stderr_of(RUN):
            os.write(2, b"as compiled code does")
            ending()

    kept.attempt(RUN, lambda: work(lambda: 1 / 0))
    (path,) = kept.place(RUN).parent.glob("*")
    assert json.loads(path.read_text())["stderr"] == "as compiled code does"
    assert capfd.readouterr().err == ""
    assert kept.attempt(RUN, lambda: work(lambda: None)) is None
    assert capfd.readouterr().err == "as compiled code does"
    assert list(kept.place(RUN).parent.iterdir()) == [path]


def test_a_failure_is_told_even_if_it_cannot_be_noted(kept):
    kept.runs_dir.mkdir()
    kept.folder.write_text("a file where a folder should be")

    def full():
        raise OSError(errno.ENOSPC, "No space left on device")

    reason = kept.attempt(RUN, full)
    assert "No space left on device (make room for" in reason
    assert kept.failure_reason(RUN) is None


def test_a_note_that_cannot_be_read_is_none(kept):
    kept.note_failure(RUN, "a reason")
    assert kept.failure_reason(RUN) == "a reason"
    (note,) = kept.place(RUN).parent.iterdir()
    note.write_text("{")
    assert kept.failure_reason(RUN) is None


def test_the_state_of_training_goes_when_the_run_is_kept(kept):
    state = kept.training_state(RUN)
    state.parent.mkdir(parents=True)
    state.touch()
    keep(kept)
    assert not state.exists()


def test_leftovers_of_a_run_are_removed_and_nothing_else(kept):
    other = Run(TINY, NORMAL, 0, seed=10)
    mine = Run(TINY, NORMAL, 0, seed=1)
    for run in (mine, other):
        keep(kept, run)
        kept.training_state(run).touch()
    folder = kept.place(mine).parent
    before = names(folder)
    (folder / ".rotation-0-seed-1-k1ll3d").mkdir()
    (folder / ".rotation-0-seed-1.training-4711").touch()
    (folder / ".rotation-0-seed-1.failed.json-4711").touch()
    kept.remove_leftovers(mine)
    assert names(folder) == before


def test_a_copy_has_everything_but_the_weights(kept, tmp_path):
    keep(kept)
    copy = KeptRuns(tmp_path / "copies", "c0ffee")
    kept.copy_without_weights(RUN, copy)
    assert names(copy.place(RUN)) == ["history.csv", "predictions.npz", "run.json"]
    result = copy.load(RUN)
    np.testing.assert_array_equal(result.probabilities, PROBABILITIES)
    weights = kept.load(RUN).facts["sha256"]["model.keras"]
    assert result.facts["sha256_of_weights"] == weights


def test_a_network_that_cannot_be_read_is_named(kept):
    keep(kept, save_model=lambda path: path.write_text("not a network"))
    with pytest.raises(ValueError, match=r"model\.keras: was not loaded.*to repeat the run"):
        load_network(kept.load(RUN))
