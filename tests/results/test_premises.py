import dataclasses

import pandas as pd
import pytest
from sentences import assert_reads

from genre_lib.experiment import NORMAL, PAPER, SMOKE, l2_phase, plan
from genre_lib.results import premises


def counts(*numbers):
    return pd.Series(numbers, [f"t_{k}" for k in range(len(numbers))])


def test_segments_that_tracks_give():
    assert premises.on_segment_counts(counts(21, 21)) == "each of the 2 tracks gives 21 segments."
    assert premises.on_segment_counts(counts(1, 1, 1)) == "each of the 3 tracks gives 1 segment."
    assert premises.on_segment_counts(counts(21, 20, 21)) == (
        r"of 3 tracks, 2 give 21 and 1 gives 20. Fewer than the others: t\_1."
    )
    many = premises.on_segment_counts(counts(21, *[20] * 30))
    assert many == "of 31 tracks, 1 gives 21 and 30 give 20."


def same(*pairs):
    columns = ["track_id", "other_track_id", "exact", "across_genres"]
    return pd.DataFrame(pairs, columns=columns)


def test_repetitions_that_were_found():
    text = premises.on_repetitions(same(), 100)
    assert text == "No repetition was found among the 100 tracks."
    assert premises.on_repetitions(same(("a", "b", True, False)), 100) == (
        "Among the 100 tracks, **1 pair is of the same recording** (exact repetitions: 1; across "
        "genres: none): 2 tracks (2.0%) repeat another or are repeated."
    )
    text = premises.on_repetitions(same(("a", "b", False, True), ("b", "c", False, True)), 100)
    assert "**2 pairs are of the same recording** (exact repetitions: none; across " in text
    assert "genres: 2): 3 tracks (3.0%)" in text


@pytest.mark.parametrize(
    ("rotations", "expected"),
    [
        (6, "all are run, so that each track is tested exactly once."),
        (2, "2 of the 6 rotations are run and test 2/6 of the tracks, each once."),
        (1, "1 of the 6 rotations is run and tests 1/6 of the tracks, each once."),
    ],
)
def test_rotations_that_are_run(rotations, expected):
    text = premises.on_rotations(dataclasses.replace(PAPER, rotations=rotations))
    assert "trained on 1/6 of the tracks and tested on another 1/6. In " in text
    assert expected in text
    assert_reads(text)


def test_runs_that_are_missing_are_named():
    runs = {NORMAL: ["a run"] * (len(plan(SMOKE, NORMAL))), l2_phase(0.01): []}
    text = premises.on_gaps(SMOKE, runs)
    assert "missing**: l2-0.01 (none of 1 done). What follows is computed from the others." in text
    assert premises.on_gaps(SMOKE, {NORMAL: runs[NORMAL]}) == ""
    text = premises.on_gaps(SMOKE, {l2_phase(0.01): []})
    assert text.endswith("(none of 1 done). Nothing can be computed.")


ONE = "The variant below changes one thing: the momentum of the moving statistics."


@pytest.mark.parametrize(
    ("variants", "expected"),
    [
        ((), "The profile *smoke* trains no variant that tells these apart."),
        (("l2-mean",), "The profile *smoke* trains no variant that tells these apart."),
        (("momentum",), ONE),
        (("l2-mean", "momentum"), ONE),
    ],
)
def test_variants_of_a_profile(variants, expected):
    assert premises.on_variants(dataclasses.replace(SMOKE, variants=variants)) == expected


def test_only_variants_that_are_trained_are_announced():
    text = premises.on_variants(PAPER)
    assert text.count(";") == 5
    assert "one thing: the batch, which" in text and "re-estimated" in text
    laptop = premises.on_variants(dataclasses.replace(PAPER, variants=("whole-batch",)))
    assert "re-estimated" not in laptop and "patience" not in laptop
    for sentence in (text, laptop):
        assert_reads(sentence)
