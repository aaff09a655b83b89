import numpy as np
import pandas as pd
import pytest

from genre_lib.figures import (
    accuracies,
    accuracy_by_data,
    accuracy_by_rotation,
    confusion_matrices,
    genres_over_time,
    joined_segments,
    learning_curves,
    reliability_diagrams,
)
from genre_lib.figures.style import WIDTH
from genre_lib.results import Accuracy, reliability


def history(epochs, **changes):
    table = {"epoch": np.arange(1, epochs + 1), "loss": 2.0, "accuracy": 0.3}
    return pd.DataFrame(table | {"val_loss": 2.1, "val_accuracy": 0.2} | changes)


@pytest.mark.parametrize("epochs", [[1], [30], [5, 1, 9]])
def test_every_run_has_a_curve_of_training_and_of_validation(epochs, texts):
    figure = learning_curves([history(n) for n in epochs], "Normal")
    assert {"Normal: loss", "Normal: accuracy", "epoch", "accuracy of segments"} <= texts(figure)
    for axis in figure.axes:
        assert [len(line.get_xdata()) for line in axis.lines] == epochs * 2
    legend = figure.axes[1].get_legend().texts
    assert [text.get_text() for text in legend] == ["training", "validation"]


def test_an_exploding_loss_does_not_flatten_the_others():
    figure = learning_curves([history(20, val_loss=[1e6, np.nan, *[2.0] * 18])], "Normal")
    assert 2 < figure.axes[0].get_ylim()[1] < 10


@pytest.mark.parametrize("quoted", [True, False])
def test_accuracies_have_intervals_and_what_is_quoted(quoted, texts):
    row = {"segments": Accuracy(0.5, 0.4, 0.6), "tracks": Accuracy(0.7, 0.5, 0.8)}
    table = pd.DataFrame([row, row], index=["normal", "whole batches"])
    figure = accuracies(table, {"normal": (0.52, 0.55)} if quoted else None)
    shown = texts(figure)
    assert {"normal", "segments", "tracks", "Accuracy, with 95% intervals"} <= shown
    assert ("segments, original (quoted)" in shown) == quoted
    lines = {line.get_label(): line.get_xdata() for line in figure.axes[0].lines}
    if quoted:  # the second phase is not one of the original's
        np.testing.assert_array_equal(lines["segments, original (quoted)"], [0.52, np.nan])
        np.testing.assert_array_equal(lines["tracks, original (quoted)"], [0.55, np.nan])
    (low, high), *_ = (bar.get_segments()[0][:, 0] for bar in figure.axes[0].collections)
    assert (low, high) == pytest.approx((0.4, 0.6))


def test_the_accuracy_of_each_rotation_stands_beside_guessing(texts):
    table = {"segments": [0.4, 0.5, 0.6], "tracks": [0.5, 0.6, 0.7]}
    index = pd.RangeIndex(3, name="rotation")
    figure = accuracy_by_rotation(pd.DataFrame(table, index), 10, "Normal")
    shown = texts(figure)
    assert {"1", "2", "3", "segments", "tracks", "guessing", "rotation", "accuracy"} <= shown
    assert figure.axes[0].lines[-1].get_ydata()[0] == 0.1


@pytest.mark.parametrize("counts", [[1], [1, 2], [1, 2, 4, 8, 16, 21]])
def test_segments_and_rules_side_by_side(counts, texts):
    by_count = {count: Accuracy(0.5, 0.4, 0.6) for count in counts}
    figure = joined_segments(by_count, {"mean": Accuracy(0.5, 0.4, 0.6)})
    shown = texts(figure)
    assert {"accuracy of tracks", "segments per track, evenly spread", "mean"} <= shown
    assert set(map(str, counts)) <= shown
    assert figure.get_figwidth() == WIDTH


def test_a_reliability_diagram_counts_its_examples(texts):
    examples = pd.DataFrame({"confidence": [0.31, 0.33, 0.9], "correct": [0, 1, 1]})
    bins = reliability(examples)
    figure = reliability_diagrams({"segments": bins, "tracks": bins})
    assert {"Segments", "Tracks", "confidence", "share correct", "segments"} <= texts(figure)
    upper, lower = figure.axes[0], figure.axes[2]
    np.testing.assert_allclose(upper.lines[1].get_xydata(), [[0.32, 0.5], [0.9, 1.0]])
    assert sum(bar.get_height() for bar in lower.patches) == 3


@pytest.mark.parametrize("phases", [["normal"], ["L2, λ = 0.01", "accumulation"]])
@pytest.mark.parametrize("n_genres", [2, 4, 10])
def test_confusion_matrices_of_any_number_of_genres(n_genres, phases, texts):
    genres = [f"genre {k}" for k in range(n_genres)]
    counts = pd.DataFrame(3 * np.eye(n_genres, dtype=int), genres, genres)
    figure = confusion_matrices(dict.fromkeys(phases, counts))
    titles = {f"{phase[0].upper()}{phase[1:]}: {3 * n_genres} tracks" for phase in phases}
    assert {*titles, *genres, "true genre", "predicted genre"} <= texts(figure)
    assert figure.get_figwidth() <= WIDTH
    for axis in figure.axes[: len(phases)]:
        numbers = np.array([text.get_text() for text in axis.texts], int)
        np.testing.assert_array_equal(numbers.reshape(n_genres, n_genres), counts)


@pytest.mark.parametrize("n_phases", [1, 2])
@pytest.mark.parametrize("n_genres", [2, 10])
def test_nothing_of_a_confusion_matrix_is_cut_off(n_genres, n_phases):
    genres = [f"genre {k}" for k in range(n_genres)]
    counts = pd.DataFrame(3, genres, genres)
    figure = confusion_matrices({f"phase {k}": counts for k in range(n_phases)})
    figure.draw_without_rendering()
    box = figure.get_tightbbox()
    assert box.x0 >= 0 and box.y0 >= 0
    assert box.x1 <= figure.get_figwidth() and box.y1 <= figure.get_figheight()


def test_a_panel_per_protocol_and_a_line_per_classifier(texts):
    rows = [
        (name, protocol, tracks, Accuracy(value, value - 0.1, value + 0.1))
        for protocol in ("original", "artist filtered")
        for name, value in (("network", 0.5), ("an SVM", 0.7))
        for tracks in (67, 267)
    ]
    columns = ["classifier", "protocol", "training tracks", "tracks"]
    figure = accuracy_by_data(pd.DataFrame(rows, columns=columns), 10)
    assert {"Original", "Artist filtered", "network", "an SVM", "guessing"} <= texts(figure)
    for axis in figure.axes:
        for container, value in zip(axis.containers, (0.5, 0.7), strict=True):
            line, _, (bars,) = container
            np.testing.assert_allclose(line.get_xydata(), [[67, value], [267, value]])
            ends = bars.get_segments()[0][:, 1]
            np.testing.assert_allclose(ends, [value - 0.1, value + 0.1])


def test_a_baseline_has_no_accuracy_of_segments():
    values = [Accuracy(0.5, 0.4, 0.6), None], [Accuracy(0.5, 0.4, 0.6)] * 2
    compared = pd.DataFrame(dict(zip(("segments", "tracks"), values, strict=True)))
    segments, tracks = accuracies(compared).axes[0].containers
    assert np.isnan(segments[0].get_xdata()[1])
    assert list(tracks[0].get_xdata()) == [0.5, 0.5]


@pytest.mark.parametrize(("segments", "last"), [(1, "0:05"), (45, "1:00"), (3000, "60:00")])
def test_a_song_has_a_row_per_genre_and_its_time_in_minutes(segments, last, texts):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.dirichlet([1, 1, 1], segments), columns=["$a$", "b", "c"])
    figure = genres_over_time(table, 5.0, "a $song$")
    assert {"a $song$", "time / min:s", "probability", "0:00", last} <= texts(figure)
    axis = figure.axes[0]
    (image,) = axis.get_images()
    assert image.get_extent()[1] == pytest.approx(1.25 * (segments + 3))
    shown = np.asarray(image.get_array())
    assert shown.shape == (3, min(segments + 3, 1000))
    np.testing.assert_allclose(shown.sum(axis=0), 1)
    if segments == 45:  # of the fifth moment, the segments that contain it
        np.testing.assert_allclose(shown[:, 4], table[1:5].mean())
    shares = [f"{name}  {table[name].mean():.0%}" for name in table]
    assert [label.get_text() for label in axis.get_yticklabels()] == shares
    assert len(axis.get_xticklabels()) < 16
