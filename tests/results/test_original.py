import numpy as np
import pandas as pd
import pytest
from made_runs import run_with

from genre_lib.experiment import PAPER, SMOKE, l2_phase
from genre_lib.results import Difference, compare, original

GAP = {"normal": pd.DataFrame({"gap, last": [0.2, 0.4]})}


def compared(**rows):
    """A table as from `compare`: name to p, difference and outcome."""
    table = pd.DataFrame({"p": [row[0] for row in rows.values()]}, index=list(rows))
    return table.assign(
        difference=pd.Series([row[1] for row in rows.values()], index=list(rows), dtype=object),
        outcome=[row[2] for row in rows.values()],
    )


@pytest.mark.parametrize(
    ("outcome", "p", "gain", "verdict", "told"),
    [
        (-1, 0.002, -0.16, "supported: significantly worse", "p = 0.002"),
        (1, 1e-7, 0.16, "refuted: significantly better", "p < 0.0001"),
        (0, 1.0, -0.01, "open: no difference detected", "p = 1"),
    ],
)
def test_a_statement_is_held_against_the_test(outcome, p, gain, verdict, told):
    gain = Difference(gain, gain - 0.1, gain + 0.1)
    others = {"L2, \u03bb = 0.01": (p, gain, outcome), "accumulation": (p, gain, outcome)}
    table = original.judge_statements(GAP, compared(normal=(1.0, gain, 0), **others))
    assert list(table["statement"]) == [
        "Plain training overfits.",
        "An L2 penalty does not help.",
        "Gradient accumulation does not help.",
    ]
    assert list(table["verdict"]) == ["supported", verdict, verdict]
    assert list(table["here"]) == [
        "gap at the end +30.0 points",
        f"\u03bb = 0.01: {gain} points, {told}",
        f"{gain} points, {told}",
    ]


def test_a_statement_without_a_run_is_not_tested():
    table = original.judge_statements({}, compared(normal=(np.nan, None, 0)))
    assert list(table["verdict"]) == ["not tested"] * 3
    table = original.judge_statements(GAP, compared(accumulation=(np.nan, None, 0)))
    assert list(table["verdict"]) == ["supported", "not tested", "not tested"]


def test_a_network_without_a_gap_does_not_overfit():
    gaps = {"normal": pd.DataFrame({"gap, last": [0.05]})}
    assert original.judge_statements(gaps, compared())["verdict"][0] == "not supported"


def test_statements_take_the_table_of_a_comparison():
    named = {"normal": [run_with([1] * 30)], "accumulation": [run_with([0] * 20 + [1] * 10)]}
    table = original.judge_statements(GAP, compare(named, to="normal"))
    assert list(table["verdict"]) == ["supported", "not tested", "supported: significantly worse"]


def test_choices_stand_beside_those_of_the_original():
    table = original.describe_profile(PAPER)
    assert list(table) == ["choice", "this report", "original (quoted)"]
    rows = {choice: (here, quoted) for choice, here, quoted in table.itertuples(index=False)}
    # The original's are written as its report prints them.
    told = {c: row for c, row in rows.items() if row[1] != "not given"}
    assert all(here == quoted.replace(" ", "") for here, quoted in told.values())
    assert rows["learning rate of Adam"] == ("0.001", "not given")
    assert ("0.03125", "1") in original.describe_profile(SMOKE).iloc[:, 1:].itertuples(
        index=False, name=None
    )


def test_every_weight_of_the_penalty_has_the_one_quotation():
    assert original.quote("normal") == (0.5252, 0.5535)
    assert original.quote(l2_phase(0.001).label) == (0.3588, 0.3832)
    table = compare({"normal": [run_with([1, 0])], "accumulation": []}, to="normal")
    quoted = original.with_original(table)
    assert list(quoted["original"]) == ["52.52%, 55.35%", "37.31%, 37.92%"]
    assert list(quoted.drop(columns="original")) == list(table)
    assert original.with_original(compare({}))["original"].empty
