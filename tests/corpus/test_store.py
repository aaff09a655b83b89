import pickle
import shutil
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from tones import write_tone

from genre_lib.corpus import build_store, load_corpus, read_audio, segment_starts, store
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
    built = build_store(load_corpus(gtzan_mini, progress=False), tmp_path, progress=False)
    per_track = built.segments().groupby("track_id").size()
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
    built = build_store(tone_corpus, "cache", progress=False)
    built.tracks["artist"] = "somebody"
    pickled = pickle.dumps(built)
    assert len(pickled) < 10_000 < built.samples.nbytes
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = pickle.loads(pickled)
    assert isinstance(again.samples, np.memmap)
    np.testing.assert_array_equal(again.samples, built.samples)
    assert again.fingerprint == built.fingerprint
    assert again.tracks.equals(built.tracks)


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
        ValueError, match=r"no track can be used: 1 of 1 .* too short \(low/0.wav: 2205"
    ):
        build_store(load_corpus(tmp_path, progress=False), tmp_path / "cache", progress=False)


@pytest.fixture
def rebuild(tmp_path, monkeypatch):
    """A function: the store of a corpus of two, and which files it decoded after the reading."""

    def rebuild():
        spy = Mock(side_effect=read_audio)
        monkeypatch.setattr(store, "read_audio", spy)
        options = {"min_samples": WINDOW, "progress": False, "cache": tmp_path / "cache"}
        corpus = load_corpus(tmp_path / "audio", **options)
        built = build_store(corpus, tmp_path / "cache", progress=False)
        for track in corpus.itertuples():
            np.testing.assert_array_equal(built.read_track(track.track_id), read_audio(track.path))
        return built, sorted(Path(call.args[0]).name for call in spy.call_args_list)

    for number in range(2):
        write_tone(tmp_path / "audio/low" / f"{number}.wav", frequency=100 + 10 * number)
    return rebuild


def test_a_store_takes_what_the_reading_has_decoded_and_leaves_nothing_else(rebuild, tmp_path):
    built, decoded = rebuild()
    assert decoded == []
    names = [path.name for path in (tmp_path / "cache").iterdir() if path != built.folder]
    assert [name.partition("-")[0] for name in names] == ["read"]


def test_unchanged_tracks_come_from_an_earlier_store(rebuild, tmp_path):
    first, _ = rebuild()
    write_tone(tmp_path / "audio/low/2.wav", frequency=300)
    second, decoded = rebuild()
    assert second.folder != first.folder
    assert decoded == []


def test_a_store_that_was_removed_is_built_again_from_the_audio(rebuild):
    first, _ = rebuild()
    shutil.rmtree(first.folder)
    second, decoded = rebuild()
    assert second.folder == first.folder
    assert decoded == ["0.wav", "1.wav"]


@pytest.mark.parametrize("name", ["samples.npy", "tracks.csv", "store.json"])
def test_a_damaged_earlier_store_is_not_trusted(rebuild, tmp_path, name):
    first, _ = rebuild()
    content = bytearray((first.folder / name).read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    (first.folder / name).write_bytes(content)
    write_tone(tmp_path / "audio/low/2.wav", frequency=300)
    assert rebuild()[1]  # which compares the samples


@pytest.mark.parametrize("content", [b"", b"something else"])
def test_what_was_decoded_and_is_damaged_is_decoded_again(rebuild, tmp_path, content):
    options = {"min_samples": WINDOW, "progress": False, "cache": tmp_path / "cache"}
    load_corpus(tmp_path / "audio", **options)
    for path in (tmp_path / "cache/decoded").iterdir():
        path.write_bytes(content)
    assert rebuild()[1] == ["0.wav", "1.wav"]
