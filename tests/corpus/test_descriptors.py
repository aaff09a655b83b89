import numpy as np
import pandas as pd
import pytest
import soundfile

from genre_lib.corpus import build_store, describe_tracks, load_corpus
from genre_lib.corpus.descriptors import measure_features
from genre_lib.waveform import SAMPLE_RATE


@pytest.fixture
def tracks(tmp_path):
    """Two seconds of a soft high tone and of a loud lower one."""
    time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    for frequency, amplitude in ((1000, 0.5), (4000, 0.05)):
        path = tmp_path / f"tones/{frequency}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, amplitude * np.sin(2 * np.pi * frequency * time), SAMPLE_RATE)
    return load_corpus(tmp_path, min_samples=SAMPLE_RATE, progress=False)


def test_level_and_centroid_of_pure_tones(tracks):
    described = describe_tracks(tracks)
    assert list(described["track_id"]) == ["tones.1000", "tones.4000"]
    assert list(described["genre"]) == ["tones", "tones"]
    assert list(described["seconds"]) == [2, 2]
    # A sine has the root mean square amplitude / sqrt(2): 3.01 dB below its peak.
    assert list(described["level"]) == pytest.approx([-9.03, -29.03], abs=0.01)
    assert list(described["centroid"]) == pytest.approx([1000, 4000], rel=0.02)


def test_features_are_means_and_deviations_and_are_measured_once(tracks, tmp_path, monkeypatch):
    store = build_store(tracks, tmp_path, progress=False)
    features = measure_features(store, tmp_path, progress=False)
    assert list(features.index) == ["tones.1000", "tones.4000"]
    assert features.shape == (2, 2 * (20 + 20 + 12 + 7 + 5))
    assert features.notna().all(axis=None)
    assert list(features["centroid 1 mean"]) == pytest.approx([1000, 4000], rel=0.02)
    assert list(features["level 1 mean"]) == pytest.approx([0.3536, 0.0354], rel=0.05)
    # A sine of 1000 Hz crosses zero 2000 times in 22 050 samples.
    crossings = features["crossings 1 mean"] * SAMPLE_RATE / 2
    assert list(crossings) == pytest.approx([1000, 4000], rel=0.05)
    assert (features["centroid 1 deviation"] < 200).all()
    monkeypatch.setattr("genre_lib.corpus.descriptors._measure", None)
    again = measure_features(store, tmp_path, progress=False)
    pd.testing.assert_frame_equal(features, again)
