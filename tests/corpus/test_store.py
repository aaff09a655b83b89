import pickle

import numpy as np
import pytest
from tones import write_tone

from genre_lib.corpus import build_store, load_corpus, read_audio, segment_starts
from genre_lib.waveform import SAMPLE_RATE

WINDOW = SAMPLE_RATE


@pytest.mark.parametrize(
    ("n_samples", "expected"),
    [(661_794, 21), (661_490, 21), (661_489, 20), (110_250, 1), (110_249, 0), (0, 0)],
)
def test_segments_of_a_track_at_the_original_window(n_samples, expected):
    starts = segment_starts(n_samples)
    assert len(starts) == expected
    assert all(start + 110_250 <= n_samples for start in starts)
    assert (np.diff(starts) == 27_562).all()


def test_a_long_track_gives_no_more_than_the_most():
    assert len(segment_starts(10 * 661_500)) == 21
    assert len(segment_starts(10 * 661_500, max_segments=3)) == 3


def test_the_real_excerpts_give_2097_segments(gtzan_mini, tmp_path):
    store = build_store(load_corpus(gtzan_mini, progress=False), tmp_path, progress=False)
    per_track = store.segments().groupby("track_id").size()
    assert per_track.sum() == 2097
    assert per_track.value_counts().to_dict() == {21: 97, 20: 3}


def test_a_segment_is_what_the_file_holds(tone_store, tone_corpus):
    segments = tone_store.segments(["low.00002"], window=WINDOW)
    audio = read_audio(tone_corpus.set_index("track_id").loc["low.00002", "path"])
    read = tone_store.read(segments["start"], WINDOW)
    assert (read.dtype, read.shape) == (np.int16, (9, WINDOW))
    for row, number in zip(read, segments["segment"], strict=True):
        begin = number * (WINDOW // 4)
        np.testing.assert_array_equal(row, audio[begin : begin + WINDOW])


def test_no_segment_crosses_into_another_track(tone_store):
    segments = tone_store.segments(window=WINDOW).merge(tone_store.tracks, on="track_id")
    assert (segments["start"] >= segments["offset"]).all()
    assert (segments["start"] + WINDOW <= segments["offset"] + segments["n_samples"]).all()


def test_segments_come_in_the_order_asked_for_with_their_labels(tone_store):
    assert tone_store.genres == ["high", "low"]
    wanted = ["low.00001", "high.00003"]
    segments = tone_store.segments(wanted, window=WINDOW, hop=WINDOW, max_segments=2)
    assert list(segments["track_id"]) == np.repeat(wanted, 2).tolist()
    assert list(segments["label"]) == [1, 1, 0, 0]
    assert list(segments["segment"]) == [0, 1, 0, 1]


def test_an_unknown_track_is_refused(tone_store):
    with pytest.raises(KeyError, match=r"rock\.99999"):
        tone_store.segments(["rock.99999"])


def test_unchanged_audio_finds_its_store_again(tone_corpus, tmp_path):
    first = build_store(tone_corpus, tmp_path, progress=False)
    written = (first.folder / "samples.npy").stat().st_mtime_ns
    second = build_store(tone_corpus, tmp_path, progress=False)
    assert second.folder == first.folder
    assert (second.folder / "samples.npy").stat().st_mtime_ns == written
    assert [path.name for path in tmp_path.iterdir()] == [first.folder.name]


def test_a_store_is_pickled_by_its_place_and_without_its_samples(
    tone_corpus, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    store = build_store(tone_corpus, "cache", progress=False)
    store.tracks["artist"] = "somebody"
    pickled = pickle.dumps(store)
    assert len(pickled) < 10_000 < store.samples.nbytes
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = pickle.loads(pickled)
    assert isinstance(again.samples, np.memmap)
    np.testing.assert_array_equal(again.samples, store.samples)
    assert again.fingerprint == store.fingerprint
    assert again.tracks.equals(store.tracks)


def test_changed_audio_makes_another_store(tmp_path):
    for number in range(2):
        write_tone(tmp_path / "audio/low" / f"{number}.wav", frequency=100 + number)

    def built():
        corpus = load_corpus(tmp_path / "audio", min_samples=WINDOW, progress=False)
        return build_store(corpus, tmp_path / "cache", progress=False)

    first = built()
    write_tone(tmp_path / "audio/low/1.wav", frequency=300)
    assert built().folder != first.folder


def test_a_file_that_changes_meanwhile_stops_the_store_and_leaves_nothing(tmp_path):
    write_tone(tmp_path / "audio/low/0.wav")
    corpus = load_corpus(tmp_path / "audio", min_samples=WINDOW, progress=False)
    write_tone(tmp_path / "audio/low/0.wav", seconds=2.5)
    with pytest.raises(ValueError, match=r"0\.wav.*call again"):
        build_store(corpus, tmp_path / "cache", progress=False)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_corpus_without_a_usable_track_has_no_store(tmp_path):
    write_tone(tmp_path / "low/0.wav", seconds=0.1)
    with pytest.raises(
        ValueError, match=r"none .* can be used: 1 of 1 .* too short \(low/0.wav: 2205"
    ):
        build_store(load_corpus(tmp_path, progress=False), tmp_path / "cache", progress=False)
