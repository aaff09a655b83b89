"""What may stand on both sides of a partition: the protocols, and what leaks under each."""

from itertools import pairwise

import pandas as pd
from joblib import Memory

from genre_lib.corpus import usable
from genre_lib.faults import find_distortions, find_same_recordings, repetition_groups
from genre_lib.partitions import make_partitions, rotations
from genre_lib.profiles import PROTOCOLS
from genre_lib.published import catalogue, with_catalogue

_SPLIT = {"train": 0, "valid": 1, "test": 2}  # as the first rotation has them


def find_faults(corpus, cache, progress=True):
    """Run the detectors on a corpus, or read what they found when it was the same.

    Parameters
    ----------
    corpus : pandas.DataFrame
        As from `genre_lib.corpus.load_corpus`.
    cache : str or Path
        Folder in which the tables are kept.
    progress : bool
        Show progress bars.

    Returns
    -------
    tuple of pandas.DataFrame
        As from `genre_lib.faults.find_same_recordings` and `genre_lib.faults.find_distortions`.
    """
    memory = Memory(cache, verbose=0)
    corpus = usable(corpus)[["track_id", "genre", "label", "path", "status", "sha256"]]
    return tuple(
        memory.cache(find, ignore=["jobs", "progress"])(corpus, jobs=-1, progress=progress)
        for find in (find_same_recordings, find_distortions)
    )


def is_gtzan(tracks):
    """Say whether all track ids are GTZAN's, so that what is published can be joined to them.

    Parameters
    ----------
    tracks : pandas.DataFrame
        With the column ``track_id``.

    Returns
    -------
    bool
    """
    return bool(tracks["track_id"].isin(catalogue()["track_id"]).all())


def annotate(tracks, repetitions, distortions, published):
    """Add what the protocols go by to a table of tracks.

    Parameters
    ----------
    tracks : pandas.DataFrame
        With the column ``track_id``.
    repetitions, distortions : pandas.DataFrame
        As from `find_faults`.
    published : bool
        Join GTZAN's catalogue too (see `is_gtzan`; the demo corpus has ids like GTZAN's, and is
        other music).

    Returns
    -------
    pandas.DataFrame
        The rows of `tracks` with the further columns ``repetition_group`` (tracks that repeat each
        other, found or published; missing where alone), ``distorted`` (bool), ``artist`` and
        ``fault_filtered_split`` (``"train"``, ``"valid"``, ``"test"``, ``"excluded"``), which are
        missing where nobody knows.
    """
    pairs = repetitions[["track_id", "other_track_id", "verdict"]]
    table = tracks.assign(artist=pd.NA, fault_filtered_split=pd.NA, distorted=False)
    if published:
        known = with_catalogue(tracks[["track_id"]])
        pairs = pd.concat([pairs, _chain(known, "exact_repetition_group")])
        for column in ("artist", "fault_filtered_split", "distorted"):
            table[column] = known[column]
    present = pairs[["track_id", "other_track_id"]].isin(set(tracks["track_id"])).all(axis=1)
    table["repetition_group"] = repetition_groups(table, pairs[present])
    found = set(distortions.loc[distortions["verdict"], "track_id"])
    table["distorted"] |= tracks["track_id"].isin(found)
    return table


def _chain(tracks, column):
    """Return the pairs of neighbours within each group, which join it as all pairs would."""
    groups = tracks.dropna(subset=column).groupby(column)["track_id"]
    pairs = [(first, second, True) for _, members in groups for first, second in pairwise(members)]
    return pd.DataFrame(pairs, columns=["track_id", "other_track_id", "verdict"])


def divide(tracks, protocol="original", n_partitions=6, seed=0):
    """Divide the tracks of a protocol into partitions.

    Parameters
    ----------
    tracks : pandas.DataFrame
        As from `annotate`; for ``"original"`` any table of tracks.
    protocol : str
        One of `PROTOCOLS`.
    n_partitions, seed : int
        As for `genre_lib.partitions.make_partitions`; the fault-filtered split is what it is, and
        has three.

    Returns
    -------
    pandas.Series
        The partition of each track that takes part, from 0; int, indexed by track id.

    Raises
    ------
    ValueError
        If the protocol is not known, or these tracks cannot be divided by it.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol {protocol!r} is not one of {', '.join(PROTOCOLS)}.")
    if protocol == "original":
        return make_partitions(tracks, n_partitions, seed)
    if protocol == "fault_filtered":
        return _published_split(tracks)
    repeated = tracks["repetition_group"].notna() & tracks.duplicated("repetition_group")
    kept = tracks[~repeated & ~tracks["distorted"]]
    if protocol == "no_repetitions":
        return make_partitions(kept, n_partitions, seed)
    if kept["artist"].isna().all():
        raise ValueError(
            "artist_filtered: no artist of these tracks is known. The catalogue names those of "
            "GTZAN, by its track ids (blues.00000); use the protocol no_repetitions."
        )
    return make_partitions(kept, n_partitions, seed, groups=kept["artist"])


def _published_split(tracks):
    split = tracks.set_index("track_id")["fault_filtered_split"].map(_SPLIT).dropna()
    genres = tracks.set_index("track_id")["genre"]
    for name, number in _SPLIT.items():
        missing = set(genres) - set(genres[split.index[split == number]])
        if missing:
            raise ValueError(
                f"fault_filtered: the published {name} split has no track of "
                f"{', '.join(sorted(missing))} in this corpus; it is for all of GTZAN."
            )
    return split.astype(int).rename("partition")


def leakage(tracks, partition):
    """Count the test tracks of each rotation that have a relative among those it was trained on.

    Parameters
    ----------
    tracks : pandas.DataFrame
        As from `annotate`.
    partition : pandas.Series
        As from `genre_lib.partitions.make_partitions`; tracks that are not in it take no part.

    Returns
    -------
    pandas.DataFrame
        One row a rotation: ``rotation`` (from 1), ``test`` (test tracks), ``repeated`` (those with
        a repetition in training), ``same_artist`` (those with their artist there).
    """
    tracks = tracks[tracks["track_id"].isin(partition.index)].reset_index(drop=True)
    part = partition.loc[tracks["track_id"]].to_numpy()
    rows = []
    for number, rotation in enumerate(rotations(int(part.max()) + 1), start=1):
        train, test = tracks[part == rotation.train], tracks[part == rotation.test]
        row = {"rotation": number, "test": len(test)}
        for name, column in (("repeated", "repetition_group"), ("same_artist", "artist")):
            row[name] = int(test[column].isin(set(train[column].dropna())).sum())
        rows.append(row)
    return pd.DataFrame(rows)
