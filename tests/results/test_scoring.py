import numpy as np
import pandas as pd
import pytest
from made_runs import run_of, run_with

from genre_lib.results import RULES, by_genre, by_rotation, confusion, pool
from genre_lib.results.scoring import aggregate, most_confused

TRACKS = ["a", "a", "a", "b", "b"]
PROBABILITIES = np.array([[0.9, 0.1], [0.4, 0.6], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]])


def test_the_mean_of_the_segments():
    tracks = aggregate(PROBABILITIES, TRACKS)
    assert list(tracks.index) == ["a", "b"]
    np.testing.assert_allclose(tracks, [[1.7 / 3, 1.3 / 3], [0.25, 0.75]])


def test_the_rules_can_disagree():
    predicted = {
        rule: aggregate(PROBABILITIES, TRACKS, rule).to_numpy().argmax(axis=1)[0] for rule in RULES
    }
    # One confident segment outweighs two doubtful ones, except where each has one vote.
    assert predicted == {"mean": 0, "vote": 1, "max": 0, "log-mean": 0}


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_gives_probabilities(rule):
    random = np.random.default_rng(0).dirichlet(np.ones(4), size=60)
    tracks = aggregate(random, np.repeat(np.arange(12), 5), rule)
    assert tracks.shape == (12, 4)
    np.testing.assert_allclose(tracks.sum(axis=1), 1)


def test_the_logarithm_survives_a_zero():
    tracks = aggregate([[0.0, 1.0], [0.5, 0.5]], ["a", "a"], "log-mean")
    assert np.isfinite(tracks).all(axis=None)


def test_tracks_keep_the_order_of_their_segments():
    assert list(aggregate(np.eye(3), ["z", "a", "m"]).index) == ["z", "a", "m"]


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"'median' is not known; expected one of mean"):
        aggregate(PROBABILITIES, TRACKS, "median")
    with pytest.raises(ValueError, match=r"\(5, 2\) for 4 track ids"):
        aggregate(PROBABILITIES, TRACKS[:4])


def test_a_run_is_scored_track_by_track():
    segments = {"track_id": [*TRACKS, "c"], "label": [0, 0, 0, 0, 0, 1]}
    run = run_of(segments | {"split": ["test"] * 5 + ["valid"]}, [*PROBABILITIES, [0, 1]], seed=7)
    scores = pool([run])
    assert list(scores["track_id"]) == ["a", "b"]
    assert list(scores["predicted"]) == [0, 1]
    assert list(scores["correct"]) == [1, 0]
    assert list(scores["segments"]) == [3, 2]
    assert list(scores["segments_correct"]) == [1, 0]
    assert set(scores["seed"]) == {7}
    assert pool([run], "vote")["correct"].sum() == 0
    assert pool([run], split="valid")["track_id"].tolist() == ["c"]


def test_runs_are_scored_one_below_the_other():
    scores = pool([run_with([1, 0], rotation=0), run_with([1, 1], rotation=2)])
    assert list(scores["rotation"]) == [0, 0, 2, 2]
    assert list(scores.index) == [0, 1, 2, 3]


def test_without_a_run_the_table_has_its_columns():
    empty, scores = pool([]), pool([run_with([1])])
    assert len(empty) == 0
    assert set(empty) == set(scores)
    assert empty["correct"].dtype == scores["correct"].dtype


def test_rotations_are_scored_apart():
    scores = pool([run_with([1, 0, 0, 0]), run_with([1, 0]), run_with([1], rotation=2)])
    table = by_rotation(scores)
    assert list(table.index) == [0, 2]
    np.testing.assert_allclose(table["tracks"], [2 / 6, 1])
    np.testing.assert_allclose(table["segments"], [2 / 6, 1])


def test_confusion_and_scores_by_genre():
    genres = ["blues", "jazz", "rock"]
    scores = pd.DataFrame({"label": [0, 0, 0, 1, 1, 2], "predicted": [0, 0, 1, 1, 1, 1]})
    counts = confusion(scores, genres)
    assert (counts.index.name, counts.columns.name) == ("true genre", "predicted genre")
    assert counts.loc["blues", "jazz"] == 1
    assert counts.to_numpy().sum() == 6
    assert most_confused(counts)[2] == 1
    table = by_genre(scores, genres).set_index("genre")
    assert table.loc["blues", "recall"] == pytest.approx(2 / 3)
    assert table.loc["jazz", "precision"] == pytest.approx(2 / 4)
    assert table.loc["rock", ["precision", "F1"]].tolist() == [0, 0]
    assert list(table["tracks"]) == [3, 2, 1]
