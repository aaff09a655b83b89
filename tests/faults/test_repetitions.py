import pandas as pd
import pytest
import soundfile

from genre_lib.corpus import load_corpus, read_audio
from genre_lib.faults import (
    find_exact_repetitions,
    find_same_recordings,
    repetition_groups,
    same_recordings,
)
from genre_lib.waveform import SAMPLE_RATE


def test_equal_audio_is_found_whatever_its_container(demo, pairs_of, tmp_path):
    corpus, truth = demo
    planted = pairs_of(truth.query("fault == 'exact_repetition'"))
    assert pairs_of(find_exact_repetitions(corpus)) == planted
    (tmp_path / "pop").mkdir()
    for name in ("a.wav", "b.flac", "c.au"):
        soundfile.write(tmp_path / "pop" / name, read_audio(corpus["path"].iloc[0]), SAMPLE_RATE)
    found = find_exact_repetitions(load_corpus(tmp_path, progress=False))
    assert list(found["track_id"] + found["other_track_id"]) == [
        "pop.apop.b",
        "pop.apop.c",
        "pop.bpop.c",
    ]
    assert set(found["group"]) == {"pop.a"}
    assert (found["score"] == 1).all() and found["verdict"].all()


def test_a_shifted_softer_copy_is_found_and_nothing_else(demo, pairs_of):
    corpus, truth = demo
    planted = truth[truth["fault"].isin(["exact_repetition", "same_recording"])]
    found = find_same_recordings(corpus, progress=False)
    assert pairs_of(found[found["verdict"]]) == pairs_of(planted)
    assert found["group"].notna().equals(found["verdict"])
    assert found["verdict"].is_monotonic_decreasing


def test_the_offset_is_where_the_copy_begins(clean, tmp_path):
    cut = 2 * SAMPLE_RATE
    (tmp_path / "jazz").mkdir()
    soundfile.write(tmp_path / "jazz" / "a.wav", clean, SAMPLE_RATE)
    soundfile.write(tmp_path / "jazz" / "b.wav", clean[cut:] // 3, SAMPLE_RATE)
    found = find_same_recordings(load_corpus(tmp_path, progress=False), progress=False)
    assert list(found["verdict"]) == [True]
    assert found["offset_s"][0] == pytest.approx(2, abs=0.05)
    assert found["overlap_s"][0] == pytest.approx(len(clean) / SAMPLE_RATE - 2, abs=0.1)


@pytest.mark.parametrize("find", [find_exact_repetitions, find_same_recordings])
def test_a_corpus_without_usable_tracks_repeats_nothing(find, tmp_path):
    (tmp_path / "rock").mkdir()
    (tmp_path / "rock/a.wav").write_text("text")
    corpus = load_corpus(tmp_path, progress=False)
    pairs = find(corpus) if find is find_exact_repetitions else find(corpus, progress=False)
    assert pairs.empty
    assert repetition_groups(corpus, pairs).isna().all()


def test_groups_join_whatever_hangs_together():
    corpus = pd.DataFrame({"track_id": list("abcde")}, index=range(10, 15))
    ends = {"track_id": ["c", "b", "d"], "other_track_id": ["b", "a", "e"]}
    groups = repetition_groups(corpus, pd.DataFrame({**ends, "verdict": [True, True, False]}))
    assert groups.index.equals(corpus.index)
    assert list(groups[:3]) == ["a"] * 3
    assert groups[3:].isna().all()


def test_pairs_of_one_recording_are_exact_or_not_and_may_cross_genres():
    names = {"track_id": list("abcd"), "genre": ["pop", "pop", "rock", "rock"], "status": "ok"}
    corpus = pd.DataFrame(names | {"sha256": ["1", "1", "1", "2"]})
    ends = {"track_id": ["a", "a", "c", "b"], "other_track_id": ["b", "c", "d", "d"]}
    recordings = pd.DataFrame(ends | {"verdict": [True, True, True, False]}, index=[5, 6, 7, 8])
    table = same_recordings(corpus, recordings)
    assert list(table.index) == [0, 1, 2]
    assert list(table["track_id"] + table["other_track_id"]) == ["ab", "ac", "cd"]
    assert list(table["exact"]) == [True, True, False]
    assert list(table["across_genres"]) == [False, True, False]
    assert same_recordings(corpus, recordings[3:]).empty
