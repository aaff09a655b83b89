import dataclasses

import numpy as np
import pandas as pd
import pytest
from made_runs import run_with
from tones import TINY

from genre_lib.experiment import BASELINES, NORMAL, PAPER, l2_phase, protocol_phase
from genre_lib.experiment.phases import IMPROVEMENTS
from genre_lib.results import (
    by_training_size,
    compare,
    compare_improved,
    on_baselines,
    on_data,
    on_improved,
)

PROFILE = dataclasses.replace(TINY, n_partitions=6)
MAJORITY, _, SVM = BASELINES
IMPROVED = IMPROVEMENTS["improved"](PAPER)
LEAKS = {
    size: pd.DataFrame(
        {"tracks": [60, 48], "repeated": [size, 0], "same_artist": [2 * size, 0]},
        index=["original", "artist_filtered"],
    )
    for size in (1, 4)
}


def right(n):
    return [run_with(np.arange(20) < n)]


@pytest.fixture
def table():
    runs = {
        NORMAL: right(10),
        protocol_phase("original", 4): right(18),
        protocol_phase("artist_filtered", 4): right(9),
        protocol_phase("fault_filtered"): right(4),
        SVM: right(12),
        protocol_phase("original", 4, SVM): right(12),
        MAJORITY: right(2),
        l2_phase(0.01): [],
    }
    return by_training_size(PROFILE, runs, LEAKS)


def test_a_row_is_a_classifier_on_training_tracks_under_a_protocol(table):
    assert table[["classifier", "protocol", "training tracks"]].to_numpy().tolist() == [
        ["network", "original", 10],
        ["network", "original", 40],
        ["network", "artist filtered", 32],
        ["librosa features, SVM", "original", 10],
        ["librosa features, SVM", "original", 40],
    ]
    assert [accuracy.value for accuracy in table["tracks"]] == [0.5, 0.9, 0.45, 0.6, 0.6]
    assert table["repeated"].tolist() == [1, 4, 0, 1, 4]
    assert table["same_artist"].tolist() == [2, 8, 0, 2, 8]


def test_gains_are_against_the_fewest_training_tracks(table):
    gains = [gain and round(gain.value, 6) for gain in table["gain"]]
    assert gains == [None, 0.4, None, None, 0]
    text = on_data(table)
    assert text.count("with 40 training tracks") == 2
    assert "accuracy of tracks is 90.0% " in text and "(network)" in text and "+40.0 [" in text
    assert "is 60.0% " in text and "SVM)" in text and "+0.0 points" in text
    assert on_data(table[:1]) == ""


def test_baselines_are_set_against_the_network():
    runs = {"normal": right(10), "good": right(20), "bad": right(1), "like": right(11), "no": []}
    text = on_baselines(compare(runs, to="normal").drop("normal"))
    better, worse, open_ = text.split("; ")
    assert "better: good (+50.0 [" in better
    assert "worse: bad (\N{MINUS SIGN}45.0 [" in worse
    assert "no difference detected: like" in open_
    none = on_baselines(compare({"normal": right(1), "no": []}, to="normal").drop("normal"))
    assert none.startswith("No baseline shares a run")


def test_the_improved_network_has_a_row_per_setting_and_rival():
    artists = "artist_filtered"
    runs = {
        NORMAL: right(10),
        IMPROVED: right(19),
        SVM: right(18),
        protocol_phase(artists, 4, IMPROVED): right(2),
        protocol_phase(artists, 4, SVM): right(12),
        protocol_phase(artists, 4): [],
        protocol_phase(artists, 1, IMPROVED): right(20),
    }
    table = compare_improved(runs)
    assert table[["protocol", "partitions", "compared with"]].to_numpy().tolist() == [
        ["original", 1, "plain network"],
        ["original", 1, SVM.label],
        ["artist filtered", 4, SVM.label],
    ]
    assert table["outcome"].tolist() == [1, 0, -1]
    assert [found.value for found in table["accuracy"]] == [0.5, 0.9, 0.6]
    first, last = on_improved(table).split("; ")
    assert "*original* with 1 training partition, " in first
    assert "significantly better than the plain network (+45.0 [" in first
    assert f"and not significantly different from the baseline *{SVM.label}*" in first
    assert "*artist filtered* with 4 training partitions, " in last
    assert f"significantly worse than the baseline *{SVM.label}* (\N{MINUS SIGN}50.0 [" in last


def test_an_improved_network_without_rivals_is_compared_with_none():
    table = compare_improved({IMPROVED: right(20), NORMAL: []})
    assert table.empty
    assert "nothing to compare" in on_improved(table)


def test_the_improved_network_has_a_curve_of_its_own():
    runs = {
        NORMAL: right(10),
        IMPROVED: right(12),
        protocol_phase("original", 4, IMPROVED): right(14),
    }
    table = by_training_size(PROFILE, runs, LEAKS)
    assert table["classifier"].tolist() == ["network", "improved network", "improved network"]
    assert [gain and round(gain.value, 6) for gain in table["gain"]] == [None, None, 0.1]
