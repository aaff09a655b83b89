import numpy as np
import pandas as pd
import pytest
from made_runs import first_of, run_with

from genre_lib.experiment import NORMAL, PAPER, SMOKE, l2_phase, plan
from genre_lib.results import Difference, compare, findings, mcnemar


def gaps_of(best, last):
    rows = {"training, best": 0.9, "validation, best": np.subtract(0.9, best), "gap, best": best}
    rows |= {"training, last": 0.95, "validation, last": np.subtract(0.95, last), "gap, last": last}
    return pd.DataFrame(rows)


def compared(**rows):
    """A table as from `compare`: tracks that one of two recognises, p, and the difference."""
    table = pd.DataFrame.from_dict(rows, "index", columns=["only_reference", "only_this", "p", "d"])
    # By hand, because pandas would make columns of the parts of a difference.
    return table.drop(columns="d").assign(difference=[row[3] for row in rows.values()])


def test_six_tracks_are_the_fewest_that_can_be_significant():
    six, five = first_of(findings.FEWEST), first_of(findings.FEWEST - 1)
    assert mcnemar(six, first_of(0)).p_value < 0.05
    assert mcnemar(five, first_of(0)).p_value > 0.05


def test_runs_that_are_missing_are_named():
    runs = {NORMAL: ["a run"] * (len(plan(SMOKE, NORMAL))), l2_phase(0.01): []}
    text = findings.on_gaps(SMOKE, runs)
    assert "missing**: l2-0.01 (no run of 1). " in text
    assert findings.on_gaps(SMOKE, {NORMAL: runs[NORMAL]}) == ""


def test_phases_that_differ_and_phases_that_do_not():
    table = compared(
        L2=(12, 1, 0.003, Difference(-0.11, -0.18, -0.05)),
        accumulation=(4, 1, 0.4, Difference(-0.03, -0.08, 0.01)),
    )
    text = findings.on_phases(table)
    assert "L2 differs significantly from the normal phase" in text
    assert "With accumulation the two differ on 5 of the tracks, too few" in text
    assert "room for \u221218.0 to \u22125.0 points (L2) and for \u22128.0 to +1.0 points" in text
    both = findings.on_phases(table.assign(p=0.01))
    assert "L2 and accumulation differ significantly" in both


def test_phases_that_never_differ_leave_no_interval():
    text = findings.on_phases(compared(L2=(0, 0, 1.0, Difference(0.0, 0.0, 0.0))))
    assert "no phase differs significantly" in text and "not evidence that they are equal" in text
    assert "differ on none of the tracks" in text
    assert "intervals" not in text


def test_what_cannot_be_compared_is_left_out():
    lonely = (0, 0, np.nan, None)
    assert "nothing to compare" in findings.on_phases(compared(L2=lonely))
    assert "nothing to compare" in findings.on_phases(compared())
    both = compared(L2=lonely, accumulation=(9, 0, 0.004, Difference(-0.1, -0.2, -0.05)))
    assert "L2" not in findings.on_phases(both)
    assert len(findings.on_statements({"normal": gaps_of([0.2], [0.3])}, both)) == 2


def test_findings_take_the_table_of_a_comparison():
    named = {
        "normal": [run_with([1] * 30)],
        "L2": [run_with([0] * 20 + [1] * 10)],
        "none": [],
    }
    others = compare(named, to="normal").drop("normal")
    assert "At the 5% level, L2 differs significantly" in findings.on_phases(others)
    table = findings.on_statements({"normal": gaps_of([0.2], [0.3])}, others)
    assert list(table["verdict"]) == ["supported", "supported: it does harm"]


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
        (5, 4, 1.0, -0.01, "open: no difference detected"),
    ],
)
def test_a_statement_is_held_against_the_exact_test(only_normal, only_other, p, gain, verdict):
    gain = Difference(gain, gain - 0.1, gain + 0.1)
    others = compared(accumulation=(only_normal, only_other, p, gain))
    table = findings.on_statements({"normal": gaps_of([0.2], [0.3])}, others)
    assert list(table["verdict"]) == ["supported", verdict]
    assert table["statement"][1] == "Accumulation does not help."
    assert table["here"][0] == "gap at the end +30.0 points"
    assert table["here"][1] == f"{gain} points, p = {p:.2g}"


def test_a_network_without_a_gap_does_not_overfit():
    table = findings.on_statements({"normal": gaps_of([0.0], [0.05])}, compared())
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
        (50, 80, "a difference of +30.0 [+21.0, +39.0] points, so joining segments helps"),
        (80, 50, "so joining segments does harm here"),
        (80, 80, "a difference of +0.0 points, so joining segments makes no detectable difference"),
    ],
)
def test_what_segments_are_worth(few, most, expected):
    assert expected in findings.on_segments({1: first_of(few), 2: first_of(most)})


def test_how_many_segments_are_needed():
    climbing = {1: first_of(50), 2: first_of(79), 6: first_of(80)}
    assert "all (up to 6)" in findings.on_segments(climbing)
    assert "From 2 on, the interval" in findings.on_segments(climbing)
    assert "No smaller number" in findings.on_segments({1: first_of(50), 6: first_of(80)})
    assert "nothing to join" in findings.on_segments({1: first_of(50)})


def test_rules_are_compared_with_the_mean():
    rules = {"mean": first_of(60), "vote": first_of(90), "max": first_of(30)}
    assert findings.on_rules(rules).startswith("Better than the mean: vote; worse: max;")
    alike = {"mean": first_of(60), "vote": first_of(60)}
    assert "No difference between the mean and any other rule" in findings.on_rules(alike)


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.6, "over-confident by 30.0 points (ECE 30.0%)"),
        (0.9, "neither over- nor under-confident"),
        (1.0, "under-confident by 10.0 points (ECE 10.0%)"),
    ],
)
def test_calibration_in_words(share, expected):
    examples = first_of(200 * share, 200).assign(confidence=0.9)
    text = findings.on_calibration({"tracks": examples})
    assert text.startswith("On the whole, the probabilities of tracks are ")
    assert expected in text


def test_choices_stand_beside_those_of_the_original():
    table = findings.describe_profile(PAPER)
    assert list(table) == ["choice", "this report", "original (quoted)"]
    rows = {choice: (here, quoted) for choice, here, quoted in table.itertuples(index=False)}
    # The original's are written as its report prints them.
    told = {c: row for c, row in rows.items() if row[1] != "not given"}
    assert all(here == quoted.replace(" ", "") for here, quoted in told.values())
    assert rows["learning rate of Adam"] == ("0.001", "not given")
    assert ("0.03125", "1") in findings.describe_profile(SMOKE).iloc[:, 1:].itertuples(
        index=False, name=None
    )


def test_every_weight_of_the_penalty_has_the_one_quotation():
    assert findings.quote_original("normal") == (0.5252, 0.5535)
    assert findings.quote_original(l2_phase(0.001).label) == (0.3588, 0.3832)
    table = compare({"normal": [run_with([1, 0])], "accumulation": []}, to="normal")
    quoted = findings.with_original(table)
    assert list(quoted["original"]) == ["52.52%, 55.35%", "37.31%, 37.92%"]
    assert list(quoted.drop(columns="original")) == list(table)
    assert findings.with_original(compare({}))["original"].empty


def test_gaps_are_averaged_over_runs():
    assert findings.mean_gaps({}).empty
    gaps = {"normal": gaps_of([0.2, 0.0], [0.4, 0.1]), "L2": gaps_of([0.0], [0.05])}
    table = findings.mean_gaps(gaps).set_index("phase")
    assert list(table["runs"]) == [2, 1]
    np.testing.assert_allclose(table["gap, last"], [0.25, 0.05])
    np.testing.assert_allclose(table.loc["normal", "validation, best"], 0.8)


def test_rules_are_set_beside_the_mean():
    assert len(findings.compare_rules({"mean": first_of(60)})) == 1
    table = findings.compare_rules({"mean": first_of(60), "vote": first_of(90)}).set_index("rule")
    assert table.loc["mean", "difference to the mean / points"] == "+0.0"
    assert table.loc["vote", "difference to the mean / points"].startswith("+30.0 [")
    assert table.loc["vote", "tracks"].startswith("90.0% [")


BELOW, LEVEL, ABOVE = (Difference(mean, mean - 0.1, mean + 0.1) for mean in (-0.2, 0.0, 0.2))


def differences(**gains):
    return compared(**{name: (0, 0, np.nan, gain) for name, gain in gains.items()})


@pytest.mark.parametrize(
    ("drops", "expected"),
    [
        ((LEVEL, ABOVE), "neither reading is below the normal phase"),
        (
            (BELOW, LEVEL),
            "run, sum is below the normal phase by more than chance explains, so that",
        ),
        ((BELOW, BELOW), "run, sum and mean are below the normal phase by more than chance"),
    ],
)
def test_readings_of_the_penalty(drops, expected):
    text = findings.on_readings(differences(sum=drops[0], mean=drops[1]))
    assert text.startswith("The original fell from 55.35% to 38.32% of songs (quoted). In this ")
    assert expected in text


@pytest.mark.parametrize(
    ("gains", "better", "worse"),
    [
        ((LEVEL, LEVEL), "none", "none"),
        ((ABOVE, None), "whole (+20.0 [+10.0, +30.0] points)", "none"),
        ((BELOW, ABOVE), "group (+20.0 [+10.0, +30.0] points)", "whole (\u221220.0 ["),
        ((ABOVE, ABOVE), "+30.0] points); group (+20.0 [", "none"),
    ],
)
def test_ways_that_are_better_or_worse_than_accumulation(gains, better, worse):
    text = findings.on_ways(differences(**dict(zip(("whole", "group"), gains, strict=True))))
    at_best, at_worst = text.split("; worse: ")
    assert better in at_best.partition("chance explains: ")[2]
    assert at_worst.startswith(worse)


def test_ways_that_share_no_run_are_not_compared():
    assert "none can be compared" in findings.on_ways(differences(whole=None))
    assert "none can be compared" in findings.on_ways(differences())


def test_the_genres_that_are_recognised_best_and_worst():
    table = pd.DataFrame({"genre": ["blues", "hip_hop", "rock"], "F1": [0.5, 0.25, 0.75]})
    text = findings.on_genres(table)
    assert "best recognised genre is rock (F1 0.75), the worst hip\\_hop (F1 0.25)" in text
    assert "rock (F1 0.75), the worst rock (F1 0.75)" in findings.on_genres(table[2:])


def test_the_strictest_protocol_is_compared_with_the_original():
    both = differences(original=LEVEL, artist_filtered=BELOW)
    text = findings.on_protocols(both)
    assert "artist filtered and the original differ by \u221220.0 [\u221230.0, \u221210.0]" in text
    assert "allows no other protocol" in findings.on_protocols(both[:1])
    assert findings.on_protocols(differences(original=LEVEL, artist_filtered=None)) == ""


@pytest.mark.parametrize(("swapped", "found"), [("gh", 0), ("bh", 1), ("ad", 2)])
def test_swapped_labels_among_the_suspects(swapped, found):
    truth = pd.DataFrame({"track_id": [*swapped, "c"], "fault": ["mislabeled"] * 2 + ["clipped"]})
    suspects = pd.DataFrame({"track_id": list("abcdefgh")})
    text = findings.on_swapped_labels(truth, suspects)
    assert text.startswith("Of the 2 labels that were swapped when this corpus was made, ")
    assert text.endswith(f" {found} are among the first 4 suspects.")


def test_a_swapped_label_that_was_not_tested_does_not_count():
    truth = pd.DataFrame({"track_id": ["a", "b"], "fault": "mislabeled"})
    tested = pd.DataFrame({"track_id": ["b", "c"]})
    assert "Of the 1 labels" in findings.on_swapped_labels(truth, tested)


def test_the_conclusion_names_what_was_reached():
    normal, other = [run_with([1, 1, 1, 0])], [run_with([1, 0, 0, 0])]
    groups = {"normal": normal, "L2": [], "accumulation": other}

    def conclude(**groups):
        return findings.on_conclusion(compare(groups, to="normal"), SMOKE, "demo corpus")

    text = conclude(**groups)
    assert "On the demo corpus, with the profile *smoke*" in text
    assert "recognised 75.0% [25.0%, 100.0%] of 4 tracks" in text
    assert "Accumulation reached 25.0% [0.0%, 75.0%] on 1 of 6 rotations." in text
    assert "L2" not in text
    assert "L2 reached" in conclude(**groups | {"L2": other})
    assert conclude(normal=normal).endswith("give no interval.")
    assert "nothing to conclude" in conclude(**groups | {"normal": []})
