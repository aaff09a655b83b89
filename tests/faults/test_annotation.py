import shutil
from pathlib import Path

import pandas as pd
import pytest

from genre_lib.corpus import load_corpus, usable
from genre_lib.faults import (
    annotate,
    count_artists,
    find_distortions,
    find_faults,
    find_same_recordings,
    name_music,
    read_catalogue,
)
from genre_lib.faults.annotation import is_gtzan

GTZAN = read_catalogue()[["track_id", "genre"]]
NO_DISTORTIONS = pd.DataFrame({"track_id": [], "verdict": []}).astype({"verdict": bool})


def pairs(*ends, verdict=True):
    ends = [tuple(pair) for pair in ends]
    return pd.DataFrame(ends, columns=["track_id", "other_track_id"]).assign(verdict=verdict)


@pytest.fixture
def tracks():
    return pd.DataFrame({"track_id": list("abcdef"), "genre": ["x"] * 3 + ["y"] * 3})


def test_faults_are_found_once_and_read_again(tone_folder, tmp_path):
    (tmp_path / "audio/low").mkdir(parents=True)
    for path in sorted(tone_folder.glob("low/*"))[:2]:
        shutil.copy(path, tmp_path / "audio/low")
    corpus = load_corpus(tmp_path / "audio", min_samples=1, progress=False)
    found = find_faults(corpus, tmp_path / "cache", progress=False)
    pd.testing.assert_frame_equal(found[0], find_same_recordings(corpus, progress=False))
    pd.testing.assert_frame_equal(found[1], find_distortions(corpus, progress=False))
    for path in corpus["path"]:
        Path(path).unlink()  # the audio is not read again
    again = find_faults(corpus, tmp_path / "cache", progress=False)
    for first, second in zip(found, again, strict=True):
        pd.testing.assert_frame_equal(first, second)
    assert len(again[1]) == len(usable(corpus)) == 2


def test_gtzan_is_known_by_its_ids(tracks):
    assert is_gtzan(GTZAN.sample(20, random_state=0))
    assert not is_gtzan(tracks)


def test_what_is_found_is_joined_to_the_tracks(tracks):
    distortions = pd.DataFrame({"track_id": ["f", "e"], "verdict": [True, False]})
    found = pd.concat([pairs("ac", "ce"), pairs("bd", verdict=False), pairs("az")])
    table = annotate(tracks, found, distortions, published=False)
    assert list(table["track_id"]) == list("abcdef")
    assert table["repetition_group"].dropna().to_dict() == {0: "a", 2: "a", 4: "a"}
    assert list(table.loc[table["distorted"], "track_id"]) == ["f"]
    assert table[["artist", "fault_filtered_split"]].isna().all(axis=None)


def test_what_is_found_and_what_is_published_both_count():
    known = read_catalogue().dropna(subset=["exact_repetition_group"])
    first, second = known.groupby("exact_repetition_group")["track_id"].apply(list).iloc[0][:2]
    lone = read_catalogue().query("exact_repetition_group.isna()")["track_id"].iloc[0]
    tracks = GTZAN[GTZAN["track_id"].isin([first, second, lone])]
    table = annotate(tracks, pairs((lone, second)), NO_DISTORTIONS, published=True)
    assert table["repetition_group"].nunique() == 1
    assert table["repetition_group"].notna().all()


def test_what_is_published_is_joined_to_gtzan():
    table = annotate(GTZAN, pairs(), NO_DISTORTIONS, published=True)
    assert list(table.loc[table["distorted"], "track_id"]) == ["reggae.00086"]
    assert table["artist"].notna().sum() > 900
    assert set(table["fault_filtered_split"]) == {"train", "valid", "test", "excluded"}
    known = read_catalogue().groupby("exact_repetition_group")["track_id"].apply(frozenset)
    groups = table.groupby("repetition_group")["track_id"].apply(frozenset)
    assert set(groups) == set(known)


def test_artists_are_counted_and_a_tie_goes_to_the_first_in_the_alphabet():
    known = {"genre": list("xxxxxyyz"), "artist": ["d", "c", "d", "c", None, "d", "d", None]}
    table = count_artists(pd.DataFrame(known)).set_index("genre")
    assert table[["tracks", "identified", "artists"]].to_numpy().tolist() == [
        [5, 4, 2],
        [2, 2, 1],
        [1, 0, 0],
    ]
    assert list(table["most frequent"][["x", "y"]]) == ["c", "d"]
    assert list(table["tracks of that one"][["x", "y"]]) == [2, 2]
    assert table.loc["z", ["most frequent", "tracks of that one"]].isna().all()


def test_artist_and_title_are_those_of_the_corpus_as_far_as_they_are_known():
    tracks = pd.DataFrame({"track_id": list("abcd"), "genre": "x"})
    tracks = tracks.assign(artist=["A", "", "C", ""], title=["One", "Two", "", ""])
    annotated = annotate(tracks, pairs(), NO_DISTORTIONS, published=False)
    assert annotated["artist"].isna().tolist() == [False, True, False, True]
    assert name_music(annotated).to_dict() == {"a": "A: One", "b": "Two", "c": "C", "d": ""}
    unknown = annotate(tracks[["track_id", "genre"]], pairs(), NO_DISTORTIONS, published=False)
    assert not name_music(unknown).any()


def test_the_catalogue_names_the_artists_that_the_corpus_does_not():
    tracks = GTZAN.head(2).assign(artist=["", "named by its file"])
    artists = annotate(tracks, pairs(), NO_DISTORTIONS, published=True)["artist"]
    assert list(artists) == ["John Lee Hooker", "named by its file"]
