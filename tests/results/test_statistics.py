import numpy as np
import pytest
from scipy.stats import bootstrap

from genre_lib.results.statistics import Accuracy, Difference, bootstrap_mean, points


def test_the_interval_is_that_of_scipy_where_every_group_is_one_value():
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


def test_the_sign_is_told_where_the_interval_leaves_zero_out():
    signs = [Difference(0, *ends).sign for ends in [(0.1, 0.2), (-0.2, -0.1), (-0.1, 0.1), (0, 1)]]
    assert signs == [1, -1, 0, 0]
