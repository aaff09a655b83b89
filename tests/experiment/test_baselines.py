"""What the baselines reach, and that what is kept of them is used as a network's runs are."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from made_runs import run_of
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from tones import TINY

from genre_lib.corpus.descriptors import measure_features
from genre_lib.experiment import BASELINES, KeptRuns, divide, plan, split_tracks, with_more_data
from genre_lib.experiment.baselines import fit_baselines
from genre_lib.results import accuracy, compare, pool

MAJORITY, MFCC, SVM = BASELINES


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def fit(tone_store, cache, tmp_path):
    """A function that fits the runs of phases, and returns what is kept of them."""

    def fit(*phases, profile=TINY):
        runs = plan(profile, *phases)
        fit_baselines(runs, tone_store, tmp_path, cache, progress=False)
        return KeptRuns(tmp_path, tone_store.fingerprint).load_all(runs)

    return fit


def test_every_track_is_tested_once_and_tones_are_told_apart(fit):
    found = fit(*BASELINES)
    of = {p: pool([r for run, r in found.items() if run.phase == p]) for p in BASELINES}
    assert all(scores["track_id"].nunique() == len(scores) == 14 for scores in of.values())
    assert accuracy(of[MFCC]).value == 1
    assert accuracy(of[SVM]).value > 0.7  # it has 4 tracks to learn from
    assert set(of[MAJORITY].groupby("rotation")["predicted"].nunique()) == {1}


def test_predictions_are_those_of_the_support_vector_machine(fit, tone_store, cache):
    features = measure_features(tone_store, cache, progress=False)
    labels = tone_store.tracks.set_index("track_id")["label"]
    for run, result in fit(SVM).items():
        parts = split_tracks(divide(tone_store.tracks, "original", 3), run.rotation)
        model = make_pipeline(StandardScaler(), SVC(C=10))
        model.fit(features.loc[parts["train"]], labels[parts["train"]])
        for split in ("test", "valid"):
            tested, probabilities = result.predictions(split)
            assert list(tested["track_id"]) == list(parts[split])
            assert list(tested["label"]) == list(labels[parts[split]])
            expected = model.predict(features.loc[parts[split]])
            assert list(probabilities.argmax(axis=1)) == list(expected)


def test_a_baseline_is_compared_with_a_network_on_the_same_tracks(fit):
    results = list(fit(MFCC).values())
    networks = []
    for result in results:
        tested = result.predictions()[0][["track_id", "label"]].to_dict("list")
        high = np.tile([1, 0], (len(tested["label"]), 1))
        networks.append(run_of(tested, high, rotation=result.facts["rotation"]))
    compared = compare({"normal": networks, "mfcc": results}, to="normal")
    # The network says "high" of all tracks: it is right of seven.
    assert compared.loc["mfcc", ["only_reference", "only_this"]].tolist() == [0, 7]
    assert compared.loc["mfcc", "tracks"].value == 1


def test_more_partitions_train_and_the_same_are_tested(fit):
    profile = dataclasses.replace(TINY, n_partitions=6)
    found = fit(MAJORITY, with_more_data(MAJORITY, 4), profile=profile)
    tested = [set(result.predictions()[0]["track_id"]) for result in found.values()]
    assert len(found) == 12 and tested[:6] == tested[6:]


def test_kept_runs_are_not_fitted_again(fit, monkeypatch):
    first = fit(SVM)
    assert not list(next(iter(first.values())).folder.glob("*.keras"))
    monkeypatch.setattr("genre_lib.experiment.baselines._fit", None)
    again = fit(SVM)
    for run, result in first.items():
        pd.testing.assert_frame_equal(result.segments, again[run].segments)
        pd.testing.assert_frame_equal(result.history, again[run].history)


def test_a_failure_is_noted_and_the_others_continue(fit, tone_store, tmp_path):
    nobody = dataclasses.replace(SVM, name="nobody", baseline="nobody")
    with pytest.warns(UserWarning, match="run failed: nobody, rotation 1"):
        found = fit(nobody, MAJORITY)
    assert {run.phase for run in found} == {MAJORITY}
    failures = KeptRuns(tmp_path, tone_store.fingerprint).failures(plan(TINY, nobody))
    assert len(failures) == TINY.n_partitions
