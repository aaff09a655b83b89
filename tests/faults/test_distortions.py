import numpy as np
import pytest

from genre_lib.corpus import usable
from genre_lib.faults import find_distortions
from genre_lib.faults.distortions import describe_distortions, measure_distortions
from genre_lib.waveform import SAMPLE_RATE


def test_the_distorted_track_is_the_worst(demo):
    corpus, truth = demo
    table = find_distortions(corpus, progress=False)
    assert table["track_id"][0] == truth.set_index("fault")["track_id"]["distorted"]
    assert list(table["verdict"]) == [True] + [False] * (len(usable(corpus)) - 1)
    assert table["reason"][0]
    assert (table["reason"][1:] == "").all()


def clipped(x):
    limit = np.quantile(np.abs(x), 0.95).astype(np.int16)
    return np.clip(x, -limit, limit)


def with_gaps(x):
    x = x.copy()
    for second in (2, 4, 6):
        x[second * SAMPLE_RATE : second * SAMPLE_RATE + 2_000] = 0
    return x


def with_noise(x):
    noise = np.random.default_rng(2).normal(scale=3_000, size=5 * SAMPLE_RATE)
    return np.concatenate([x[: 5 * SAMPLE_RATE], noise.astype(np.int16)])


def with_silence(x):
    return np.concatenate([x, np.zeros(3 * SAMPLE_RATE, np.int16)])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (clipped, "of the samples clipped"),
        (with_gaps, "3 dropouts"),
        (with_noise, "s of digital noise"),
        (with_silence, "s of digital silence"),
    ],
)
def test_each_distortion_is_named(clean, spoil, words):
    assert describe_distortions(measure_distortions(clean)) == ""
    assert words in describe_distortions(measure_distortions(spoil(clean)))


def test_a_track_shorter_than_a_frame_is_measured():
    measures = measure_distortions(np.arange(100, dtype=np.int16))
    assert describe_distortions(measures) == ""
    assert (measures["noise_s"], measures["silence_s"]) == (0, 0)


def test_one_dropout_is_not_plural(clean):
    samples = clean.copy()
    samples[2 * SAMPLE_RATE : 2 * SAMPLE_RATE + 2_000] = 0
    assert describe_distortions(measure_distortions(samples)) == "1 dropout"
