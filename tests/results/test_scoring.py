import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from genre_lib.results import scoring, statistics

TRACKS = ["a", "a", "a", "b", "b"]
PROBABILITIES = np.array([[0.9, 0.1], [0.4, 0.6], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]])


def test_the_mean_of_the_segments():
    tracks = scoring.aggregate(PROBABILITIES, TRACKS)
    assert list(tracks.index) == ["a", "b"]
    np.testing.assert_allclose(tracks, [[1.7 / 3, 1.3 / 3], [0.25, 0.75]])


def test_the_rules_can_disagree():
    predicted = {
        rule: scoring.aggregate(PROBABILITIES, TRACKS, rule).to_numpy().argmax(axis=1)[0]
        for rule in scoring.RULES
    }
    # One confident segment outweighs two doubtful ones, except where each has one vote.
    assert predicted == {"mean": 0, "vote": 1, "max": 0, "log-mean": 0}


@pytest.mark.parametrize("rule", scoring.RULES)
def test_every_rule_gives_probabilities(rule):
    random = np.random.default_rng(0).dirichlet(np.ones(4), size=60)
    tracks = scoring.aggregate(random, np.repeat(np.arange(12), 5), rule)
    assert tracks.shape == (12, 4)
    np.testing.assert_allclose(tracks.sum(axis=1), 1)


def test_the_logarithm_survives_a_zero():
    tracks = scoring.aggregate([[0.0, 1.0], [0.5, 0.5]], ["a", "a"], "log-mean")
    assert np.isfinite(tracks).all(axis=None)


def test_tracks_keep_the_order_of_their_segments():
    tracks = scoring.aggregate(np.eye(3), ["z", "a", "m"])
    assert list(tracks.index) == ["z", "a", "m"]


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"'median' is not known; expected one of mean"):
        scoring.aggregate(PROBABILITIES, TRACKS, "median")
    with pytest.raises(ValueError, match=r"\(5, 2\) for 4 track ids"):
        scoring.aggregate(PROBABILITIES, TRACKS[:4])


def scores_of(correct, segments=20, segments_correct=None, **columns):
    correct = np.asarray(correct)
    return pd.DataFrame(
        {
            "track_id": [f"t{k}" for k in range(len(correct))],
            "rotation": 0,
            "seed": 0,
            "correct": correct,
            "segments": segments,
            "segments_correct": correct * segments
            if segments_correct is None
            else segments_correct,
            **columns,
        }
    )


def test_the_interval_of_tracks_agrees_with_the_binomial_distribution():
    n, share = 400, 0.7
    scores = scores_of(np.arange(n) < n * share)
    interval = statistics.accuracy(scores.astype({"correct": int}))
    assert interval.value == share
    assert interval.low == pytest.approx(binom.ppf(0.025, n, share) / n, abs=0.005)
    assert interval.high == pytest.approx(binom.ppf(0.975, n, share) / n, abs=0.005)


def test_segments_of_a_track_are_no_independent_evidence():
    all_or_nothing = scores_of(np.arange(100) < 60)
    spread = scores_of(np.arange(100) < 60, segments_correct=12)
    tied = statistics.accuracy(all_or_nothing, "segments")
    loose = statistics.accuracy(spread, "segments")
    assert tied.value == loose.value == 0.6
    assert tied.high - tied.low > 0.15
    assert loose.high - loose.low == pytest.approx(0, abs=1e-9)


def test_repeating_the_runs_does_not_narrow_the_interval():
    once = scores_of((np.arange(100) < 60).astype(int))
    thrice = pd.concat([once.assign(seed=seed) for seed in range(3)])
    first, second = statistics.accuracy(once), statistics.accuracy(thrice)
    np.testing.assert_allclose(first, second)


def test_mcnemar_is_the_exact_binomial_test():
    first = scores_of([1] * 8 + [0] * 2 + [1] * 90)
    second = scores_of([0] * 8 + [1] * 2 + [1] * 90)
    test = statistics.mcnemar(first, second)
    assert (test.only_first, test.only_second) == (8, 2)
    assert test.p_value == pytest.approx(2 * binom.cdf(2, 10, 0.5))


def test_mcnemar_compares_what_both_have_tested():
    first = scores_of([1, 1, 1, 1])
    second = scores_of([0, 0, 1, 1]).iloc[[1, 3]]
    assert statistics.mcnemar(first, second)[:2] == (1, 0)
    assert statistics.mcnemar(first, first) == (0, 0, 1.0)


def test_the_difference_of_pairs_on_the_tracks_of_both():
    first = scores_of([1] * 60 + [0] * 40)
    second = scores_of([1] * 70 + [0] * 30).sample(frac=1, random_state=0)
    gain = statistics.difference(first, second)
    assert gain.value == pytest.approx(0.1)
    assert gain.sign == 1
    # Ten of a hundred pairs differ, all to one side.
    assert gain.low == pytest.approx(binom.ppf(0.025, 100, 0.1) / 100, abs=0.011)
    assert gain.high == pytest.approx(binom.ppf(0.975, 100, 0.1) / 100, abs=0.011)
    assert statistics.difference(first, second[second["track_id"] != "t65"]).value == 9 / 99


def test_pairs_are_sharper_than_two_intervals():
    first, second = scores_of([1, 0] * 50 + [0] * 4), scores_of([1, 0] * 50 + [1] * 4)
    paired = statistics.difference(first, second)
    alone = statistics.accuracy(first)
    assert paired.high - paired.low < 0.5 * (alone.high - alone.low)


def test_a_difference_of_more_runs_is_no_sharper():
    first, second = scores_of([1] * 60 + [0] * 40), scores_of([0] * 20 + [1] * 80)
    thrice = [pd.concat([s.assign(seed=seed) for seed in range(3)]) for s in (first, second)]
    np.testing.assert_allclose(
        statistics.difference(first, second), statistics.difference(*thrice), atol=1e-12
    )


def test_without_a_common_track_there_is_no_difference():
    with pytest.raises(ValueError, match="no track was tested by both"):
        statistics.difference(scores_of([1, 0]), scores_of([1, 0], rotation=1))


def test_only_what_was_tested_by_both_is_comparable():
    scores, other = scores_of([1, 0]), scores_of([1, 0], rotation=1)
    assert statistics.comparable(scores, scores_of([0, 0]))
    assert not statistics.comparable(scores, other)
    assert not statistics.comparable(scores, scoring.pool([]))


def test_the_accuracy_of_no_run_reads_so():
    assert str(statistics.accuracy(scoring.pool([]), "segments")) == "no run"


def test_confusion_and_scores_by_genre():
    genres = ["blues", "jazz", "rock"]
    scores = pd.DataFrame({"label": [0, 0, 0, 1, 1, 2], "predicted": [0, 0, 1, 1, 1, 1]})
    counts = scoring.confusion(scores, genres)
    assert counts.loc["blues", "jazz"] == 1
    assert counts.to_numpy().sum() == 6
    assert scoring.most_confused(counts)[2] == 1
    table = scoring.by_genre(scores, genres).set_index("genre")
    assert table.loc["blues", "recall"] == pytest.approx(2 / 3)
    assert table.loc["jazz", "precision"] == pytest.approx(2 / 4)
    assert table.loc["rock", "F1"] == 0
    assert list(table["tracks"]) == [3, 2, 1]
