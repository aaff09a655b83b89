"""What the README tells of the published results is what they say."""

import functools
import re

import pytest

from genre_lib.files import ROOT
from genre_lib.results import compare_improved
from genre_lib.results.headline import summarize
from genre_lib.results.statistics import points
from genre_lib.workspace import open_workspace

MINUS = "\N{MINUS SIGN}"
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
    "normal, 4 partitions": "plain, trained on four partitions instead of one",
    "improved": "improved: augmentation, dropout, averages, 60 epochs",
}


def shown(accuracy):
    """Return an accuracy as the README shows it: with one percent sign."""
    return re.sub(r"%(?=[],])", "", str(accuracy))


def unsigned(difference):
    """Return a difference and its interval in points, without plus signs."""
    return [points(x).removeprefix("+") for x in difference]


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
            shown(row[of]) if row[of] else "-"  # a baseline hears tracks
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
    assert list(rows["outcome"]) == [0, 0, -1, 0, 0, -1, 0, 1, 0]  # and the MFCC means are worse


def test_what_is_said_of_the_improvements_is_that_of_the_published_results(rows):
    gain, least, most = (points(x) for x in rows.loc["improved", "difference"])
    text = TEXT.replace("-", MINUS)
    assert f"together add {gain.removeprefix('+')} points" in text
    assert f"({least} to {most.removeprefix('+')})" in text


@functools.cache
def compared(corpus):
    workspace = open_workspace(data=ROOT / "report" / "published" / corpus)
    kept = workspace.kept.load_all(workspace.planned())
    phases = workspace.data_phases()
    runs = {phase: [found for run, found in kept.items() if run.phase == phase] for phase in phases}
    table = compare_improved(runs).set_index(["protocol", "partitions", "compared with"])
    return table.sort_index()


def test_what_is_said_of_the_improvements_with_artists_apart_is_that_of_the_published_results():
    table, text = compared("gtzan_four"), TEXT.replace("-", MINUS)
    rivals = "plain network", "librosa features, SVM"
    network, svm = (table.loc["artist filtered", 1, rival] for rival in rivals)
    gain, least, most = unsigned(network["difference"])
    p = f"{network['p']:.1g}"
    assert f"they add {gain} points ({least} to {most}; p = {p})" in text
    assert f"on {network['shared']} tracks" in text
    gain, least, most = unsigned(svm["difference"])
    said = f"improved network {gain.removeprefix(MINUS)} points below the support vector machine "
    assert f"{said}({least} to {most}; p = {svm['p']:.1g})" in text
    assert (table.loc["original", 1]["outcome"] == 0).all()


def test_what_is_said_of_more_training_tracks_is_that_of_the_published_results(rows):
    gain, least, most = unsigned(rows.loc["normal, 4 partitions", "difference"])
    assert f"plain training gains {gain} points ({least} to {most})" in TEXT
    table = compared("gtzan_four").loc["original", 4]
    assert (table["outcome"] == 0).all()
    assert (table["shared"] == 400).all()
    svm = table.loc["librosa features, SVM"]
    for name, found in (("improved network", svm["improved"]), ("vector machine", svm["accuracy"])):
        assert f"{name} ({shown(found)})" in TEXT


def test_what_is_said_of_four_partitions_with_artists_apart_is_that_of_the_published_results():
    table, text = compared("gtzan_four").loc["artist filtered", 4], TEXT.replace("-", MINUS)
    network, svm = (table.loc[name] for name in ("plain network", "librosa features, SVM"))
    assert (table["shared"] == 390).all()
    gain, least, most = unsigned(network["difference"])
    said = f"improved network to {shown(network['improved'])}, {gain} points above the plain one"
    assert f"{said} ({least} to {most}; p = {network['p']:.1g})" in text
    gain, least, most = unsigned(svm["difference"])
    said = f"{gain.removeprefix(MINUS)} below the support vector machine"
    assert f"{said} ({least} to {most}; p = {svm['p']:.1g})" in text
    assert (network["outcome"], svm["outcome"]) == (1, 0)


def test_what_is_said_of_ten_genres_is_that_of_the_published_results():
    table = compared("gtzan_mini")
    plain, svm = (table.loc["original", 1, r] for r in ("plain network", "librosa features, SVM"))
    told = [
        f"{name} {found.value:.0%} [{found.low * 100:.0f}, {found.high * 100:.0f}]"
        for name, found in (
            ("plain", plain["accuracy"]),
            ("improved", plain["improved"]),
            ("support vector machine", svm["accuracy"]),
        )
    ]
    assert ", ".join(told) in TEXT
    assert (plain["outcome"], svm["outcome"], plain["shared"]) == (0, 0, 100)
