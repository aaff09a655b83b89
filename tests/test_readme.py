"""What the README tells of the published results is what they say."""

import re

import pytest

from genre_lib.files import ROOT
from genre_lib.results.headline import summarize
from genre_lib.results.statistics import points
from genre_lib.workspace import open_workspace

README = (ROOT / "README.md").read_text(encoding="utf-8")
TEXT = " ".join(README.partition("## What came out")[2].partition("\n## ")[0].split())
ROWS = {
    "normal": "plain, batches of 32",
    "L2, λ = 0.0001": "L2, lambda 0.0001 (the best of three in validation)",
    "accumulation": "gradient accumulation, 8 x 10",
    "whole batches of 80": "the same batches of 80 in one piece",
    "normal, artist filtered": "plain, no artist on both sides",
    "MFCC means, logistic regression": "logistic regression on MFCC means",
    "librosa features, SVM": "support vector machine on librosa's features",
    "improved": "improved: augmentation, dropout, averages, 60 epochs",
}


@pytest.fixture(scope="module")
def rows():
    return summarize(open_workspace(data=ROOT / "report" / "published" / "gtzan_four")).rows


def test_the_table_is_that_of_the_published_results(rows):
    interval = r"(\S+% \[[^|]+\]|-)"
    told = re.findall(rf"\| ([^|]+) \| {interval} \| {interval} \| (\d+)[^|]*\|", TEXT)
    found = {name: row for name, *row in told}
    assert list(found) == list(ROWS.values())
    assert list(rows.index) == list(ROWS)
    for name, row in rows.iterrows():
        expected = [
            re.sub(r"%(?=[],])", "", str(row[of])) if row[of] else "-"  # a baseline hears tracks
            for of in ("segments", "tracks")
        ]
        assert found[ROWS[name]] == [*expected, str(row["test tracks"])]


def test_what_is_said_of_accumulation_is_that_of_the_published_results(rows):
    gain, p = rows.loc["accumulation", ["difference", "p"]]
    worse, least, most = (points(-share).removeprefix("+") for share in (gain[0], gain[2], gain[1]))
    assert f"accumulation is {worse} points worse than plain training ({least} to {most};" in TEXT
    assert f"p = {p:.4f})" in TEXT
    assert (rows.loc["accumulation", "epochs"], rows.loc["accumulation", "best"]) == (20, 20)
    assert f"had {rows.loc['whole batches of 80', 'training']:.0%} in training" in TEXT
    assert list(rows["outcome"]) == [0, 0, -1, 0, 0, -1, 0, 0]  # and the MFCC means are worse


def test_what_is_said_of_the_improvements_is_that_of_the_published_results(rows):
    gain, least, most = (points(x) for x in rows.loc["improved", "difference"])
    text = TEXT.replace("-", "\N{MINUS SIGN}")
    assert f"together add {gain.removeprefix('+')} points" in text
    assert f"({least} to {most.removeprefix('+')})" in text
