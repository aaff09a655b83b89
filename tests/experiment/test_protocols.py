import copy
import dataclasses

import numpy as np
import pandas as pd
import pytest
from tones import TINY

from genre_lib.experiment import (
    NORMAL,
    PAPER,
    PROTOCOLS,
    Run,
    count_leaks,
    divide,
    leakage,
    protocol_phase,
    split_segments,
    split_tracks,
    with_more_data,
)
from genre_lib.faults import annotate, read_catalogue

GTZAN = read_catalogue()[["track_id", "genre"]]
NO_PAIRS = pd.DataFrame({"track_id": [], "other_track_id": [], "verdict": []}).astype(
    {"verdict": bool}
)
NO_DISTORTIONS = pd.DataFrame({"track_id": [], "verdict": []}).astype({"verdict": bool})


def pairs_of(*pairs):
    ends = [tuple(pair) for pair in pairs]
    return pd.DataFrame(ends, columns=["track_id", "other_track_id"]).assign(verdict=True)


@pytest.fixture(scope="module")
def gtzan():
    return annotate(GTZAN, NO_PAIRS, NO_DISTORTIONS, published=True)


@pytest.fixture
def tracks():
    return pd.DataFrame({"track_id": list("abcdefghij"), "genre": ["x"] * 5 + ["y"] * 5})


def test_the_original_protocol_takes_every_track(tracks):
    assert list(divide(tracks, "original", 3).index) == list("abcdefghij")


def test_of_repetitions_the_first_stays_and_distorted_tracks_go(tracks):
    distortions = pd.DataFrame({"track_id": ["j", "e"], "verdict": [True, False]})
    annotated = annotate(tracks, pairs_of("ac", "cf"), distortions, published=False)
    assert list(divide(annotated, "no_repetitions", 3).index) == list("abdeghi")


def test_artists_must_be_known(tracks):
    annotated = annotate(tracks, NO_PAIRS, NO_DISTORTIONS, published=False)
    with pytest.raises(ValueError, match="use the protocol no_repetitions"):
        divide(annotated, "artist_filtered")


def test_an_unknown_protocol_is_refused(tracks):
    with pytest.raises(ValueError, match="'mine' is not one of original"):
        divide(tracks, "mine")


def test_leakage_counts_relatives_in_training(tracks):
    annotated = annotate(tracks[:6], pairs_of("ad", "bc"), NO_DISTORTIONS, published=False)
    annotated["artist"] = ["P", "Q", None, "P", None, "P"]
    partition = pd.Series([0, 0, 1, 2, 1, 2], index=list("abcdef"))
    table = leakage(annotated, partition)
    assert list(table["repeated"]) == [1, 1, 0]
    assert list(table["same_artist"]) == [2, 0, 0]
    assert list(table["test"]) == [2, 2, 2]


def test_relatives_in_any_training_partition_count(tracks):
    annotated = annotate(tracks[:8], pairs_of("ae", "bc"), NO_DISTORTIONS, published=False)
    annotated["artist"] = ["P", None, None, "P", None, None, None, None]
    partition = pd.Series([0, 0, 1, 1, 2, 2, 3, 3], index=list("abcdefgh"))
    one, two = (leakage(annotated, partition, number) for number in (1, 2))
    assert (list(one["repeated"]), list(one["same_artist"])) == ([1, 0, 1, 0], [0, 0, 0, 0])
    # With the partition before its own, the third rotation trains on a relative of b and of a.
    assert (list(two["repeated"]), list(two["same_artist"])) == ([1, 0, 2, 0], [0, 0, 1, 0])


@pytest.mark.parametrize("train_partitions", [1, 2, 4])
def test_more_partitions_train_and_the_others_stay(train_partitions):
    partition = pd.Series(range(6), index=list("abcdef"))
    for rotation in range(6):
        parts = split_tracks(partition, rotation, train_partitions)
        least = split_tracks(partition, rotation)
        assert len(parts["train"]) == train_partitions and set(least["train"]) <= set(
            parts["train"]
        )
        assert not set(parts["train"]) & {*parts["valid"], *parts["test"]}
        for split in ("valid", "test"):
            assert list(parts[split]) == list(least[split])


def test_no_more_partitions_train_than_are_left():
    partition = pd.Series([0, 1, 2], index=list("abc"))
    with pytest.raises(ValueError, match="train_partitions=2: of 3 partitions, one validates"):
        split_tracks(partition, 0, 2)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_gtzan_leaks_only_where_the_protocol_lets_it(protocol, gtzan):
    table = leakage(gtzan, divide(gtzan, protocol))
    if protocol == "fault_filtered":
        table = table[:1]  # the rotation that was published
    table = table.sum()
    assert (table["repeated"] > 0) == (protocol == "original")
    assert (table["same_artist"] > 0) == (protocol in ("original", "no_repetitions"))


def test_leaks_are_counted_under_every_protocol(gtzan):
    table, refused = count_leaks(gtzan, PAPER)
    assert list(table.index) == list(PROTOCOLS) and refused == []
    assert list(table) == ["tracks", "test", "repeated", "same_artist"]
    assert list(table["tracks"])[::3] == [1000, 930]
    # Every track of a rotating protocol is tested once, and the published split has one rotation.
    assert list(table["test"][:3]) == list(table["tracks"][:3])
    assert table.loc["fault_filtered", ["test", "repeated", "same_artist"]].tolist() == [290, 0, 0]
    assert (table["repeated"] > 0).tolist() == [True, False, False, False]
    assert (table["same_artist"] > 0).tolist() == [True, True, False, False]


def test_leaks_are_counted_in_the_rotations_that_were_tested(gtzan):
    tested = {"original": {0, 2}, "artist_filtered": set()}
    table, _ = count_leaks(gtzan, PAPER, tested)
    assert list(table.index) == list(tested)
    by_rotation = leakage(gtzan, divide(gtzan))
    columns = ["test", "repeated", "same_artist"]
    assert (
        table.loc["original", columns].tolist() == by_rotation.loc[[0, 2], columns].sum().tolist()
    )
    assert table.loc["artist_filtered", columns].tolist() == [0, 0, 0]


def test_protocols_that_a_corpus_does_not_allow_are_refused_with_the_reason(tracks):
    annotated = annotate(tracks, pairs_of("ac"), NO_DISTORTIONS, published=False)
    table, refused = count_leaks(annotated, TINY)
    assert list(table.index) == ["original", "no_repetitions"]
    assert list(table["tracks"]) == [10, 9]
    assert [reason.partition(":")[0] for reason in refused] == ["artist_filtered", "fault_filtered"]
    none, refused = count_leaks(annotated, TINY, {"artist_filtered": {0}})
    assert none.empty and list(none) == list(table) and len(refused) == 1


@pytest.mark.parametrize("seed", range(50))
def test_no_artist_is_torn_apart_and_genres_are_even_within_one(seed, gtzan):
    partition = divide(gtzan, "artist_filtered", 6, seed)
    kept = gtzan[gtzan["track_id"].isin(partition.index)]
    assert (partition.groupby(kept["artist"].to_numpy()).nunique() == 1).all()
    for genre, members in kept.groupby("genre"):
        sizes = partition.loc[members["track_id"]].value_counts().reindex(range(6), fill_value=0)
        largest = members.groupby("artist").size().max()
        # Within one group of even: an artist is whole, so his tracks can be too many.
        assert np.abs(sizes - len(members) / 6).max() <= largest, genre


def test_the_published_split_is_that_of_the_paper(gtzan):
    assert list(divide(gtzan, "fault_filtered").value_counts().loc[[0, 1, 2]]) == [443, 197, 290]
    few = gtzan[gtzan["track_id"].isin(["blues.00000", "rock.00000"])]
    with pytest.raises(ValueError, match="it needs all of GTZAN"):
        divide(few, "fault_filtered")


def test_a_run_trains_on_as_many_partitions_as_its_phase_says(tone_store):
    profile = dataclasses.replace(TINY, n_partitions=6)
    parts = [
        split_segments(Run(profile, with_more_data(NORMAL, number), 3), tone_store)
        for number in (1, 4)
    ]
    tracks = [{split: set(s["track_id"]) for split, s in part.items()} for part in parts]
    assert tracks[0]["train"] < tracks[1]["train"]
    assert len(set.union(*tracks[0].values())) < len(set.union(*tracks[1].values())) == 14
    assert all(tracks[0][split] == tracks[1][split] for split in ("valid", "test"))


def test_no_track_is_on_two_sides(tone_store):
    for rotation in range(3):
        parts = split_segments(Run(TINY, NORMAL, rotation), tone_store)
        assert list(parts) == ["train", "valid", "test"]
        tracks = [set(segments["track_id"]) for segments in parts.values()]
        assert sum(map(len, tracks)) == len(set.union(*tracks)) == 14


def test_segments_are_those_of_the_profile_and_the_protocol(tone_store):
    segments = pd.concat(split_segments(Run(TINY, NORMAL, 0), tone_store).values())
    expected = tone_store.segments(window=TINY.window, max_segments=TINY.max_segments)
    order = ["track_id", "segment"]
    assert segments.sort_values(order, ignore_index=True).equals(
        expected.sort_values(order, ignore_index=True)
    )

    clean = copy.copy(tone_store)
    clean.tracks = tone_store.tracks.assign(
        repetition_group=None, distorted=tone_store.tracks["track_id"] == "low.00003"
    )
    run = Run(TINY, protocol_phase("no_repetitions"), 0)
    seen = set(pd.concat(split_segments(run, clean).values())["track_id"])
    assert seen == set(tone_store.tracks["track_id"]) - {"low.00003"}
