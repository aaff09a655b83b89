import numpy as np
import pandas as pd
import pytest
from made_runs import first_of, run_with
from sentences import assert_reads

from genre_lib.results import Difference, compare, findings, mcnemar


def gaps_of(best, last):
    rows = {"training, best": 0.9, "validation, best": np.subtract(0.9, best), "gap, best": best}
    rows |= {"training, last": 0.95, "validation, last": np.subtract(0.95, last), "gap, last": last}
    return pd.DataFrame(rows)


def compared(**rows):
    """A table as from `compare`: tracks that one of two recognises, p, and the difference."""
    names = ["only_reference", "only_this", "p", "d"]
    table = pd.DataFrame.from_dict(rows, "index", columns=names)
    # By hand, because pandas would make columns of the parts of a difference.
    gains = [row[3] for row in rows.values()]
    outcome = [row[3].sign if row[3] and row[2] < 0.05 else 0 for row in rows.values()]
    return table.drop(columns="d").assign(difference=gains, outcome=outcome, runs=1)


BELOW, LEVEL, ABOVE = (Difference(mean, mean - 0.1, mean + 0.1) for mean in (-0.2, 0.0, 0.2))
LONELY = (0, 0, np.nan, None)


def differences(**gains):
    rows = {name: (9, 9, 0.01 if gain != LEVEL else 1.0, gain) for name, gain in gains.items()}
    return compared(**{n: row if row[3] is not None else LONELY for n, row in rows.items()})


def test_six_tracks_are_the_fewest_that_can_be_significant():
    six, five = first_of(findings.FEWEST), first_of(findings.FEWEST - 1)
    assert mcnemar(six, first_of(0)).p_value < 0.05
    assert mcnemar(five, first_of(0)).p_value > 0.05


def test_outcomes_are_listed_by_what_they_are():
    text = findings.on_outcomes(differences(a=ABOVE, b=LEVEL, c=BELOW, d=LEVEL, e=LEVEL))
    level = "(+0.0 [\u221210.0, +10.0] points)"
    worse = "(\u221220.0 [\u221230.0, \u221210.0] points)"
    assert text == (
        "significantly better: a (+20.0 [+10.0, +30.0] points); significantly worse: c "
        f"{worse}; no difference detected: b {level}, d {level} and e {level}"
    )
    assert findings.on_outcomes(differences(a=LEVEL)) == f"no difference detected: a {level}"


def test_phases_that_differ_and_phases_that_do_not():
    table = compared(
        L2=(12, 1, 0.003, Difference(-0.11, -0.18, -0.05)),
        accumulation=(4, 1, 0.4, Difference(-0.03, -0.08, 0.01)),
    )
    assert findings.on_phases(table) == (
        "Compared with the normal phase on the same tracks, significantly worse: L2 (\u221211.0 "
        "[\u221218.0, \u22125.0] points); no difference detected: accumulation (\u22123.0 "
        "[\u22128.0, +1.0] points). A difference that is not detected may still exist; the "
        "interval shows how large it can be. Normal and accumulation differ on 5 of the tracks, "
        "too few for the test to find a significant difference."
    )
    text = findings.on_phases(differences(L2=ABOVE, accumulation=BELOW))
    assert "not detected" not in text and "too few" not in text
    assert_reads(text)


def test_phases_that_never_differ_have_no_interval():
    text = findings.on_phases(compared(L2=(0, 0, 1.0, Difference(0.0, 0.0, 0.0))))
    assert "no difference detected: L2 (+0.0 points). " in text
    assert "Normal and L2 differ on none of the tracks, too few" in text
    assert_reads(text)


def test_what_cannot_be_compared_is_left_out():
    assert "nothing to compare" in findings.on_phases(compared(L2=LONELY))
    assert "nothing to compare" in findings.on_phases(compared())
    assert "L2" not in findings.on_phases(differences(L2=None, accumulation=BELOW))


def test_findings_take_the_table_of_a_comparison():
    named = {"normal": [run_with([1] * 30)], "L2": [run_with([0] * 20 + [1] * 10)], "none": []}
    others = compare(named, to="normal").drop("normal")
    assert "tracks, significantly worse: L2 (\u2212" in findings.on_phases(others)


def test_overfitting_that_is_there():
    gaps = {"normal": gaps_of([0.2, 0.0], [0.4, 0.05]), "L2": gaps_of([0.0], [0.05])}
    text = findings.on_overfitting(gaps)
    assert "is +22.5 points on average, and above 10 points in 1 of the 2 runs: the gap" in text
    assert "overfitting is there" in text
    assert "by +5.0 points in training and by \u22127.5 in validation" in text
    assert text.endswith(
        "A mean gap of more than 10 points is found in 1 of the 2 phases (normal)."
    )
    assert "above 10 points in both runs" in findings.on_overfitting(
        {"normal": gaps_of([0.0] * 2, [0.2] * 2)}
    )


def test_overfitting_of_one_run_of_one_phase():
    text = findings.on_overfitting({"normal": gaps_of([-0.1], [-0.1])})
    assert text == (
        "At the end of the normal phase, training accuracy minus validation accuracy is \u221210.0 "
        "points: the gap that the original calls overfitting is not there. From the best epoch to "
        "the last, accuracy changes by +5.0 points in training and by +5.0 in validation."
    )


@pytest.mark.parametrize(
    ("last", "ending"),
    [
        ((0.0, 0.0, 0.0), "is found in none of the 3 phases."),
        ((0.2, 0.2, 0.2), "is found in all 3 phases."),
        ((0.2, 0.2, 0.0), "is found in 2 of the 3 phases (normal; L2)."),
    ],
)
def test_phases_that_overfit(last, ending):
    names = ("normal", "L2", "accumulation")
    gaps = {name: gaps_of([0.0], [gap]) for name, gap in zip(names, last, strict=True)}
    text = findings.on_overfitting(gaps)
    assert text.endswith(ending)
    assert_reads(text)


def test_gaps_at_the_end_of_one_phase_and_of_several():
    gaps = {"normal": gaps_of([0.2], [0.3]), "L2": gaps_of([0.0], [0.05])}
    begin = "At the end of training, training accuracy minus validation accuracy is +30.0 points "
    assert findings.on_final_gaps(gaps) == (
        f"{begin}(normal) and +5.0 points (L2); the smallest is that of L2."
    )
    assert findings.on_final_gaps({"normal": gaps["normal"]}) == f"{begin}(normal)."
    assert findings.on_final_gaps({}) == ""


def test_confusions_of_each_phase():
    genres = ["blues", "rock"]
    some = pd.DataFrame([[3, 1], [0, 4]], genres, genres)
    none = pd.DataFrame([[4, 0], [0, 4]], genres, genres)
    taken = "blues taken for rock (1 of 4 tracks)"
    assert findings.on_confusions({"normal": some, "L2": none}) == (
        f"The most frequent confusion: in normal, {taken}. No track is taken for another genre "
        "in L2."
    )
    assert findings.on_confusions({"normal": some, "L2": some}) == (
        f"The most frequent confusion: in normal, {taken}; in L2, {taken}."
    )
    assert findings.on_confusions({"normal": none, "L2": none}) == (
        "No track is taken for another genre in normal and L2."
    )


def test_a_genre_may_have_any_name():
    table = pd.DataFrame([[3, 1], [0, 4]], ["<b>", "*r*"], ["<b>", "*r*"])
    assert r"\<b\> taken for \*r\* (" in findings.on_confusions({"normal": table})


@pytest.mark.parametrize(
    ("few", "most", "expected"),
    [
        (50, 80, "a difference of +30.0 [+21.0, +39.0] points, so joining segments helps"),
        (80, 50, "so joining segments hurts here"),
        (80, 80, "a difference of +0.0 points, so joining segments makes no detectable difference"),
    ],
)
def test_what_segments_are_worth(few, most, expected):
    assert expected in findings.on_segments({1: first_of(few), 2: first_of(most)})


def test_how_many_segments_are_needed():
    climbing = {1: first_of(50), 2: first_of(79), 6: first_of(80)}
    assert "all (up to 6)" in findings.on_segments(climbing)
    needed = "With 2 or more, no difference from all segments is detected."
    assert needed in findings.on_segments(climbing)
    alike = findings.on_segments({1: first_of(80), 6: first_of(80)})
    assert alike.endswith("makes no detectable difference here.")
    assert "No smaller number" in findings.on_segments({1: first_of(50), 6: first_of(80)})
    assert "nothing to join" in findings.on_segments({1: first_of(50)})


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.6, "over-confident by 30.0 points (ECE 30.0%)"),
        (0.9, "not detectably over- or under-confident"),
        (1.0, "under-confident by 10.0 points (ECE 10.0%)"),
    ],
)
def test_calibration_in_words(share, expected):
    examples = first_of(200 * share, 200).assign(confidence=0.9)
    text = findings.on_calibration({"tracks": examples})
    assert text.startswith("Overall, the probabilities of tracks are ")
    assert expected in text


def test_gaps_are_averaged_over_runs():
    assert findings.mean_gaps({}).empty
    gaps = {"normal": gaps_of([0.2, 0.0], [0.4, 0.1]), "L2": gaps_of([0.0], [0.05])}
    table = findings.mean_gaps(gaps).set_index("phase")
    assert list(table["runs"]) == [2, 1]
    np.testing.assert_allclose(table["gap, last"], [0.25, 0.05])
    np.testing.assert_allclose(table.loc["normal", "validation, best"], 0.8)


def test_rules_are_compared_with_the_mean():
    rules = {"mean": first_of(60), "vote": first_of(90), "max": first_of(30)}
    table = findings.compare_rules(rules)
    assert str(table.loc["mean", "difference"]) == "+0.0"
    assert str(table.loc["vote", "difference"]).startswith("+30.0 [")
    assert table.loc["vote", "tracks"].startswith("90.0% [")
    text = findings.on_rules(table)
    assert text.startswith("Compared with the mean, significantly better: vote (+30.0 [")
    assert "; significantly worse: max (\u221230.0 [" in text
    alike = findings.compare_rules({"mean": first_of(60), "vote": first_of(60)})
    text = findings.on_rules(alike)
    assert text == "Compared with the mean, no difference detected: vote (+0.0 points)."


@pytest.mark.parametrize(
    ("drops", "expected"),
    [
        ((LEVEL, ABOVE), "Here neither reading is significantly worse than the normal phase: the"),
        ((BELOW, LEVEL), "Here sum is significantly worse than the normal phase, so that reading"),
        (
            (BELOW, BELOW),
            "Here sum and mean are significantly worse than the normal phase, so each",
        ),
        ((BELOW, None), "The two readings cannot be compared, because"),
    ],
)
def test_readings_of_the_penalty(drops, expected):
    text = findings.on_readings(differences(sum=drops[0], mean=drops[1]))
    assert expected in text
    assert_reads(text)


def test_ways_to_train_are_compared_with_accumulation():
    text = findings.on_ways(differences(whole=ABOVE, group=None))
    assert text == (
        "Compared with accumulation on the same tracks, significantly better: whole (+20.0 "
        "[+10.0, +30.0] points)."
    )
    for nothing in (differences(whole=None), differences()):
        assert "nothing to compare" in findings.on_ways(nothing)


def test_the_genres_that_are_recognised_best_and_worst():
    table = pd.DataFrame({"genre": ["blues", "hip_hop", "rock"], "F1": [0.5, 0.25, 0.75]})
    text = findings.on_genres(table)
    assert "best recognised genre is rock (F1 0.75), the worst hip\\_hop (F1 0.25)" in text
    text = findings.on_genres(table.assign(F1=0.5))
    assert text == "In the normal phase all genres are recognised equally well (F1 0.50)."


def test_other_protocols_are_compared_with_the_original():
    text = findings.on_protocols(differences(no_repetitions=LEVEL, artist_filtered=BELOW))
    assert text.startswith(
        "Compared with the original protocol on the tracks that both tested, significantly worse: "
        "artist filtered (\u221220.0 [\u221230.0, \u221210.0] points); no difference detected: no "
        "repetitions (+0.0 ["
    )
    assert_reads(text)
    text = findings.on_protocols(differences(artist_filtered=None))
    assert text.startswith("No track was tested in the same rotation under the original")
    for nothing in (compared(), differences(artist_filtered=None).assign(runs=0)):
        assert findings.on_protocols(nothing).startswith("No other protocol was run")


@pytest.mark.parametrize(("verdicts", "called"), [([0] * 12, "none"), ([1, 1, 0], "2")])
def test_suspects_are_counted(verdicts, called):
    text = findings.on_suspects(pd.DataFrame({"verdict": np.array(verdicts, bool)}))
    shown = min(10, len(verdicts))
    assert text == f"The {shown} most doubtful of {len(verdicts)} labels (called errors: {called})."


@pytest.mark.parametrize(
    ("swapped", "ending"),
    [
        ("gh", "2 were tested; none of these is among the first 4 suspects."),
        ("bh", "2 were tested; 1 of these is among the first 4 suspects."),
        ("ad", "2 were tested; 2 of these are among the first 4 suspects."),
        ("ay", "1 was tested; it is among the first 2 suspects."),
        ("hy", "1 was tested; it is not among the first 2 suspects."),
    ],
)
def test_swapped_labels_among_the_suspects(swapped, ending):
    truth = pd.DataFrame({"track_id": [*swapped, "c"], "fault": ["mislabeled"] * 2 + ["clipped"]})
    suspects = pd.DataFrame({"track_id": list("abcdefgh")})
    text = findings.on_swapped_labels(truth, suspects)
    assert text == f"Of the 2 tracks whose labels were swapped in this corpus, {ending}"


def test_no_swapped_label_that_was_tested():
    suspects = pd.DataFrame({"track_id": ["b", "c"]})
    for track, fault in {"a": "mislabeled", "b": "clipped"}.items():
        truth = pd.DataFrame({"track_id": [track], "fault": fault})
        text = findings.on_swapped_labels(truth, suspects)
        assert text.startswith("None of the tracks whose labels were swapped")


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        ([100, 320], "The batch in one piece took 3.2 times as much memory here as accumulation."),
        ([100, 90], "Accumulation took no less memory here than the batch in one piece."),
    ],
)
def test_memory_that_accumulation_saves(memory, expected):
    assert findings.on_saved_memory(pd.DataFrame({"memory": memory})) == expected
