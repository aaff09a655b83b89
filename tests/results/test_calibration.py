import numpy as np
import pandas as pd
import pytest
from made_runs import run_of

from genre_lib.results import confidences, reliability, summarize_calibration
from genre_lib.results.calibration import calibration_error, overconfidence


def examples_of(confidence, correct):
    ids = [f"t{k}" for k in range(len(confidence))]
    return pd.DataFrame({"track_id": ids, "confidence": confidence, "correct": correct})


def test_confidence_of_segments_and_of_their_track():
    tracks = {"track_id": ["a", "a", "b", "b"]}
    run = run_of(tracks, [[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]])
    of_segments, of_tracks = confidences([run], "segments"), confidences([run], "tracks")
    np.testing.assert_allclose(of_segments["confidence"], [0.9, 0.6, 0.8, 0.7], rtol=1e-6)
    assert list(of_segments["correct"]) == [1, 0, 0, 0]
    np.testing.assert_allclose(of_tracks["confidence"], [0.65, 0.75], rtol=1e-6)
    assert list(of_tracks["correct"]) == [1, 0]
    assert list(of_tracks["track_id"]) == ["a", "b"]
    assert len(confidences([run, run], "tracks")) == 4


def test_only_the_test_partition_counts():
    run = run_of({"track_id": ["a", "b"], "split": ["test", "valid"]}, [[0.9, 0.1], [0.2, 0.8]])
    assert list(confidences([run], "segments")["track_id"]) == ["a"]


def test_bins_are_closed_above_and_hold_every_example():
    bins = reliability(examples_of([0.0, 0.1, 0.1001, 1.0, 1.0 + 1e-7], 1))
    assert list(bins) == ["low", "high", "examples", "confidence", "accuracy"]
    assert list(bins["examples"]) == [2, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert bins.loc[1, ["low", "high"]].tolist() == [0.1, 0.2]
    assert bins.loc[2, ["confidence", "accuracy"]].isna().all()


def test_the_calibration_error_by_hand():
    # Two bins: 3 examples at 0.95 of which 2 are right, 1 example at 0.45 that is right.
    bins = reliability(examples_of([0.95, 0.95, 0.95, 0.45], [1, 1, 0, 1]))
    expected = 3 / 4 * (0.95 - 2 / 3) + 1 / 4 * (1 - 0.45)
    assert calibration_error(bins) == pytest.approx(expected)


def test_a_calibrated_network_has_next_to_no_error():
    random = np.random.default_rng(0)
    confidence = random.uniform(0.1, 1, size=100_000)
    examples = examples_of(confidence, (random.uniform(size=100_000) < confidence).astype(int))
    assert calibration_error(reliability(examples)) < 0.01


@pytest.mark.parametrize(("share", "sign"), [(0.6, 1), (0.9, 0), (1.0, -1)])
def test_overconfidence_has_a_sign(share, sign):
    examples = examples_of(np.full(200, 0.9), (np.arange(200) < 200 * share).astype(int))
    excess = overconfidence(examples)
    assert excess.value == pytest.approx(0.9 - share)
    assert excess.sign == sign


def test_confidence_is_summed_up_beside_accuracy():
    sure = examples_of(np.full(200, 0.9), (np.arange(200) < 120).astype(int))
    table = summarize_calibration({"segments": sure, "tracks": sure[:100]}).set_index("of")
    assert list(table["examples"]) == [200, 100]
    np.testing.assert_allclose(table["confidence"], 0.9)
    assert list(table["accuracy"]) == [0.6, 1.0]
    difference = table["confidence less accuracy / points"]
    assert difference["segments"].startswith("+30.0 [")
    assert difference["tracks"].startswith("\u221210.0")
    np.testing.assert_allclose(table["ECE"], [0.3, 0.1])
