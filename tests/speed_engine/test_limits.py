import numpy as np
import pandas as pd
import pytest

from genre_lib.network import build_resnet1d
from tests.benchmarks.speed.limits import list_convolutions, seconds_at_least


def test_the_operations_are_those_of_the_network():
    convolutions = list_convolutions(build_resnet1d())
    # By hand: the first layer makes 36 750 steps of 128 filters from 3 samples; and 1 + 9 * 2
    # convolutions, 2 shortcuts, the last convolution and the output layer follow it.
    assert convolutions["forward"].iloc[0] == 2 * 36_750 * 128 * 3
    assert len(convolutions) == 1 + 9 * 2 + 2 + 1 + 1
    assert convolutions["forward"].sum() == pytest.approx(13.9e9, rel=0.005)
    assert convolutions["training"].sum() == pytest.approx(41.7e9, rel=0.005)


def test_the_floor_is_set_by_the_slower_of_arithmetic_and_memory():
    table = pd.DataFrame(
        {
            "forward": [100, 10],
            "values_forward": [10, 100],
            "training": [300, 30],
            "values_training": [30, 300],
        }
    )
    floor = seconds_at_least(table, itemsize=2, product_rate=10.0, bandwidth=20.0)
    assert floor == {"forward": 10 + 10, "training": 30 + 30}
    no_arithmetic = seconds_at_least(table, 2, np.inf, bandwidth=20.0)
    assert no_arithmetic["forward"] == 1 + 10
