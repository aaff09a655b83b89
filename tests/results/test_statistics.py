import numpy as np
import pandas as pd
import pytest
from made_runs import first_of, scores_of
from scipy.stats import binom, bootstrap

from genre_lib.results import Accuracy, Difference, accuracy, difference, mcnemar, pool
from genre_lib.results.statistics import bootstrap_mean, count_shared, points


def test_the_interval_is_that_of_scipy_if_every_group_is_one_value():
    values = np.random.default_rng(1).normal(size=300)
    mean, low, high = bootstrap_mean(values, 1, np.arange(300))
    expected = bootstrap((values,), np.mean, method="percentile", rng=0).confidence_interval
    assert mean == pytest.approx(values.mean())
    np.testing.assert_allclose([low, high], expected, atol=0.005)


def test_groups_stay_together():
    values = np.repeat([0.0, 1.0], 50)
    loose = bootstrap_mean(values, 1, np.arange(100))
    tied = bootstrap_mean(values, 1, np.arange(100) // 10)
    assert loose[0] == tied[0] == 0.5
    assert tied[2] - tied[1] > 2 * (loose[2] - loose[1])


def test_sums_are_divided_by_their_counts():
    assert bootstrap_mean([1, 9], [10, 10], ["a", "b"])[0] == 0.5
    assert bootstrap_mean([5, 10], [10, 20], ["a", "b"]) == (0.5, 0.5, 0.5)


def test_how_numbers_read():
    assert str(Accuracy(0.5, 0.25, 0.7512)) == "50.0% [25.0%, 75.1%]"
    assert str(Difference(0.031, -0.012, 0.074)) == "+3.1 [\u22121.2, +7.4]"
    assert points(-0.0001) == "+0.0"


def test_an_interval_without_width_is_not_written():
    assert str(Difference(0.0, 0.0, 0.0)) == "+0.0"


def test_the_accuracy_of_no_run_reads_so():
    assert str(accuracy(pool([]), "segments")) == "no run"


def test_the_sign_is_told_if_the_interval_leaves_zero_out():
    signs = [Difference(0, *ends).sign for ends in [(0.1, 0.2), (-0.2, -0.1), (-0.1, 0.1), (0, 1)]]
    assert signs == [1, -1, 0, 0]


def test_the_interval_of_tracks_agrees_with_the_binomial_distribution():
    interval = accuracy(first_of(280, 400))
    assert interval.value == 0.7
    assert interval.low == pytest.approx(binom.ppf(0.025, 400, 0.7) / 400, abs=0.005)
    assert interval.high == pytest.approx(binom.ppf(0.975, 400, 0.7) / 400, abs=0.005)


def test_segments_of_a_track_are_no_independent_evidence():
    correct = np.arange(100) < 60
    tied = accuracy(scores_of(correct, segments=20, segments_correct=20 * correct), "segments")
    loose = accuracy(scores_of(correct, segments=20, segments_correct=12), "segments")
    assert tied.value == loose.value == 0.6
    assert tied.high - tied.low > 0.15
    assert loose.high - loose.low == pytest.approx(0, abs=1e-9)


def test_repeating_the_runs_does_not_narrow_the_interval():
    once = first_of(60)
    thrice = pd.concat([once.assign(seed=seed) for seed in range(3)])
    np.testing.assert_allclose(accuracy(once), accuracy(thrice))


def test_mcnemar_is_the_exact_binomial_test():
    first = scores_of([1] * 8 + [0] * 2 + [1] * 90)
    second = scores_of([0] * 8 + [1] * 2 + [1] * 90)
    test = mcnemar(first, second)
    assert (test.only_first, test.only_second) == (8, 2)
    assert test.p_value == pytest.approx(2 * binom.cdf(2, 10, 0.5))


def test_mcnemar_compares_what_both_have_tested():
    first = scores_of([1, 1, 1, 1])
    second = scores_of([0, 0, 1, 1]).iloc[[1, 3]]
    assert mcnemar(first, second)[:2] == (1, 0)
    assert mcnemar(first, first) == (0, 0, 1.0)


def test_the_difference_of_pairs_on_the_tracks_of_both():
    first = first_of(60)
    second = first_of(70).sample(frac=1, random_state=0)
    gain = difference(first, second)
    assert gain.value == pytest.approx(0.1)
    assert gain.sign == 1
    # Ten of a hundred pairs differ, all to one side.
    assert gain.low == pytest.approx(binom.ppf(0.025, 100, 0.1) / 100, abs=0.011)
    assert gain.high == pytest.approx(binom.ppf(0.975, 100, 0.1) / 100, abs=0.011)
    assert difference(first, second[second["track_id"] != "t65"]).value == 9 / 99


def test_pairs_are_sharper_than_two_intervals():
    first, second = scores_of([1, 0] * 50 + [0] * 4), scores_of([1, 0] * 50 + [1] * 4)
    paired, alone = difference(first, second), accuracy(first)
    assert paired.high - paired.low < 0.5 * (alone.high - alone.low)


def test_a_difference_of_more_runs_is_no_sharper():
    first, second = first_of(60), scores_of([0] * 20 + [1] * 80)
    thrice = [pd.concat([s.assign(seed=seed) for seed in range(3)]) for s in (first, second)]
    np.testing.assert_allclose(difference(first, second), difference(*thrice), atol=1e-12)


def test_without_a_common_track_there_is_no_difference():
    with pytest.raises(ValueError, match="no track was tested by both"):
        difference(scores_of([1, 0]), scores_of([1, 0], rotation=1))


def test_only_what_was_tested_by_both_is_shared():
    scores = scores_of([1, 0, 1])
    assert count_shared(scores, scores_of([0, 0])) == 2
    assert count_shared(pd.concat([scores, scores_of([1], seed=1)]), scores_of([1], seed=1)) == 1
    assert count_shared(scores, scores_of([1, 0], rotation=1)) == 0
    assert count_shared(scores, scores_of([1, 0], seed=1)) == 0
    assert count_shared(scores, pool([])) == 0
