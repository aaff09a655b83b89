import dataclasses
import platform
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from tones import write_tone

from genre_lib.corpus.store import build_store
from genre_lib.corpus.tracks import load_corpus
from genre_lib.experiment.kept import load_run
from genre_lib.experiment.models import build_model
from genre_lib.experiment.phases import ACCUMULATION, NORMAL, l2_phase, phases, variant_phases
from genre_lib.experiment.profiles import PAPER, SMOKE
from genre_lib.experiment.protocols import split_segments
from genre_lib.experiment.runs import Run, plan
from genre_lib.experiment.scheduling import fit_runs
from genre_lib.experiment.training import fit_run
from genre_lib.results import scoring

TINY = dataclasses.replace(
    SMOKE, n_partitions=3, epochs=2, batch_size=4, accumulated_batch_size=8, micro_batch_size=3
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    for genre, base in {"high": 2000, "low": 200}.items():
        for number in range(6):
            path = folder / "audio" / genre / f"{genre}.{number:05d}.wav"
            write_tone(path, seconds=3.5, frequency=base + 10 * number)
    corpus = load_corpus(folder / "audio", min_samples=TINY.window, progress=False)
    return build_store(corpus, folder / "cache", progress=False)


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def result(store, runs_dir):
    return fit_run(Run(TINY, NORMAL, 0), store, runs_dir, progress=False)


def test_the_plan_of_the_paper_is_thirty_runs():
    runs = plan(PAPER)
    assert len(set(runs)) == 30
    assert [phase.name for phase in phases(PAPER)] == [
        "normal",
        "l2-0.01",
        "l2-0.001",
        "l2-0.0001",
        "accumulation",
    ]


def test_seeds_multiply_the_plan():
    assert len(plan(dataclasses.replace(PAPER, seeds=(0, 1, 2)))) == 90


def test_runs_that_differ_have_places_that_differ(tmp_path):
    runs = [
        Run(profile, phase, rotation, seed)
        for profile in (TINY, dataclasses.replace(TINY, width=0.0625))
        for phase in phases(TINY)
        for rotation in range(3)
        for seed in range(2)
    ]
    places = {run.folder(tmp_path, corpus) for run in runs for corpus in ("a", "b")}
    assert len(places) == 2 * len(runs)


def test_no_track_is_on_two_sides(store):
    for rotation in range(3):
        parts = split_segments(Run(TINY, NORMAL, rotation), store)
        tracks = [set(segments["track_id"]) for segments in parts.values()]
        assert sum(map(len, tracks)) == len(set.union(*tracks)) == 12


def test_a_run_keeps_what_is_needed_to_score_it(result, store):
    test, probabilities = result.predictions("test")
    valid, _ = result.predictions("valid")
    parts = split_segments(Run(TINY, NORMAL, 0), store)
    assert list(test["track_id"]) == list(parts["test"]["track_id"])
    assert list(valid["track_id"]) == list(parts["valid"]["track_id"])
    assert probabilities.shape == (len(test), 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert len(result.history) == 2
    scores = scoring.score_tracks(result)
    assert scores["segments"].sum() == len(test)
    assert set(scores["track_id"]) == set(test["track_id"])


def test_what_is_kept_of_a_run_tells_no_path_and_no_name_of_this_machine(result):
    kept = (result.folder / "run.json").read_text()
    for private in (Path.home(), Path(__file__).parents[1], result.folder, platform.node()):
        assert str(private) not in kept


def test_the_kept_network_predicts_what_was_kept(result, store):
    model = keras.saving.load_model(result.folder / "model.keras")
    segments, probabilities = result.predictions("test")
    starts = split_segments(Run(TINY, NORMAL, 0), store)["test"]["start"]
    samples = store.read(starts, TINY.window)[..., np.newaxis]
    again = model.predict(samples, batch_size=TINY.batch_size, verbose=0)
    np.testing.assert_allclose(again, probabilities, atol=1e-6)
    assert len(segments) == len(again)


def test_a_kept_run_is_not_trained_again(result, store, runs_dir):
    written = (result.folder / "run.json").stat().st_mtime_ns
    again = fit_run(Run(TINY, NORMAL, 0), store, runs_dir, progress=False)
    assert (again.folder / "run.json").stat().st_mtime_ns == written
    np.testing.assert_array_equal(again.probabilities, result.probabilities)


def test_runs_in_a_row_are_what_they_are_alone(result, store, tmp_path):
    first, second = (Run(TINY, NORMAL, 0, seed=seed) for seed in (0, 1))
    row = fit_runs([first, second], store, tmp_path / "row", progress=False)
    alone = fit_run(second, store, tmp_path / "alone", progress=False)
    for one, other in ((row[first], result), (row[second], alone)):
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-4)
        np.testing.assert_allclose(one.history["val_loss"], other.history["val_loss"], rtol=1e-3)
    assert np.abs(row[second].probabilities - row[first].probabilities).max() > 1e-3


def test_a_damaged_run_is_made_again(result, store, tmp_path):
    run = Run(TINY, NORMAL, 0)
    folder = run.folder(tmp_path, store.fingerprint)
    shutil.copytree(result.folder, folder)
    (folder / "predictions.npz").write_bytes(b"half a file")
    assert load_run(folder) is None
    again = fit_run(run, store, tmp_path, progress=False)
    assert again.probabilities.shape == result.probabilities.shape
    assert load_run(folder) is not None


def test_every_way_to_train_trains(store, tmp_path):
    short = dataclasses.replace(
        TINY, epochs=1, variants=("whole-batch", "group-norm", "statistics")
    )
    variants = [phase for found in variant_phases(short).values() for phase in found]
    ways = [l2_phase(0.01), ACCUMULATION, *variants]
    results = fit_runs([Run(short, way, 0) for way in ways], store, tmp_path, progress=False)
    assert [result.facts["phase"]["name"] for result in results.values()] == [w.name for w in ways]
    assert all(np.isfinite(result.history["loss"]).all() for result in results.values())


@pytest.mark.parametrize("phase", [NORMAL, ACCUMULATION], ids=lambda phase: phase.name)
def test_an_update_is_traced_once(phase, monkeypatch):
    model, traced = build_model(Run(TINY, phase, 0), 10), []
    step = model.train_step

    def count(*arguments):
        traced.append(arguments)
        return step(*arguments)

    monkeypatch.setattr(model, "train_step", count)
    model.fit(np.zeros((6, TINY.window), np.int16), np.arange(6), batch_size=4, verbose=0)
    assert len(traced) == 1


def test_patience_can_be_counted_in_updates(store, tmp_path):
    # Without a step and without statistics nothing ever changes, so patience alone ends it.
    still = dataclasses.replace(TINY, epochs=20, patience=2, learning_rate=0.0)
    group = dataclasses.replace(ACCUMULATION, name="group", normalization="group")
    patient = dataclasses.replace(group, name="patient", patience_in_updates=True)
    runs = [Run(still, phase, 0) for phase in (group, patient)]
    results = fit_runs(runs, store, tmp_path, progress=False)
    # The batches are twice as large as those of the normal phase: twice as many epochs.
    assert [len(result.history) for result in results.values()] == [1 + 2, 1 + 4]


def test_the_phases_are_what_they_say():
    plain, penalised, accumulated = (
        build_model(Run(TINY, phase, 0), 2) for phase in (NORMAL, l2_phase(0.01), ACCUMULATION)
    )
    assert plain.losses == []
    assert len(penalised.losses) > 0
    assert accumulated.micro_batch_size == TINY.micro_batch_size
    for model in (plain, penalised, accumulated):
        assert isinstance(model.optimizer, keras.optimizers.Adam)
