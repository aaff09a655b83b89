"""Divide tracks under each protocol, and count what leaks from training into test."""

import pandas as pd

from genre_lib.corpus.partitions import make_partitions, rotations
from genre_lib.experiment.phases import PROTOCOLS

_SPLIT = {"train": 0, "valid": 1, "test": 2}  # as in the first rotation


def divide(tracks, protocol="original", n_partitions=6, seed=0):
    """Divide tracks into partitions under a protocol: a Series of int from 0, by track id.

    Protocols other than ``"original"`` need the columns of `genre_lib.faults.annotate`. The
    published split of ``"fault_filtered"`` has three partitions. A protocol that does not suit
    these tracks raises a ValueError.
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
            "artist_filtered: no artist of these tracks is known from the files' tags, a table "
            "artists.csv (track_id, artist) beside them, or GTZAN's catalogue, which knows tracks "
            "by ids like blues.00000. Add the table, or use the protocol no_repetitions."
        )
    return make_partitions(kept, n_partitions, seed, groups=kept["artist"])


def _published_split(tracks):
    tracks = tracks.set_index("track_id")
    split, genres = tracks["fault_filtered_split"].map(_SPLIT).dropna(), tracks["genre"]
    for name, number in _SPLIT.items():
        if missing := set(genres) - set(genres[split.index[split == number]]):
            raise ValueError(
                f"fault_filtered: the published {name} split has no track of "
                f"{', '.join(sorted(missing))} in this corpus; it needs all of GTZAN."
            )
    return split.astype(int).rename("partition")


def split_tracks(partition, rotation, train_partitions=1):
    """List the track ids of a rotation (from 0) by split: train, valid, test.

    With several training partitions, the ones before the rotation's own are added, wrapping
    around, so the validation and test partitions stay the same.
    """
    n = int(partition.max()) + 1
    if train_partitions > n - 2:
        raise ValueError(
            f"train_partitions={train_partitions}: of {n} partitions, one validates and one tests; "
            f"expected {n - 2} or fewer."
        )
    chosen = rotations(n)[rotation]
    train = [(chosen.train - k) % n for k in range(train_partitions)]
    parts = {"train": train, "valid": [chosen.valid], "test": [chosen.test]}
    return {split: partition.index[partition.isin(numbers)] for split, numbers in parts.items()}


def leakage(tracks, partition, train_partitions=1):
    """Count the test tracks of each rotation that have a repetition or their artist in training."""
    tracks = tracks.set_index("track_id")
    rows = []
    for rotation in range(partition.max() + 1):
        parts = split_tracks(partition, rotation, train_partitions)
        train, test = tracks.loc[parts["train"]], tracks.loc[parts["test"]]
        row = {"rotation": rotation + 1, "test": len(test)}
        for name, column in (("repeated", "repetition_group"), ("same_artist", "artist")):
            row[name] = int(test[column].isin(set(train[column].dropna())).sum())
        rows.append(row)
    return pd.DataFrame(rows)


def count_leaks(tracks, profile, tested=None, train_partitions=1):
    """Count under each protocol how many test tracks have a relative in training.

    `tracks` come from `genre_lib.faults.annotate`. `tested` maps protocols to the rotations (from
    0) that count; all do by default. Returns a table, indexed by protocol, and a list of reasons
    why the other protocols do not suit these tracks. The columns are ``tracks`` (that take part),
    ``test`` (test tracks), ``repeated`` and ``same_artist`` (test tracks with a repetition or with
    their artist in training).

    Examples
    --------
    >>> leaks, refused = count_leaks(workspace.annotated, workspace.profile)  # doctest: +SKIP
    """
    rows, refused = {}, []
    for protocol, chosen in (dict.fromkeys(PROTOCOLS) if tested is None else tested).items():
        try:
            partition = divide(tracks, protocol, profile.n_partitions, profile.partition_seed)
            counted = leakage(tracks, partition, train_partitions)
        except ValueError as error:
            refused.append(str(error))
            continue
        if chosen is None:
            chosen = [0] if protocol == "fault_filtered" else counted.index
        rows[protocol] = {"tracks": len(partition), **counted.loc[list(chosen)].sum()}
    columns = ["tracks", "test", "repeated", "same_artist"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return table.rename_axis("protocol"), refused


def split_segments(run, store):
    """List the segments of a run by split (train, valid, test); for its tracks, see `divide`."""
    profile, phase = run.profile, run.phase
    partition = divide(store.tracks, phase.protocol, profile.n_partitions, profile.partition_seed)
    window = {"window": profile.window, "max_segments": profile.max_segments}
    parts = split_tracks(partition, run.rotation, phase.train_partitions)
    return {split: store.segments(track_ids, **window) for split, track_ids in parts.items()}
