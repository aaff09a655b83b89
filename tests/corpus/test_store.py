import numpy as np
import pytest
from tones import write_tone

from genre_lib.corpus.audio import SAMPLE_RATE, read_audio
from genre_lib.corpus.store import build_store, segment_starts
from genre_lib.corpus.tracks import load_corpus
from genre_lib.network.batches import SegmentBatches

WINDOW = SAMPLE_RATE


@pytest.fixture(scope="module")
def corpus(tone_corpus):
    return load_corpus(tone_corpus, min_samples=WINDOW, progress=False)


@pytest.fixture(scope="module")
def store(corpus, tmp_path_factory):
    return build_store(corpus, tmp_path_factory.mktemp("cache"), progress=False)


@pytest.mark.parametrize(
    ("n_samples", "expected"),
    [
        (661_794, 21),
        (661_500, 21),
        (661_490, 21),
        (661_489, 20),
        (110_250, 1),
        (110_249, 0),
        (0, 0),
    ],
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


def test_a_segment_is_what_the_file_holds(store, corpus):
    segments = store.segments(["low.00002"], window=WINDOW)
    audio = read_audio(corpus.set_index("track_id").loc["low.00002", "path"])
    read = store.read(segments["start"], WINDOW)
    assert read.dtype == np.int16
    for row, number in zip(read, segments["segment"], strict=True):
        begin = number * (WINDOW // 4)
        np.testing.assert_array_equal(row, audio[begin : begin + WINDOW])


def test_no_segment_crosses_into_another_track(store):
    segments = store.segments(window=WINDOW).merge(store.tracks, on="track_id")
    assert (segments["start"] >= segments["offset"]).all()
    assert (segments["start"] + WINDOW <= segments["offset"] + segments["n_samples"]).all()


def test_an_unknown_track_is_refused(store):
    with pytest.raises(KeyError, match=r"rock\.99999"):
        store.segments(["rock.99999"])


def test_unchanged_audio_finds_its_store_again(corpus, tmp_path):
    first = build_store(corpus, tmp_path, progress=False)
    written = (first.folder / "samples.npy").stat().st_mtime_ns
    second = build_store(corpus, tmp_path, progress=False)
    assert second.folder == first.folder
    assert (second.folder / "samples.npy").stat().st_mtime_ns == written
    assert [path.name for path in tmp_path.iterdir()] == [first.folder.name]


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


def everything(batches):
    samples, labels = zip(*(batches[k] for k in range(len(batches))), strict=True)
    return np.concatenate(samples), np.concatenate(labels)


def test_batches_hold_every_segment_once_with_its_label(store):
    segments = store.segments(window=WINDOW)
    batches = SegmentBatches(store, segments, 8, window=WINDOW, seed=3)
    samples, labels = everything(batches)
    assert samples.shape == (len(segments), WINDOW, 1)
    assert samples.dtype == np.int16
    expected = store.read(segments["start"], WINDOW)
    found = {sample.tobytes(): label for sample, label in zip(samples, labels, strict=True)}
    wanted = {row.tobytes(): label for row, label in zip(expected, segments["label"], strict=True)}
    assert found == wanted


def test_batches_keep_the_order_without_a_seed(store):
    segments = store.segments(window=WINDOW)
    samples, labels = everything(SegmentBatches(store, segments, 8, window=WINDOW))
    np.testing.assert_array_equal(labels, segments["label"])
    np.testing.assert_array_equal(samples[..., 0], store.read(segments["start"], WINDOW))


def test_the_order_depends_on_seed_and_epoch_alone(store):
    segments = store.segments(window=WINDOW)

    def orders(seed):
        batches = SegmentBatches(store, segments, 8, window=WINDOW, seed=seed)
        for _ in range(3):
            yield everything(batches)[0].tobytes()
            batches.on_epoch_end()

    first, again, other = list(orders(1)), list(orders(1)), list(orders(2))
    assert first == again
    assert len({*first, *other}) == 6
