from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genre_lib.experiment.kept import RunResult
from genre_lib.results import diagnostics, scoring


def run_of(segments, tracks=3, history=None, genres=4):
    """A run with as many segments a track, in an order of no use, all predicted at random."""
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        [
            (split, f"{split}{track}", segment, track % genres)
            for split in ("test", "valid")
            for track in range(tracks)
            for segment in range(segments)
        ],
        columns=["split", "track_id", "segment", "label"],
    ).sample(frac=1, random_state=0, ignore_index=True)
    probabilities = random.dirichlet(np.ones(genres), size=len(table)).astype(np.float32)
    return RunResult(Path(), {"rotation": 0, "seed": 0}, history, table, probabilities)


@pytest.mark.parametrize(
    ("segments", "count", "kept"),
    [
        (21, 1, [10]),
        (21, 2, [5, 15]),
        (21, 4, [2, 7, 13, 18]),
        (6, 3, [1, 3, 5]),
        (2, 1, [1]),
        (2, 5, [0, 1]),
        (1, 1, [0]),
    ],
)
def test_the_segments_that_are_kept_are_evenly_spread(segments, count, kept):
    thin = diagnostics.thin_out(run_of(segments), count)
    for _, track in thin.segments.groupby(["split", "track_id"]):
        assert sorted(track["segment"]) == kept
    assert len(thin.probabilities) == len(thin.segments) == 6 * len(kept)


def test_a_segment_keeps_its_probabilities():
    run = run_of(21)
    thin = diagnostics.thin_out(run, 4)
    keys = ["split", "track_id", "segment"]
    places = run.segments.reset_index().merge(thin.segments, on=keys, how="right")["index"]
    np.testing.assert_array_equal(run.probabilities[places], thin.probabilities)


@pytest.mark.parametrize("segments", range(1, 22))
def test_any_number_of_segments_is_kept_exactly(segments):
    run = run_of(21, tracks=1)
    assert len(diagnostics.thin_out(run, segments).segments) == 2 * segments


def test_no_segment_is_too_few():
    with pytest.raises(ValueError, match="count=0; expected at least one"):
        diagnostics.thin_out(run_of(2), 0)


def test_all_segments_are_the_run_itself():
    run = run_of(20)
    pd.testing.assert_frame_equal(diagnostics.thin_out(run, 21).segments, run.segments)
    scores = diagnostics.scores_by_segments([run])
    pd.testing.assert_frame_equal(scores[20], scoring.pool([run]))


@pytest.mark.parametrize(
    ("segments", "counts"),
    [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (17, [1, 2, 4, 8, 17]), (21, [1, 2, 4, 8, 16, 21])],
)
def test_the_numbers_of_segments_that_are_tried(segments, counts):
    assert diagnostics.segment_counts([run_of(segments), run_of(1)]) == counts


def scores_of(n_correct, n=100):
    columns = {"track_id": np.arange(n), "rotation": 0, "seed": 0}
    return pd.DataFrame(columns).assign(correct=(np.arange(n) < n_correct).astype(int))


def test_the_fewest_segments_that_do_as_well_as_all():
    climbing = {1: scores_of(50), 2: scores_of(60), 4: scores_of(79), 6: scores_of(80)}
    assert diagnostics.fewest_segments(climbing) == 4
    assert diagnostics.fewest_segments({1: scores_of(50), 6: scores_of(80)}) == 6
    # What does well by chance does not count when more segments do worse.
    uneven = {1: scores_of(80), 2: scores_of(60), 4: scores_of(80), 6: scores_of(80)}
    assert diagnostics.fewest_segments(uneven) == 4
    assert diagnostics.fewest_segments({1: scores_of(80)}) == 1


def test_the_gap_at_the_best_epoch_and_at_the_last():
    history = pd.DataFrame(
        {
            "epoch": [1, 2, 3],
            "accuracy": [0.5, 0.7, 0.9],
            "val_accuracy": [0.4, 0.6, 0.5],
            "val_loss": [2.0, 1.0, 1.5],
        }
    )
    once = run_of(2, history=history.iloc[:1])
    gaps = diagnostics.accuracy_gaps([run_of(2, history=history), once])
    assert gaps.loc[0, ["training, best", "validation, best"]].tolist() == [0.7, 0.6]
    np.testing.assert_allclose(gaps["gap, best"], [0.1, 0.1])
    np.testing.assert_allclose(gaps["gap, last"], [0.4, 0.1])


def test_out_of_fold_is_the_mean_over_segments_and_then_over_runs():
    def run(track_ids, rows):
        segments = pd.DataFrame({"track_id": track_ids, "split": "test", "segment": 0, "label": 0})
        return RunResult(Path(), {}, pd.DataFrame(), segments, np.array(rows))

    first = run(["b", "b", "a"], [[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]])
    second = run(["b"], [[0.75, 0.25]])
    table = diagnostics.out_of_fold([first, second])
    assert list(table.index) == ["a", "b"]
    np.testing.assert_allclose(table, [[1.0, 0.0], [0.5, 0.5]])
