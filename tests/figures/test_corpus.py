import numpy as np
import pandas as pd
import pytest

from genre_lib.corpus import segment_starts
from genre_lib.figures import descriptors_by_genre, genre_gallery, sliding_window
from genre_lib.waveform import SAMPLE_RATE, WINDOW


def noise(seconds, seed=0):
    samples = np.random.default_rng(seed).normal(scale=3000, size=int(seconds * SAMPLE_RATE))
    return samples.astype(np.int16)


def test_the_segments_of_a_track_lie_where_they_begin(texts):
    samples = noise(12)
    starts = segment_starts(len(samples))
    figure = sliding_window(samples, starts, WINDOW)
    bars = figure.axes[1].patches
    np.testing.assert_allclose([bar.get_x() for bar in bars], starts / SAMPLE_RATE)
    np.testing.assert_allclose([bar.get_width() for bar in bars], 5)
    expected = {"One track of 12.0 s", f"Its {len(starts)} segments of 5.00 s", "time / s"}
    assert expected <= texts(figure)


@pytest.mark.parametrize("n_genres", [1, 2, 3, 10])
def test_every_genre_of_the_gallery_has_a_waveform_and_a_spectrogram(n_genres, texts):
    examples = {f"genre {k}": noise(1, k) for k in range(n_genres)}
    figure = genre_gallery(examples)
    assert {*examples, "time / s", "power / dB re maximum"} <= texts(figure)
    shown = [axis for axis in figure.axes if axis.get_visible()]
    assert len(shown) == 2 * n_genres + 1  # and the colour bar
    assert sum(bool(axis.images) for axis in shown) == n_genres


def test_descriptors_are_compared_by_genre_in_their_units(texts):
    genres = ["blues", "pop"] * 5
    table = {"genre": genres, "level": np.arange(10) - 20, "centroid": np.arange(10) * 100}
    figure = descriptors_by_genre(pd.DataFrame(table))
    labels = {"level / dB re full scale", "spectral centroid / Hz", "Loudness", "Brightness"}
    assert {*genres, *labels} <= texts(figure)
