from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genre_lib.experiment.kept import RunResult
from genre_lib.results import calibration


def run_of(probabilities, labels, segments):
    """A run whose test partition has tracks of as many segments each."""
    rows = {
        "split": "test",
        "track_id": [f"t{k}" for k in np.arange(len(labels)) // segments],
        "segment": np.arange(len(labels)) % segments,
        "label": labels,
    }
    facts = {"rotation": 0, "seed": 0}
    probabilities = np.asarray(probabilities, dtype=np.float32)
    return RunResult(Path(), facts, pd.DataFrame(), pd.DataFrame(rows), probabilities)


def examples_of(confidence, correct):
    ids = [f"t{k}" for k in range(len(confidence))]
    return pd.DataFrame({"track_id": ids, "confidence": confidence, "correct": correct})


def test_confidence_of_segments_and_of_their_track():
    run = run_of([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]], [0, 0, 0, 0], segments=2)
    segments = calibration.confidences([run], "segments")
    tracks = calibration.confidences([run], "tracks")
    np.testing.assert_allclose(segments["confidence"], [0.9, 0.6, 0.8, 0.7], rtol=1e-6)
    assert list(segments["correct"]) == [1, 0, 0, 0]
    np.testing.assert_allclose(tracks["confidence"], [0.65, 0.75], rtol=1e-6)
    assert list(tracks["correct"]) == [1, 0]
    assert list(tracks["track_id"]) == ["t0", "t1"]
    assert len(calibration.confidences([run, run], "tracks")) == 4


def test_bins_are_closed_above_and_hold_every_example():
    bins = calibration.reliability(examples_of([0.0, 0.1, 0.1001, 1.0, 1.0 + 1e-7], 1))
    assert list(bins["examples"]) == [2, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert bins.loc[1, ["low", "high"]].tolist() == [0.1, 0.2]
    assert bins.loc[2, ["confidence", "accuracy"]].isna().all()


def test_the_calibration_error_by_hand():
    # Two bins: 3 examples at 0.95 of which 2 are right, 1 example at 0.45 that is right.
    bins = calibration.reliability(examples_of([0.95, 0.95, 0.95, 0.45], [1, 1, 0, 1]))
    expected = 3 / 4 * (0.95 - 2 / 3) + 1 / 4 * (1 - 0.45)
    assert calibration.calibration_error(bins) == pytest.approx(expected)


def test_a_calibrated_network_has_next_to_no_error():
    random = np.random.default_rng(0)
    confidence = random.uniform(0.1, 1, size=100_000)
    examples = examples_of(confidence, (random.uniform(size=100_000) < confidence).astype(int))
    assert calibration.calibration_error(calibration.reliability(examples)) < 0.01


@pytest.mark.parametrize(("share", "sign"), [(0.6, 1), (0.9, 0), (1.0, -1)])
def test_overconfidence_has_a_sign(share, sign):
    examples = examples_of(np.full(200, 0.9), (np.arange(200) < 200 * share).astype(int))
    excess = calibration.overconfidence(examples)
    assert excess.value == pytest.approx(0.9 - share)
    assert excess.sign == sign
