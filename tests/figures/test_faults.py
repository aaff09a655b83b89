import numpy as np
import pandas as pd

from genre_lib.figures import aligned_pair, repetition_map, waveform_and_spectrogram
from genre_lib.waveform import SAMPLE_RATE

NOISE = np.random.default_rng(0).normal(scale=3000, size=4 * SAMPLE_RATE).astype(np.int16)
TRACKS = pd.DataFrame({"track_id": list("abcde"), "genre": ["blues"] * 3 + ["jazz"] * 2})


def test_an_arc_joins_a_track_and_its_repetition(texts):
    pairs = [
        ("a", "c", "exact repetition"),
        ("b", "e", "same recording"),
        ("d", "e", "exact repetition"),
    ]
    pairs = pd.DataFrame(pairs, columns=["track_id", "other_track_id", "kind"])
    figure = repetition_map(TRACKS, pairs)
    (axis,) = figure.axes
    ends = {}
    for line in axis.lines:
        places = line.get_xydata()[[0, -1]].round().astype(int).tolist()
        ends.setdefault(line.get_color(), []).append(places)
    exact, same = ends.values()  # one colour per kind
    assert exact == [[[0, 0], [2, 0]], [[0, 1], [1, 1]]]
    assert same == [[[1, 0], [1, 1]]]
    assert [text.get_text() for text in axis.get_legend().texts] == list(pairs["kind"].unique())
    assert {"blues", "jazz", "Tracks of the same recording"} <= texts(figure)


def test_without_a_repetition_there_are_dots_and_no_legend():
    pairs = pd.DataFrame(columns=["track_id", "other_track_id", "kind"])
    (axis,) = repetition_map(TRACKS, pairs).axes
    assert len(axis.collections[0].get_offsets()) == len(TRACKS)
    assert axis.get_legend() is None


def test_a_pair_is_drawn_on_the_clock_of_the_first(texts):
    for offset in (1.5, -1.5):
        figure = aligned_pair(NOISE, NOISE[SAMPLE_RATE:], offset, ("jazz.00001", "jazz.00002"))
        upper, lower, _ = figure.axes
        assert upper.images[0].get_extent()[:2] == [0, 4]
        assert lower.images[0].get_extent()[:2] == [offset, offset + 3]
        assert upper.get_xlim() == lower.get_xlim() == (min(0, offset), max(4, offset + 3))
        assert {"jazz.00001", "jazz.00002", "frequency / kHz"} <= texts(figure)


def test_a_track_is_drawn_as_waveform_and_spectrogram(texts):
    figure = waveform_and_spectrogram(NOISE, "reggae.00086")
    assert {"reggae.00086", "amplitude", "time / s", "frequency / kHz"} <= texts(figure)
    assert len(figure.axes[1].images) == 1
