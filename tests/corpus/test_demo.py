import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile
from tones import SMALL_DEMO as SMALL

from genre_lib.corpus import AudioError, make_demo_corpus, make_demo_song, read_audio
from genre_lib.corpus.demo import read_truth
from genre_lib.waveform import FULL_SCALE, SAMPLE_RATE


@pytest.fixture(scope="module")
def folder(small_demo):
    return small_demo


def audio_of(folder, track_id):
    return read_audio(folder / "genres" / track_id.split(".")[0] / f"{track_id}.wav")


def test_ten_genres_of_whole_tracks(folder):
    truth = read_truth(folder).set_index("track_id")["fault"]
    paths = sorted(folder.glob("genres/*/*.wav"))
    assert len(paths) == 60
    assert len({path.parent.name for path in paths}) == 10
    for path in paths:
        if truth.get(path.stem) not in ("too_short", "undecodable"):
            info = soundfile.info(path)
            found = (info.samplerate, info.channels, info.subtype, info.frames)
            assert found == (SAMPLE_RATE, 1, "PCM_16", 8 * SAMPLE_RATE)


def test_a_song_is_played_by_the_bands_of_the_corpus_in_turn(folder, tmp_path):
    song = read_audio(make_demo_song(tmp_path / "song.wav", ("jazz", "pop"), seconds=8.0))
    for samples, genre in zip(np.split(song, 2), ("jazz", "pop"), strict=True):
        np.testing.assert_array_equal(samples, audio_of(folder, f"{genre}.00000"))


def test_the_planted_faults_are_there(folder):
    truth = read_truth(folder)
    counts = truth["fault"].value_counts()
    assert (counts[["exact_repetition", "same_recording", "mislabeled"]] >= [4, 4, 5]).all()
    assert (counts[["distorted", "too_short", "undecodable"]] == 1).all()
    assert truth["track_id"].is_unique
    assert set(truth["track_id"]).isdisjoint(truth["other_track_id"])
    for row in truth.itertuples():
        if row.fault == "exact_repetition":
            first, second = (audio_of(folder, t) for t in (row.track_id, row.other_track_id))
            np.testing.assert_array_equal(first, second)
        elif row.fault == "too_short":
            assert len(audio_of(folder, row.track_id)) < SAMPLE_RATE
        elif row.fault == "undecodable":
            with pytest.raises(AudioError):
                audio_of(folder, row.track_id)


def test_one_repetition_crosses_two_genres(folder):
    truth = read_truth(folder).query("fault == 'exact_repetition'")
    genres = truth[["track_id", "other_track_id"]].map(lambda track: track.split(".")[0])
    assert (genres["track_id"] != genres["other_track_id"]).sum() == 1


def test_the_same_recording_is_shifted_and_softer_as_the_truth_says(folder):
    for row in read_truth(folder).query("fault == 'same_recording'").itertuples():
        shift = float(row.detail.split(" s")[0])
        gain = float(row.detail.split(", ")[1].removesuffix(" dB"))
        late, early = (audio_of(folder, t) / FULL_SCALE for t in (row.track_id, row.other_track_id))
        begin = round(shift * SAMPLE_RATE)
        common = len(early) - begin
        assert common >= 5 * SAMPLE_RATE
        expected = early[begin:] * 10 ** (gain / 20)
        np.testing.assert_allclose(late[:common], expected, atol=1 / FULL_SCALE)


def test_the_noise_of_the_distorted_track_begins_where_the_truth_says(folder):
    row = read_truth(folder).query("fault == 'distorted'").iloc[0]
    begin = round(float(row["detail"].split()[3]) * SAMPLE_RATE)
    samples = audio_of(folder, row["track_id"]) / FULL_SCALE
    # Uniform digital noise has the standard deviation of a uniform distribution: 1 / sqrt(3).
    assert np.std(samples[begin + SAMPLE_RATE :]) == pytest.approx(3**-0.5, rel=0.02)
    assert np.std(samples[: begin - SAMPLE_RATE]) < 0.4


def test_every_track_has_an_artist_and_a_repetition_has_that_of_the_recording(folder):
    artists = pd.read_csv(folder / "artists.csv", index_col="track_id")["artist"]
    assert set(artists.index) == {path.stem for path in folder.glob("genres/*/*.wav")}
    for row in read_truth(folder).itertuples():
        if row.other_track_id:
            assert artists[row.track_id] == artists[row.other_track_id]
        if row.fault == "mislabeled":
            assert artists[row.track_id].startswith(row.detail.removeprefix("is "))
    assert artists.value_counts().max() <= 6  # three tracks of its own, and repetitions of these


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}


def test_another_seed_gives_other_files(folder, tmp_path):
    make_demo_corpus(tmp_path / "other", **SMALL, seed=1)
    first, other = contents(folder), contents(tmp_path / "other")
    assert sum(first[name] == other[name] for name in first if name.suffix == ".wav") == 0


def test_a_corpus_that_is_there_is_not_made_again(folder):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.wav")}
    truth = make_demo_corpus(folder, **SMALL)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.wav")} == before
    pd.testing.assert_frame_equal(truth, read_truth(folder))


def test_a_corpus_of_an_earlier_version_is_made_again_and_the_same_seed_gives_the_same_files(
    folder, tmp_path
):
    old = tmp_path / "demo"
    shutil.copytree(folder, old)
    (old / "artists.csv").unlink()
    (old / "demo.json").write_text('{"tracks_per_genre": 18, "seconds": 9.0, "seed": 0}')
    make_demo_corpus(old, **SMALL)
    assert contents(old) == contents(folder)


def test_what_is_not_the_demo_corpus_is_left_alone(folder, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="other files"):
        make_demo_corpus(tmp_path, **SMALL)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
    with pytest.raises(FileExistsError, match="made with"):
        make_demo_corpus(folder, **SMALL, seed=7)


def test_an_interrupted_call_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(soundfile, "write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        make_demo_corpus(tmp_path / "demo", **SMALL)
    assert list(tmp_path.iterdir()) == []


def test_too_little_for_the_faults_is_refused(tmp_path):
    for few in ({"tracks_per_genre": 5}, {"seconds": 7.9}):
        with pytest.raises(ValueError, match="at least 6 tracks per genre and 8 seconds"):
            make_demo_corpus(tmp_path / "demo", **few)
    assert list(tmp_path.iterdir()) == []
