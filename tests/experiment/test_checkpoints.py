"""A run that is interrupted and resumes ends as one that was not, bit for bit.

All is real here but the network. `tests/robustness` does the same with the whole one, and with
processes that are killed.
"""

import copy
import dataclasses
import errno

import keras
import numpy as np
import pytest
from tones import TINY

from genre_lib.experiment import (
    ACCUMULATION,
    NORMAL,
    KeptRuns,
    Run,
    fit_run,
    improvement_phases,
    load_network,
    variant_phases,
)
from genre_lib.experiment.checkpoints import Checkpoints
from genre_lib.experiment.models import Networks

PROFILE = dataclasses.replace(
    TINY,
    learning_rate=0.3,  # too large, so that the validation loss rises again
    epochs=9,
    patience=2,
    variants=("statistics",),
    improvements=("dropout", "improved"),
)
STATISTICS = variant_phases(PROFILE)["statistics"][0]
DROPOUT, improved = improvement_phases(PROFILE)
IMPROVED = dataclasses.replace(improved, epochs=6)
# As much as one can be: mixed segments in micro-batches, averages with statistics of their own.
EVERYTHING = dataclasses.replace(IMPROVED, accumulates=True, reestimates=True)

pytestmark = pytest.mark.usefixtures("small_networks")

# A run resumes with another network than the one that it began with, as in another process.
BEGIN, RESUME = Networks(), Networks()


class Interrupted(RuntimeError):
    """What ends a training here."""


class CountedReads:
    """A store of which batches are counted, and which fails after some."""

    def __init__(self, store, last=float("inf")):
        self.reads, self.last = 0, last
        self.store = copy.copy(store)
        self.read, self.store.read = store.read, self

    def __call__(self, *arguments):
        self.reads += 1
        if self.reads > self.last:
            raise Interrupted("power cut")
        return self.read(*arguments)


@pytest.fixture(scope="module")
def whole(tone_store, small_networks, tmp_path_factory):
    """Return what comes of a phase without an interruption, and how many batches that takes."""
    known = {}

    def train(phase):
        if phase not in known:
            counted = CountedReads(tone_store)
            folder = tmp_path_factory.mktemp("whole")
            run = Run(PROFILE, phase, 0)
            result = fit_run(run, counted.store, folder, progress=False, networks=BEGIN)
            known[phase] = result, counted.reads
        return known[phase]

    return train


def interrupt(run, store, runs_dir, after):
    """Let a run fail after so many batches."""
    with pytest.raises(Exception, match="power cut"):
        fit_run(run, CountedReads(store, after).store, runs_dir, progress=False, networks=BEGIN)
    assert KeptRuns(runs_dir, store.fingerprint).load(run) is None


def assert_identical(result, expected):
    numbers = [table.history.drop(columns="seconds") for table in (result, expected)]
    assert numbers[0].equals(numbers[1])
    assert result.segments.equals(expected.segments)
    np.testing.assert_array_equal(result.probabilities, expected.probabilities)
    weights = [load_network(kept).get_weights() for kept in (result, expected)]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("phase", "moments"),
    [
        (NORMAL, (0.4,)),
        (NORMAL, (0.3, 0.5)),  # the second counts from the first
        (NORMAL, (0.95,)),  # all epochs are trained, and what comes of them is not yet kept
        (ACCUMULATION, (0.6,)),
        (STATISTICS, (0.6,)),
        (DROPOUT, (0.5,)),
        (IMPROVED, (0.3, 0.5)),
        (IMPROVED, (0.95,)),
        (EVERYTHING, (0.6,)),
    ],
)
def test_it_ends_as_if_nothing_had_been(phase, moments, whole, tone_store, tmp_path):
    expected, reads = whole(phase)
    run = Run(PROFILE, phase, 0)
    for moment in moments:
        interrupt(run, tone_store, tmp_path, int(moment * reads))
    counted = CountedReads(tone_store)
    result = fit_run(run, counted.store, tmp_path, progress=False, networks=RESUME)
    assert_identical(result, expected)
    assert result.facts["seconds"] >= result.history["seconds"].sum() - 0.05
    assert counted.reads < reads  # the epochs before are not trained again
    assert list(tmp_path.rglob(".*")) == []


def test_early_stopping_comes_after_the_interruptions(whole):
    # Or else the test above would tell nothing about its state.
    history = whole(NORMAL)[0].history
    assert 4 <= len(history) < PROFILE.epochs
    assert history["val_loss"].idxmin() == len(history) - 1 - PROFILE.patience


def test_a_state_made_from_other_choices_is_ignored(whole, tone_store, tmp_path, monkeypatch):
    run = Run(PROFILE, NORMAL, 0)
    with monkeypatch.context() as patch:
        patch.setattr("genre_lib.provenance.versions", lambda: {"keras": "2"})
        interrupt(run, tone_store, tmp_path, whole(NORMAL)[1] // 2)
    expected = r"rotation-0-seed-0.training.*other versions.*Training starts again"
    with pytest.warns(UserWarning, match=expected):
        result = fit_run(run, tone_store, tmp_path, progress=False, networks=RESUME)
    assert_identical(result, whole(NORMAL)[0])


@pytest.fixture(scope="module")
def kept_state(whole, tone_store, tmp_path_factory):
    """The bytes of a state, and the run that it belongs to."""
    runs_dir = tmp_path_factory.mktemp("state")
    interrupt(Run(PROFILE, NORMAL, 0), tone_store, runs_dir, whole(NORMAL)[1] // 2)
    (path,) = runs_dir.rglob(".*.training")
    return path.read_bytes()


def damage(content, how):
    if how == "truncated":
        return content[: len(content) // 2]
    if how == "empty":
        return b""
    if how == "another file":
        return b"<html>" + bytes(1000)
    changed = bytearray(content)
    changed[how] ^= 1
    return bytes(changed)


@pytest.mark.parametrize("how", ["truncated", "empty", "another file", 0, 33, 400, -400, -1])
def test_a_damaged_state_is_ignored(how, kept_state, tmp_path):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    before = model.get_weights()
    path = tmp_path / "state"
    path.write_bytes(damage(kept_state, how))
    state = Checkpoints(path, {}, keras.callbacks.EarlyStopping())
    with pytest.warns(UserWarning, match="it is damaged"):
        assert state.restore(model) == 0
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def fit(path, epochs, made_from=None, units=1):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(units)])
    model.compile("adam", "mse")
    stopping = keras.callbacks.EarlyStopping("val_loss", patience=9, restore_best_weights=True)
    state = Checkpoints(path, made_from or {}, stopping)
    done = state.restore(model)
    x = np.arange(4.0)[:, np.newaxis]
    model.fit(
        x,
        x,
        validation_data=(x, x),
        initial_epoch=done,
        epochs=epochs,
        callbacks=[stopping, state],
        shuffle=False,
        verbose=0,
    )
    return done, state


def test_a_state_of_another_network_is_ignored(tmp_path):
    fit(tmp_path / "state", 1)
    with pytest.warns(UserWarning, match="another network"):
        done, _ = fit(tmp_path / "state", 2, units=2)
    assert done == 0


def test_the_epochs_of_all_calls_add_up(tmp_path):
    _, first = fit(tmp_path / "state", 1)
    done, second = fit(tmp_path / "state", 2)
    assert done == 1
    assert second.history[0] == first.history[0]
    assert len(second.history) == 2
    assert all(epoch["seconds"] > 0 for epoch in second.history)


def test_on_a_full_disk_the_state_before_stays(tmp_path, monkeypatch):
    fit(tmp_path / "state", 1)
    before = (tmp_path / "state").read_bytes()

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            fit(tmp_path / "state", 3)
    assert (tmp_path / "state").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
    assert fit(tmp_path / "state", 3)[0] == 1
