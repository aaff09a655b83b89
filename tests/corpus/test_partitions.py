import numpy as np
import pandas as pd
import pytest

from genre_lib.corpus import CorpusError, make_partitions, rotations
from genre_lib.corpus.partitions import require_divisible


def tracks_of(sizes):
    return pd.DataFrame(
        [(f"{g}.{k:05d}", g) for g, size in sizes.items() for k in range(size)],
        columns=["track_id", "genre"],
    )


def test_the_rotation_of_the_original():
    assert [(r.train, r.valid, r.test) for r in rotations()] == [
        (0, 1, 2),
        (1, 2, 3),
        (2, 3, 4),
        (3, 4, 5),
        (4, 5, 0),
        (5, 0, 1),
    ]


@pytest.mark.parametrize("n_partitions", [3, 4, 10])
def test_every_partition_trains_validates_and_tests_once(n_partitions):
    table = pd.DataFrame(rotations(n_partitions))
    for role in ("train", "valid", "test"):
        assert sorted(table[role]) == list(range(n_partitions))
    assert (table[["train", "valid", "test"]].nunique(axis=1) == 3).all()


def test_too_few_partitions_for_a_rotation():
    with pytest.raises(ValueError, match="at least 3 partitions"):
        rotations(2)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_partitions", [3, 6, 10])
def test_genres_are_even_in_the_partitions(seed, n_partitions):
    tracks = tracks_of({"blues": 100, "rock": 99, "jazz": 43})
    partition = make_partitions(tracks, n_partitions, seed)
    assert list(partition.index) == list(tracks["track_id"])
    counts = pd.crosstab(tracks["genre"].to_numpy(), partition.to_numpy())
    assert counts.shape == (3, n_partitions)
    assert (counts.max(axis=1) - counts.min(axis=1) <= 1).all()
    assert partition.value_counts().max() - partition.value_counts().min() <= 3


def test_partitions_follow_the_seed():
    tracks = tracks_of({"blues": 30, "rock": 30})
    first = make_partitions(tracks, seed=4)
    pd.testing.assert_series_equal(first, make_partitions(tracks, seed=4))
    assert (first != make_partitions(tracks, seed=5)).any()


def test_groups_are_never_torn_apart():
    tracks = tracks_of({"blues": 40, "rock": 40})
    rng = np.random.default_rng(0)
    tracks["artist"] = rng.choice(["A", "B", "C", "D", "", None], size=80)
    tracks.loc[tracks["artist"].isin(["A", "B"]), "artist"] += tracks["genre"]
    partition = make_partitions(tracks, 4, groups="artist")
    named = tracks[tracks["artist"].fillna("") != ""]
    by_artist = partition.loc[named["track_id"]].groupby(named["artist"].to_numpy())
    assert (by_artist.nunique() == 1).all()
    # Tracks without a name are no group: they are spread like any others.
    unnamed = tracks[tracks["artist"].fillna("") == ""]
    assert partition.loc[unnamed["track_id"]].nunique() > 1


def test_a_genre_that_is_too_small_is_named():
    tracks = tracks_of({"blues": 20, "rock": 5})
    with pytest.raises(ValueError, match=r"^fewer usable tracks .*6 partitions: rock \(5\)\."):
        make_partitions(tracks, 6)
    with pytest.raises(
        ValueError, match=r"^fewer groups .*3 partitions: blues \(2\), rock \(1\)\."
    ):
        make_partitions(tracks, 3, groups=["A", "B"] * 10 + ["C"] * 5)


def test_a_single_genre_cannot_be_learned():
    with pytest.raises(ValueError, match=r"blues is the only genre\. Add another"):
        make_partitions(tracks_of({"blues": 20}), 6)


def test_a_corpus_is_refused_with_its_folder_and_what_is_left_out():
    corpus = tracks_of({"blues": 6, "rock": 6}).assign(status="ok", detail="", file="rock/a.wav")
    require_divisible(corpus, 6, "music")
    corpus.loc[11, ["status", "detail"]] = ["silent", "all 8 samples are 0"]
    message = r"^music: .*rock \(5\)\. .*\(1 of 12 .*1 silent \(rock/a.wav: all 8 samples are 0\)"
    with pytest.raises(CorpusError, match=message):
        require_divisible(corpus, 6, "music")
