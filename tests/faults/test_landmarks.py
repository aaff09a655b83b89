import numpy as np
import pytest

from genre_lib.faults.landmarks import find_landmarks, match_all
from genre_lib.waveform import SAMPLE_RATE


def test_landmarks_do_not_depend_on_the_scale(clean):
    marks = find_landmarks(clean)
    again = find_landmarks(clean / 4)
    np.testing.assert_array_equal(marks.hashes, again.hashes)
    np.testing.assert_array_equal(marks.frames, again.frames)
    assert len(marks.hashes) > 100
    assert (np.diff(marks.frames) >= 0).all()
    assert marks.frames[-1] < marks.n_frames


@pytest.mark.parametrize("n_samples", [3 * SAMPLE_RATE, 2_100])
def test_silence_and_scraps_have_no_landmarks(n_samples):
    assert len(find_landmarks(np.zeros(n_samples, np.int16)).hashes) == 0


def test_a_shifted_copy_matches_at_its_offset(clean):
    other = np.random.default_rng(0).normal(scale=3000, size=len(clean))
    tracks = [clean, other, clean[2 * SAMPLE_RATE :]]
    pairs = match_all([find_landmarks(x) for x in tracks], min_matches=20, progress=False)
    assert pairs[["first", "second"]].to_numpy().tolist() == [[0, 2]]
    assert pairs["offset_s"][0] == pytest.approx(2, abs=0.05)
    assert pairs["overlap_s"][0] == pytest.approx(len(clean) / SAMPLE_RATE - 2, abs=0.1)


@pytest.mark.parametrize("n_tracks", [0, 1, 2])
def test_without_a_match_the_table_is_empty(n_tracks):
    silent = find_landmarks(np.zeros(SAMPLE_RATE, np.int16))
    pairs = match_all([silent] * n_tracks, progress=False)
    assert list(pairs) == ["first", "second", "matches", "offset_s", "overlap_s"]
    assert pairs.empty
