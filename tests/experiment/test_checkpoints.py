"""A training that is interrupted and goes on ends as one that was not, bit for bit.

All is real here but the network, which has one layer in place of thirty, so that it compiles in a
second. `tests/reliability` does the same with the whole one, and with processes that are killed.
"""

import copy
import dataclasses
import errno

import keras
import numpy as np
import pytest
from tones import write_tone

from genre_lib.corpus.store import build_store
from genre_lib.corpus.tracks import load_corpus
from genre_lib.experiment import checkpoints
from genre_lib.experiment.kept import load_run
from genre_lib.experiment.phases import ACCUMULATION, NORMAL, variant_phases
from genre_lib.experiment.profiles import SMOKE
from genre_lib.experiment.runs import Run
from genre_lib.experiment.training import fit_run

TINY = dataclasses.replace(
    SMOKE,
    n_partitions=3,
    batch_size=4,
    accumulated_batch_size=8,
    micro_batch_size=3,
    learning_rate=1.0,  # too large, so that the validation loss rises again
    epochs=9,
    patience=2,
    variants=("statistics",),
)
STATISTICS = variant_phases(TINY)["statistics"][0]


def small_network(window, n_classes, **_):
    inputs = keras.Input((window, 1), dtype="int16")
    x = keras.layers.Rescaling(1 / 2**15)(inputs)
    x = keras.layers.Conv1D(8, 64, strides=32, activation="relu")(x)
    x = keras.layers.BatchNormalization(momentum=0.9)(x)
    x = keras.layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, keras.layers.Dense(n_classes, activation="softmax")(x))


@pytest.fixture(scope="module", autouse=True)
def small_networks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genre_lib.network.resnet1d.build_resnet1d", small_network)
        yield


class Interrupted(RuntimeError):
    """What ends a training here."""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    for genre, base in {"high": 2000, "low": 200}.items():
        for number in range(6):
            path = folder / "audio" / genre / f"{genre}.{number:05d}.wav"
            write_tone(path, seconds=3.5, frequency=base + 10 * number)
    corpus = load_corpus(folder / "audio", min_samples=TINY.window, progress=False)
    return build_store(corpus, folder / "cache", progress=False)


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
def whole(store, tmp_path_factory):
    """Return what comes of a phase without an interruption, and how many batches that takes."""
    known = {}

    def train(phase):
        if phase not in known:
            counted = CountedReads(store)
            folder = tmp_path_factory.mktemp("whole")
            result = fit_run(Run(TINY, phase, 0), counted.store, folder, progress=False)
            known[phase] = result, counted.reads
        return known[phase]

    return train


def interrupt(run, store, runs_dir, after):
    """Let a run fail after so many batches."""
    with pytest.raises(Exception, match="power cut"):
        fit_run(run, CountedReads(store, after).store, runs_dir, progress=False)
    assert load_run(run.folder(runs_dir, store.fingerprint)) is None


def assert_identical(result, expected):
    numbers = [table.history.drop(columns="seconds") for table in (result, expected)]
    assert numbers[0].equals(numbers[1])
    assert result.segments.equals(expected.segments)
    np.testing.assert_array_equal(result.probabilities, expected.probabilities)
    weights = [
        keras.saving.load_model(kept.folder / "model.keras").get_weights()
        for kept in (result, expected)
    ]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def hidden(runs_dir):
    return [path.name for path in runs_dir.rglob(".*")]


@pytest.mark.parametrize(
    ("phase", "moments"),
    [
        (NORMAL, (0.4,)),
        (NORMAL, (0.3, 0.8)),
        (NORMAL, (0.99,)),  # all epochs are trained, and what comes of them is not yet kept
        (ACCUMULATION, (0.6,)),
        (STATISTICS, (0.6,)),
    ],
)
def test_it_ends_as_if_nothing_had_been(phase, moments, whole, store, tmp_path):
    expected, reads = whole(phase)
    run = Run(TINY, phase, 0)
    for moment in moments:
        interrupt(run, store, tmp_path, int(moment * reads))
    counted = CountedReads(store)
    result = fit_run(run, counted.store, tmp_path, progress=False)
    assert_identical(result, expected)
    assert counted.reads < reads  # the epochs before are not trained again
    assert hidden(tmp_path) == []


def test_early_stopping_comes_after_the_interruptions(whole):
    # Or else the test above would tell nothing about its state.
    history = whole(NORMAL)[0].history
    assert 4 <= len(history) < TINY.epochs
    assert history["val_loss"].idxmin() == len(history) - 1 - TINY.patience


def test_a_state_made_from_other_choices_is_ignored(whole, store, tmp_path, monkeypatch):
    run = Run(TINY, NORMAL, 0)
    with monkeypatch.context() as patch:
        patch.setattr("genre_lib.provenance.versions", lambda: {"keras": "2"})
        interrupt(run, store, tmp_path, whole(NORMAL)[1] // 2)
    with pytest.warns(UserWarning, match=r"rotation-0-seed-0.training.*other versions.*anew"):
        result = fit_run(run, store, tmp_path, progress=False)
    assert_identical(result, whole(NORMAL)[0])


@pytest.fixture(scope="module")
def kept_state(whole, store, tmp_path_factory):
    """The bytes of a state, and the run that it belongs to."""
    runs_dir = tmp_path_factory.mktemp("state")
    interrupt(Run(TINY, NORMAL, 0), store, runs_dir, whole(NORMAL)[1] // 2)
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
    state = checkpoints.Checkpoints(path, {}, keras.callbacks.EarlyStopping())
    with pytest.warns(UserWarning, match="it is damaged"):
        assert state.restore(model) == 0
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def fit(path, epochs, made_from=None, units=1):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(units)])
    model.compile("adam", "mse")
    stopping = keras.callbacks.EarlyStopping("val_loss", patience=9, restore_best_weights=True)
    state = checkpoints.Checkpoints(path, made_from or {}, stopping)
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


def test_seconds_of_all_calls_add_up(tmp_path):
    _, first = fit(tmp_path / "state", 1)
    done, second = fit(tmp_path / "state", 2)
    assert done == 1
    assert second.history[0] == first.history[0]
    assert second.seconds > first.seconds > 0


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
