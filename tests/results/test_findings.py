import numpy as np
import pandas as pd
import pytest

from genre_lib.results import findings, statistics
from genre_lib.results.statistics import Difference


def scores_of(n_correct, n=100):
    correct = (np.arange(n) < n_correct).astype(int)
    columns = {"track_id": np.arange(n), "rotation": 0, "seed": 0, "correct": correct}
    return pd.DataFrame(columns).assign(segments=1, segments_correct=correct)


def gaps_of(best, last):
    rows = {"training, best": 0.9, "validation, best": np.subtract(0.9, best), "gap, best": best}
    rows |= {"training, last": 0.95, "validation, last": np.subtract(0.95, last), "gap, last": last}
    return pd.DataFrame(rows)


def test_six_tracks_are_the_fewest_that_can_be_significant():
    six, five = scores_of(findings.FEWEST), scores_of(findings.FEWEST - 1)
    assert statistics.mcnemar(six, scores_of(0)).p_value < 0.05
    assert statistics.mcnemar(five, scores_of(0)).p_value > 0.05


def test_phases_that_differ_and_phases_that_do_not():
    tests = {"L2": statistics.McNemar(12, 1, 0.003), "accumulation": statistics.McNemar(4, 1, 0.4)}
    gains = {"L2": Difference(-0.11, -0.18, -0.05), "accumulation": Difference(-0.03, -0.08, 0.01)}
    text = findings.on_phases(tests, gains)
    assert "L2 can be told apart from the normal phase" in text
    assert "With accumulation the two differ on 5 of the tracks, too few" in text
    assert "room for \u221218.0 to \u22125.0 points (L2) and for \u22128.0 to +1.0 points" in text


def test_phases_that_never_differ_leave_no_interval():
    tests = {"L2": statistics.McNemar(0, 0, 1.0)}
    text = findings.on_phases(tests, {"L2": Difference(0.0, 0.0, 0.0)})
    assert "no other phase can be told apart" in text and "no evidence that they are equal" in text
    assert "differ on none of the tracks" in text
    assert "intervals" not in text


def test_overfitting_that_is_there():
    gaps = {"normal": gaps_of([0.2, 0.0], [0.4, 0.05]), "L2": gaps_of([0.0], [0.05])}
    text = findings.on_overfitting(gaps)
    assert "is +22.5 points on average, and above 10 points in 1 of 2 runs" in text
    assert "overfitting is there" in text
    assert "by +5.0 points in training and by \u22127.5 in validation" in text
    assert text.endswith("found in 1 of the 2 phases (normal).")


def test_overfitting_that_is_not_there():
    text = findings.on_overfitting({"normal": gaps_of([-0.1], [-0.1])})
    assert "overfitting is not there" in text
    assert text.endswith("found in 0 of the 1 phases.")


@pytest.mark.parametrize(
    ("only_normal", "only_other", "p", "gain", "verdict"),
    [
        (20, 4, 0.002, -0.16, "supported: it does harm"),
        (4, 20, 0.002, 0.16, "refuted: it helps"),
        (5, 4, 1.0, -0.01, "open: no difference can be told"),
    ],
)
def test_a_statement_is_held_against_the_exact_test(only_normal, only_other, p, gain, verdict):
    tests = {"accumulation": statistics.McNemar(only_normal, only_other, p)}
    gains = {"accumulation": Difference(gain, gain - 0.1, gain + 0.1)}
    table = findings.on_statements({"normal": gaps_of([0.2], [0.3])}, tests, gains)
    assert list(table["verdict"]) == ["supported", verdict]
    assert table["statement"][1] == "Accumulation does not help."
    assert table["here"][0] == "gap at the end +30.0 points"
    assert table["here"][1] == f"{gains['accumulation']} points, p = {p:.2g}"


def test_a_network_without_a_gap_does_not_overfit():
    table = findings.on_statements({"normal": gaps_of([0.0], [0.05])}, {}, {})
    assert list(table["verdict"]) == ["not supported"]


def test_confusions_of_each_phase():
    genres = ["blues", "rock"]
    some = pd.DataFrame([[3, 1], [0, 4]], genres, genres)
    none = pd.DataFrame([[4, 0], [0, 4]], genres, genres)
    text = findings.on_confusions({"normal": some, "L2": none})
    assert text == (
        "The most frequent confusion is blues taken for rock (1 of 4 tracks) in normal; none in L2."
    )


def test_a_genre_may_have_any_name():
    table = pd.DataFrame([[3, 1], [0, 4]], ["<b>", "*r*"], ["<b>", "*r*"])
    assert r"\<b\> taken for \*r\* (" in findings.on_confusions({"normal": table})


@pytest.mark.parametrize(
    ("few", "most", "expected"),
    [
        (50, 80, "a difference of +30.0 [+21.0, +39.0] points, so that joining segments helps"),
        (80, 50, "so that joining segments does harm here"),
        (80, 80, "a difference of +0.0 points, so that joining segments makes no difference"),
    ],
)
def test_what_segments_are_worth(few, most, expected):
    assert expected in findings.on_segments({1: scores_of(few), 2: scores_of(most)})


def test_how_many_segments_are_needed():
    climbing = {1: scores_of(50), 2: scores_of(79), 6: scores_of(80)}
    assert "all (up to 6)" in findings.on_segments(climbing)
    assert "From 2 on, the interval" in findings.on_segments(climbing)
    assert "No smaller number" in findings.on_segments({1: scores_of(50), 6: scores_of(80)})
    assert "nothing to join" in findings.on_segments({1: scores_of(50)})


def test_rules_are_compared_with_the_mean():
    rules = {"mean": scores_of(60), "vote": scores_of(90), "max": scores_of(30)}
    assert findings.on_rules(rules).startswith("Better than the mean: vote; worse: max;")
    alike = {"mean": scores_of(60), "vote": scores_of(60)}
    assert "None of the other rules" in findings.on_rules(alike)


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.6, "over-confident by 30.0 points (ECE 30.0%)"),
        (0.9, "neither over- nor under-confident"),
        (1.0, "under-confident by 10.0 points (ECE 10.0%)"),
    ],
)
def test_calibration_in_words(share, expected):
    examples = scores_of(200 * share, 200).assign(confidence=0.9)
    text = findings.on_calibration({"tracks": examples})
    assert text.startswith("On the whole, the probabilities of tracks are ")
    assert expected in text
