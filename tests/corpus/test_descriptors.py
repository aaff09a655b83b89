import numpy as np
import pytest
import soundfile

from genre_lib.corpus import describe_tracks, load_corpus
from genre_lib.waveform import SAMPLE_RATE


def test_level_and_centroid_of_pure_tones(tmp_path):
    time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    for frequency, amplitude in ((1000, 0.5), (4000, 0.05)):
        path = tmp_path / f"tones/{frequency}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, amplitude * np.sin(2 * np.pi * frequency * time), SAMPLE_RATE)
    tracks = load_corpus(tmp_path, min_samples=SAMPLE_RATE, progress=False)
    described = describe_tracks(tracks)
    assert list(described["track_id"]) == ["tones.1000", "tones.4000"]
    assert list(described["genre"]) == ["tones", "tones"]
    assert list(described["seconds"]) == [2, 2]
    # A sine has the root mean square amplitude / sqrt(2): 3.01 dB below its peak.
    assert list(described["level"]) == pytest.approx([-9.03, -29.03], abs=0.01)
    assert list(described["centroid"]) == pytest.approx([1000, 4000], rel=0.02)
