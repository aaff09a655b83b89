import numpy as np
import pytest

from genre_lib.faults.coherence import coherence
from genre_lib.waveform import SAMPLE_RATE


def music(seed, seconds=8):
    """The same notes at the same times; the phases follow from the seed."""
    rng = np.random.default_rng(seed)
    time = np.arange(seconds * SAMPLE_RATE) / SAMPLE_RATE
    notes = sum(np.sin(2 * np.pi * (f * time + rng.uniform())) for f in (220, 330, 550, 880))
    return (2000 * notes * (1 + np.sin(4 * np.pi * time)) + rng.normal(0, 300, len(time))).astype(
        np.int16
    )


@pytest.mark.parametrize("scale", [1, -1, 0.1])
def test_a_copy_agrees_whatever_its_scale_and_polarity(scale):
    first = music(0)
    second = (first[2 * SAMPLE_RATE :] * scale).astype(np.int16)
    assert coherence(first, second, 2.0) > 0.9
    assert coherence(second, first, -2.0) > 0.9
    assert coherence(first, second, 2.02) > 0.8  # an offset is known to 46 ms


def test_other_recordings_and_other_offsets_do_not_agree():
    rng = np.random.default_rng(1)
    noise = [rng.normal(0, 3000, 8 * SAMPLE_RATE).astype(np.int16) for _ in range(2)]
    assert coherence(*noise, 0.0) < 0.1
    assert coherence(noise[0], noise[0], 1.0) < 0.1
    assert coherence(music(2), music(3), 0.0) < 0.25


def test_a_short_overlap_and_silence_say_nothing():
    first = music(4)
    assert coherence(first, first, 6.5) == 0
    assert coherence(first, first, 20.0) == 0
    assert coherence(np.zeros_like(first), first, 0.0) == 0
