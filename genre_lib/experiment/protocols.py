"""What may stand on both sides of a partition: the protocols, and what leaks under each."""

import pandas as pd

from genre_lib.corpus.partitions import make_partitions, rotations
from genre_lib.experiment.phases import PROTOCOLS

_SPLIT = {"train": 0, "valid": 1, "test": 2}  # as in the first rotation


def divide(tracks, protocol="original", n_partitions=6, seed=0):
    """Divide the tracks of a protocol into partitions.

    Parameters
    ----------
    tracks : pandas.DataFrame
        As returned by `genre_lib.faults.annotate`; for ``"original"``, any table of tracks.
    protocol : str
        One of `PROTOCOLS`.
    n_partitions, seed : int
        Not for ``"fault_filtered"``, which is published as three partitions.

    Returns
    -------
    pandas.Series
        The partition of each track that takes part, from 0; int, indexed by track id.

    Raises
    ------
    ValueError
        If the protocol is unknown, or cannot divide these tracks.

    Examples
    --------
    >>> tracks = pd.DataFrame({"track_id": list("abcdef"), "genre": list("xxxyyy")})
    >>> divide(tracks, n_partitions=3).value_counts().tolist()
    [2, 2, 2]
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
    """Count the test tracks of each rotation that have a relative among its training tracks.

    Parameters
    ----------
    tracks : pandas.DataFrame
        As returned by `genre_lib.faults.annotate`.
    partition : pandas.Series
        As returned by `divide`; tracks that are not in it take no part.

    Returns
    -------
    pandas.DataFrame
        One row per rotation: ``rotation`` (from 1), ``test`` (test tracks), ``repeated`` (those
        with a repetition in training), ``same_artist`` (those whose artist is in training).

    Examples
    --------
    >>> tracks = pd.DataFrame({"track_id": list("abc"), "artist": list("PQP")})
    >>> tracks["repetition_group"] = None
    >>> leakage(tracks, pd.Series([0, 1, 2], index=list("abc")))["same_artist"].tolist()
    [1, 0, 0]
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


def split_segments(run, store):
    """List the segments that a run trains, validates and tests on.

    Parameters
    ----------
    run : Run
    store : SegmentStore
        Protocols other than the original's need the columns of `genre_lib.faults.annotate`.

    Returns
    -------
    dict of str to pandas.DataFrame
        ``"train"``, ``"valid"``, ``"test"``: one row per segment, as in `SegmentStore.segments`.

    Examples
    --------
    >>> parts = split_segments(Run(DEMO, NORMAL, rotation=0), workspace.store)  # doctest: +SKIP
    """
    profile = run.profile
    partition = divide(
        store.tracks, run.phase.protocol, profile.n_partitions, profile.partition_seed
    )
    rotation = rotations(partition.max() + 1)[run.rotation]
    return {
        split: store.segments(
            partition.index[partition == getattr(rotation, split)],
            window=profile.window,
            max_segments=profile.max_segments,
        )
        for split in _SPLIT
    }
