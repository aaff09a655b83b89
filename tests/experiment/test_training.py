"""A run is trained, tested and kept; here, a small network (see `test_phases.py` for the whole)."""

import dataclasses
import platform
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from tones import TINY

from genre_lib.experiment import (
    ACCUMULATION,
    NORMAL,
    KeptRuns,
    Phase,
    Run,
    fit_run,
    load_network,
    split_segments,
)
from genre_lib.files import ROOT

pytestmark = pytest.mark.usefixtures("small_networks")

RUN = Run(dataclasses.replace(TINY, epochs=2), NORMAL, 0)


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def result(small_networks, tone_store, runs_dir):
    return fit_run(RUN, tone_store, runs_dir, progress=False)


def test_a_run_keeps_what_is_needed_to_score_it(result, tone_store):
    parts = split_segments(RUN, tone_store)
    for split in ("test", "valid"):
        segments, probabilities = result.predictions(split)
        expected = parts[split][["track_id", "segment", "label"]]
        assert segments[expected.columns].to_dict("list") == expected.to_dict("list")
        assert probabilities.shape == (len(segments), 2)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert list(result.history["epoch"]) == [1, 2]


def test_a_run_tells_how_it_was_made(result, tone_store):
    facts = result.facts
    assert facts["profile"]["epochs"] == 2
    assert facts["phase"]["name"] == "normal"
    assert (facts["rotation"], facts["seed"]) == (0, 0)
    assert facts["corpus"] == {
        "fingerprint": tone_store.fingerprint,
        "genres": ["high", "low"],
        "tracks": 14,
    }
    assert {"computation", "versions", "machine", "commit"} <= set(facts)
    assert facts["seconds"] >= result.history["seconds"].sum() - 0.05


def test_what_is_kept_of_a_run_tells_no_path_and_no_name_of_this_machine(result):
    kept = (result.folder / "run.json").read_text()
    for private in (Path.home(), ROOT, result.folder, platform.node()):
        assert str(private) not in kept


def test_the_kept_network_predicts_what_was_kept(result, tone_store):
    _, probabilities = result.predictions("test")
    starts = split_segments(RUN, tone_store)["test"]["start"]
    samples = tone_store.read(starts, TINY.window)[..., np.newaxis]
    again = load_network(result).predict(samples, batch_size=TINY.batch_size, verbose=0)
    np.testing.assert_allclose(again, probabilities, atol=1e-6)


def test_a_kept_run_is_not_trained_again(result, tone_store, runs_dir):
    written = (result.folder / "run.json").stat().st_mtime_ns
    again = fit_run(RUN, tone_store, runs_dir, progress=False)
    assert (again.folder / "run.json").stat().st_mtime_ns == written
    np.testing.assert_array_equal(again.probabilities, result.probabilities)


@pytest.mark.parametrize("settings", [{"floatx": "float16"}, {"floatx": "float64", "epsilon": 0.4}])
def test_what_keras_json_says_changes_no_run(settings, result, tone_store, tmp_path, keras_json):
    keras_json(**settings)
    again = fit_run(RUN, tone_store, tmp_path, progress=False)
    losses = [column for column in result.history if column not in ("epoch", "seconds")]
    np.testing.assert_array_equal(again.history[losses], result.history[losses])
    np.testing.assert_array_equal(again.probabilities, result.probabilities)
    for name, value in settings.items():
        assert getattr(keras.config, name)() == value


def test_a_damaged_run_is_made_again(result, tone_store, tmp_path):
    kept = KeptRuns(tmp_path, tone_store.fingerprint)
    shutil.copytree(result.folder, kept.place(RUN))
    (kept.place(RUN) / "predictions.npz").write_bytes(b"half a file")
    assert kept.load(RUN) is None
    again = fit_run(RUN, tone_store, tmp_path, progress=False)
    np.testing.assert_allclose(again.probabilities, result.probabilities, atol=1e-4)


def test_patience_can_be_counted_in_updates(tone_store, tmp_path):
    # Without a step nothing is learnt; after the first epoch, only the moving statistics change.
    still = dataclasses.replace(TINY, epochs=20, patience=2, learning_rate=0.0)
    patient = dataclasses.replace(ACCUMULATION, name="patient", patience_in_updates=True)
    results = [
        fit_run(Run(still, phase, 0), tone_store, tmp_path, progress=False)
        for phase in (ACCUMULATION, patient)
    ]
    waited = [len(r.history) - 1 - r.history["val_loss"].idxmin() for r in results]
    # The batches are twice as large as those of the normal phase: twice as many epochs.
    assert waited == [2, 4]


def test_with_a_cosine_training_runs_to_its_end_with_smaller_and_smaller_steps(
    tone_store, tmp_path
):
    # Steps too small to learn from, with which training would end early.
    still = dataclasses.replace(TINY, patience=1, learning_rate=1e-12)
    phase = Phase("cosine", cosine=True, epochs=8)
    history = fit_run(Run(still, phase, 0), tone_store, tmp_path, progress=False).history
    expected = 1e-12 * (1 + np.cos(np.pi * np.arange(8) / 8)) / 2
    np.testing.assert_allclose(history["learning_rate"], expected, rtol=1e-5)


def test_the_network_of_averages_is_the_one_that_was_best_in_validation(tone_store, tmp_path):
    run = Run(dataclasses.replace(TINY, epochs=3), Phase("averages", averages=0.9), 0)
    result = fit_run(run, tone_store, tmp_path, progress=False)
    segments, probabilities = result.predictions("valid")
    of_label = probabilities[np.arange(len(segments)), segments["label"]]
    best = result.history["val_loss"].min()
    assert -np.log(of_label).mean() == pytest.approx(best, abs=1e-5)


def test_a_batch_that_does_not_fit_into_memory_is_refused(tone_store, tmp_path, monkeypatch):
    monkeypatch.setattr("genre_lib.network.memory.available_memory", lambda: 1)
    with pytest.raises(MemoryError, match="batch_size=4 takes"):
        fit_run(RUN, tone_store, tmp_path, progress=False)
    assert not list(tmp_path.rglob("run.json"))
