import matplotlib
import numpy as np
import pandas as pd
import pytest

from genre_lib.figures import results
from genre_lib.figures.style import WIDTH
from genre_lib.results import calibration
from genre_lib.results.statistics import Accuracy

matplotlib.use("agg")


def texts(figure):
    """What stands at the figure's axes, after it was drawn."""
    figure.canvas.draw()
    return {
        text.get_text()
        for axis in figure.axes
        for text in [axis.title, axis.xaxis.label, axis.yaxis.label, *axis.get_xticklabels()]
    }


@pytest.mark.parametrize("counts", [[1], [1, 2], [1, 2, 4, 8, 16, 21]])
def test_segments_and_rules_side_by_side(counts):
    by_count = {count: Accuracy(0.5, 0.4, 0.6) for count in counts}
    figure = results.joined_segments(by_count, {"mean": Accuracy(0.5, 0.4, 0.6)})
    shown = texts(figure)
    assert {"accuracy of tracks", "segments a track, evenly spread", "mean"} <= shown
    assert set(map(str, counts)) <= shown
    assert figure.get_figwidth() == WIDTH


def test_a_reliability_diagram_counts_its_examples():
    examples = pd.DataFrame({"confidence": [0.31, 0.33, 0.9], "correct": [0, 1, 1]})
    bins = calibration.reliability(examples)
    figure = results.reliability_diagrams({"segments": bins, "tracks": bins})
    assert {"Segments", "Tracks", "confidence", "share correct", "segments"} <= texts(figure)
    upper, lower = figure.axes[0], figure.axes[2]
    np.testing.assert_allclose(upper.lines[1].get_xydata(), [[0.32, 0.5], [0.9, 1.0]])
    assert sum(bar.get_height() for bar in lower.patches) == 3


@pytest.mark.parametrize("n_genres", [2, 4, 10])
def test_confusion_matrices_of_any_number_of_genres(n_genres):
    genres = [f"genre {k}" for k in range(n_genres)]
    counts = pd.DataFrame(3 * np.eye(n_genres, dtype=int), genres, genres)
    figure = results.confusion_matrices({"L2, λ = 0.01": counts, "accumulation": counts})
    shown = texts(figure)
    assert {f"L2, λ = 0.01: {3 * n_genres} tracks", "true genre", "genre 0"} <= shown
    assert f"Accumulation: {3 * n_genres} tracks" in shown
    assert figure.get_figwidth() == WIDTH
