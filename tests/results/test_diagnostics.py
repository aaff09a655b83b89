import dataclasses

import numpy as np
import pandas as pd
import pytest
from made_runs import HISTORY, first_of, run_of, run_with

from genre_lib.experiment import ACCUMULATION, NORMAL, SMOKE, l2_phase
from genre_lib.results import (
    accuracy,
    accuracy_gaps,
    compare,
    describe_runs,
    difference,
    mcnemar,
    on_common_rotations,
    original_groups,
    out_of_fold,
    pool,
    scores_by_segments,
)
from genre_lib.results.diagnostics import fewest_segments, segment_counts, thin_out

LONG = pd.DataFrame(
    HISTORY
    | {
        "epoch": [1, 2, 3],
        "accuracy": [0.5, 0.7, 0.9],
        "val_accuracy": [0.4, 0.6, 0.5],
        "val_loss": [2.0, 1.0, 1.5],
        "seconds": [9.0, 3.0, 4.0],
    }
)


def run_of_segments(segments, tracks=3, genres=4):
    """A run with as many segments per track, shuffled, all predicted at random."""
    rows = [
        (split, f"{split}{track}", segment, track % genres)
        for split in ("test", "valid")
        for track in range(tracks)
        for segment in range(segments)
    ]
    table = pd.DataFrame(rows, columns=["split", "track_id", "segment", "label"])
    table = table.sample(frac=1, random_state=0, ignore_index=True)
    return run_of(dict(table), np.random.default_rng(0).dirichlet(np.ones(genres), len(table)))


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
    thin = thin_out(run_of_segments(segments), count)
    for _, track in thin.segments.groupby(["split", "track_id"]):
        assert sorted(track["segment"]) == kept
    assert len(thin.probabilities) == len(thin.segments) == 6 * len(kept)


def test_a_segment_keeps_its_probabilities():
    run = run_of_segments(21)
    thin = thin_out(run, 4)
    keys = ["split", "track_id", "segment"]
    places = run.segments.reset_index().merge(thin.segments, on=keys, how="right")["index"]
    np.testing.assert_array_equal(run.probabilities[places], thin.probabilities)


@pytest.mark.parametrize("segments", range(1, 22))
def test_any_number_of_segments_is_kept_exactly(segments):
    assert len(thin_out(run_of_segments(21, tracks=1), segments).segments) == 2 * segments


def test_no_segment_is_too_few():
    with pytest.raises(ValueError, match="count=0; expected at least one"):
        thin_out(run_of_segments(2), 0)


def test_all_segments_are_the_run_itself():
    run = run_of_segments(20)
    pd.testing.assert_frame_equal(thin_out(run, 21).segments, run.segments)
    scores = scores_by_segments([run])
    assert list(scores) == [1, 2, 4, 8, 16, 20]
    pd.testing.assert_frame_equal(scores[20], pool([run]))


@pytest.mark.parametrize(
    ("segments", "counts"),
    [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (17, [1, 2, 4, 8, 17]), (21, [1, 2, 4, 8, 16, 21])],
)
def test_the_numbers_of_segments_that_are_tried(segments, counts):
    assert segment_counts([run_of_segments(segments), run_of_segments(1)]) == counts


def test_the_fewest_segments_that_do_as_well_as_all():
    climbing = {1: first_of(50), 2: first_of(60), 4: first_of(79), 6: first_of(80)}
    assert fewest_segments(climbing) == 4
    assert fewest_segments({1: first_of(50), 6: first_of(80)}) == 6
    # What does well by chance does not count if more segments do worse.
    uneven = {1: first_of(80), 2: first_of(60), 4: first_of(80), 6: first_of(80)}
    assert fewest_segments(uneven) == 4
    assert fewest_segments({1: first_of(80)}) == 1


def test_the_gap_at_the_best_epoch_and_at_the_last():
    gaps = accuracy_gaps([run_with([1], history=LONG), run_with([1], history=LONG.iloc[:1])])
    assert gaps.loc[0, ["training, best", "validation, best"]].tolist() == [0.7, 0.6]
    np.testing.assert_allclose(gaps["gap, best"], [0.1, 0.1])
    np.testing.assert_allclose(gaps["gap, last"], [0.4, 0.1])


def test_out_of_fold_is_the_mean_over_segments_and_then_over_runs():
    first = run_of({"track_id": ["b", "b", "a"]}, [[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]])
    second = run_of({"track_id": ["b"]}, [[0.75, 0.25]])
    table = out_of_fold([first, second])
    assert list(table.index) == ["a", "b"]
    np.testing.assert_allclose(table, [[1.0, 0.0], [0.5, 0.5]])


def test_runs_are_described_by_their_best_epoch():
    table = describe_runs([run_with([1], rotation=1, seed=3, history=LONG)])
    assert table.loc[0].to_dict() == {
        "rotation": 2,
        "seed": 3,
        "epochs": 3,
        "best": 2,
        "training": 0.7,
        "validation": 0.6,
        "minutes": 1.0,
    }


def test_without_a_run_the_description_has_its_columns():
    assert list(describe_runs([])) == list(describe_runs([run_with([1])]))
    assert np.isnan(describe_runs([])["epochs"].mean())


def test_only_rotations_that_all_groups_have_stay():
    runs = [run_with([1], rotation=rotation) for rotation in range(3)]
    named = {"normal": runs, "other": [runs[2], runs[1]], "none": []}
    common = on_common_rotations(named)
    assert common == {"normal": runs[1:], "other": [runs[2], runs[1]], "none": []}
    assert on_common_rotations({"a": [runs[0]], "b": [runs[1]]}) == {"a": [], "b": []}
    assert on_common_rotations({"none": []}) == {"none": []}


@pytest.fixture(scope="module")
def named():
    """Two rotations of one group, one of another, which shares 20 tracks, and a group of none."""
    normal = [
        run_with([1] * 12 + [0] * 8, valid=[1, 0], history=LONG),
        run_with([1] * 15 + [0] * 5, valid=[1, 1], rotation=1),
    ]
    other = [run_with([0] * 4 + [1] * 9 + [0] * 7, valid=[0, 1])]
    return {"normal": normal, "other": other, "none": []}


def test_groups_are_put_side_by_side_as_by_hand(named):
    table = compare(named)
    assert list(table.index) == ["normal", "other", "none"]
    assert table.index.name == "name"
    assert "difference" not in table
    for name, runs in named.items():
        row, scores = table.loc[name], pool(runs)
        assert row["runs"] == len(runs)
        assert row["rotations"] == len({run.facts["rotation"] for run in runs})
        assert str(row["segments"]) == str(accuracy(scores, "segments"))
        assert str(row["tracks"]) == str(accuracy(scores))
    assert table.loc["normal", ["test tracks", "validation"]].tolist() == [20, 0.75]
    # The runs have 3 epochs, of which the second is the best, and 1.
    assert table.loc["normal", ["epochs", "best"]].tolist() == [2, 1.5]
    assert table.loc["normal", "training"] == pytest.approx((0.7 + 0.5) / 2)
    assert table.loc["normal", "seconds"] == 3.5


def test_a_group_without_runs_is_empty(named):
    none = compare(named, to="normal").loc["none"]
    assert none[["runs", "rotations", "test tracks"]].tolist() == [0, 0, 0]
    assert str(none["segments"]) == str(none["tracks"]) == "no run"
    assert none[["validation", "epochs", "best", "training", "seconds"]].isna().all()
    assert none["difference"] is None
    assert none[["only_reference", "only_this"]].tolist() == [0, 0]
    assert np.isnan(none["p"])


def test_groups_are_compared_in_pairs_as_by_hand(named):
    row, pair = (
        compare(named, to="normal").loc["other"],
        [pool(named[n]) for n in ("normal", "other")],
    )
    assert row["difference"] == difference(*pair)
    assert (row["only_reference"], row["only_this"], row["p"]) == mcnemar(*pair)
    # Only the twenty tracks of the first rotation: four are lost, one is gained.
    assert row["difference"].value == pytest.approx(-3 / 20)
    assert (row["only_reference"], row["only_this"]) == (4, 1)


def test_a_group_does_not_differ_from_itself(named):
    row = compare(named, to="normal").loc["normal"]
    assert row["difference"] == (0, 0, 0)
    assert row["p"] == 1


def test_groups_that_share_no_track_are_not_compared():
    runs = [
        run_with([1, 0], rotation=rotation, seed=seed)
        for rotation, seed in [(0, 0), (1, 0), (0, 1)]
    ]
    table = compare({"a": runs[:1], "other rotation": runs[1:2], "other seed": runs[2:]}, to="a")
    assert table["difference"].isna().tolist() == [False, True, True]
    assert table["p"].isna().tolist() == [False, True, True]


def test_every_group_may_be_empty():
    table = compare({"normal": [], "other": []}, to="normal")
    assert list(table["runs"]) == [0, 0]
    assert table["difference"].isna().all()


def test_a_reference_that_is_not_there_is_refused(named):
    with pytest.raises(KeyError, match="L2"):
        compare(named, to="L2")


def test_the_penalty_of_the_original_is_chosen_in_validation():
    # The weaker one is better in the test partition, which takes no part in the choice.
    runs = {
        NORMAL: [run_with([1, 1])],
        l2_phase(0.01): [run_with([0, 0], valid=[1, 1])],
        l2_phase(0.001): [run_with([1, 1], valid=[1, 0])],
        l2_phase(0.0001): [],
        ACCUMULATION: [],
    }
    profile = dataclasses.replace(SMOKE, l2_lambdas=(0.0001, 0.001, 0.01))
    groups = original_groups(profile, runs)
    assert list(groups) == ["normal", l2_phase(0.01).label, "accumulation"]
    assert list(groups.values()) == [runs[NORMAL], runs[l2_phase(0.01)], []]
    without = original_groups(dataclasses.replace(profile, l2_lambdas=()), runs)
    assert list(without) == ["normal", "accumulation"]
    untrained = original_groups(profile, {phase: [] for phase in runs})
    assert list(untrained.values()) == [[], [], []]
