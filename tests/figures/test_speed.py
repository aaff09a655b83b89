import numpy as np
import pandas as pd
import pytest

from genre_lib.figures import growing_cost, training_rates


def row(what, rates, batch=32, figure="training"):
    value = sorted(rates)[len(rates) // 2] if rates else None
    return {"figure": figure, "what": what, "batch": batch, "value": value, "repeats": rates}


def test_rates_are_drawn_with_their_ranges(texts):
    figures = [
        row("this project, jax", [90.0, 100.0, 110.0]),
        row("plain Keras", [20.0, 25.0, 30.0]),
        row("PyTorch, eager", [40.0]),
        row("this project, jax", [120.0], batch=80),
        row("PyTorch, eager", [], batch=80),
        row("this project, jax", [7.0], batch=84, figure="inference"),
    ]
    figure = training_rates(figures)
    (axis,) = figure.axes
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert names == ["this project, jax", "plain Keras", "PyTorch, eager"]
    assert sorted(bar.get_width() for bar in axis.patches if bar.get_width()) == [25, 40, 100, 120]
    ranges = {tuple(line.get_xdata()) for line in axis.lines}
    assert {(90.0, 110.0), (20.0, 30.0)} <= ranges
    assert {"segments per second", "32", "80"} <= texts(figure)


def test_cost_is_drawn_against_tracks():
    # Two runs each: in one process time is as tracks are, in two it is half of that.
    cases = [(tracks, jobs) for tracks in (100, 300, 1000) for jobs in (1, 2)]
    rows = pd.DataFrame(cases, columns=["tracks", "jobs"])
    rows["storing"], rows["training"] = rows["tracks"] / 50, rows["tracks"] / rows["jobs"]
    rows["memory"] = 2**30
    time, memory = growing_cost(rows).axes
    lines = {line.get_label(): line for line in time.lines}
    assert set(lines) == {"1 process", "2 processes", "building the store"}
    np.testing.assert_array_equal(lines["2 processes"].get_xydata()[-1], (1000, 500))
    assert [line.get_ydata()[0] for line in memory.lines] == pytest.approx([1, 1])
    assert (time.get_ylabel(), memory.get_ylabel()) == ("time / s", "memory / GiB")
