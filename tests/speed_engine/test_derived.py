import pytest

from genre_lib.experiment import PAPER
from tests.benchmarks.speed.derived import derive, figure_row


def test_rates_become_shares_margins_and_the_time_of_a_plan():
    figures = [
        figure_row("training", "this project, jax", [100.0], "segments/s", 32),
        # In half precision, where the limits are not those of half precision.
        figure_row("training", "this project, tensorflow, bfloat16", [200.0], "segments/s", 32),
        figure_row("training", "plain Keras", [25.0], "segments/s", 32),
        figure_row("inference", "this project, jax", [20.0], "tracks/s", 84),
        figure_row("feeder", "this project, jax", [500.0], "segments/s", 32),
    ]
    limits = {
        "device": "CPU",
        "product_rate": 2e12,
        "bandwidth": 3e9,
        "seconds_training": 0.004,
        "seconds_forward": 0.001,
    }
    found = {(r["what"], r["batch"]): r["value"] for r in derive(figures, limits, PAPER)}
    assert found["CPU: products", None] == pytest.approx(2.0)
    assert found["CPU: copies", None] == pytest.approx(3.0)
    assert found["share of the floor in training, jax", 32] == pytest.approx(40)
    assert found["share of the floor in inference, jax", 84] == pytest.approx(100 * 20 * 21 * 0.001)
    assert found["the feeder against the training, jax", 32] == 5
    # A sixth of 1000 tracks at 21 segments, and another sixth of the tracks.
    minutes = 30 * (1000 / 6) * (21 / 100 + 1 / 20) / 60
    assert found["one epoch of each of 30 runs, 1000 tracks, jax", 32] == pytest.approx(minutes)
    assert len(found) == 6
