"""Put what the detectors and the catalogue say about each track into one table."""

import pandas as pd
from joblib import Memory

from genre_lib.corpus.tracks import usable
from genre_lib.faults.catalogue import read_catalogue, with_catalogue
from genre_lib.faults.distortions import find_distortions
from genre_lib.faults.repetitions import find_same_recordings, repetition_groups


def find_faults(corpus, cache, progress=True):
    """Find repeated recordings and distortions: two tables, kept in the folder `cache`."""
    memory = Memory(cache, verbose=0)
    corpus = usable(corpus)[["track_id", "genre", "label", "path", "status", "sha256"]]
    return tuple(
        memory.cache(find, ignore=["progress"])(corpus, progress=progress)
        for find in (find_same_recordings, find_distortions)
    )


def is_gtzan(tracks):
    """Say whether all track ids are GTZAN's, so that the catalogue can be joined to them."""
    return bool(tracks["track_id"].isin(read_catalogue()["track_id"]).all())


def annotate(tracks, repetitions, distortions, published):
    """Add to a table of tracks what the protocols need to know about each.

    New columns: ``repetition_group`` (missing if the track repeats no other), ``distorted`` (bool),
    ``fault_filtered_split``, ``artist`` and ``title`` (missing if unknown). `published` adds
    the faults in GTZAN's catalogue, and artists that the corpus does not name itself. The demo
    corpus must not use it: it has GTZAN's ids, but other music.
    """
    pairs = repetitions[["track_id", "other_track_id", "verdict"]]
    table = tracks.assign(fault_filtered_split=pd.NA, distorted=False)
    for column in ("artist", "title"):
        table[column] = table[column].replace("", pd.NA) if column in table else pd.NA
    if published:
        known = with_catalogue(tracks[["track_id"]])
        first = known.groupby("exact_repetition_group")["track_id"].transform("first")
        repeating = {"track_id": first, "other_track_id": known["track_id"], "verdict": True}
        pairs = pd.concat([pairs, pd.DataFrame(repeating).dropna()])
        columns = ["fault_filtered_split", "distorted"]
        table[columns] = known[columns]
        table["artist"] = table["artist"].fillna(known["artist"])
    present = pairs[["track_id", "other_track_id"]].isin(set(tracks["track_id"])).all(axis=1)
    table["repetition_group"] = repetition_groups(table, pairs[present])
    table["distorted"] |= tracks["track_id"].isin(distortions.query("verdict")["track_id"])
    return table


def name_music(annotated):
    """Return the ``"artist: title"`` of each track, as far as known: a Series by track id."""
    names = annotated.set_index("track_id")[["artist", "title"]].fillna("")
    return names["artist"].str.cat(names["title"], ": ").str.strip(": ")


def count_artists(annotated):
    """Count the artists of each genre.

    Parameters
    ----------
    annotated : pandas.DataFrame from `annotate`, with at least one known artist

    Returns
    -------
    pandas.DataFrame with ``genre``, ``tracks``, ``identified``, ``artists``, ``most frequent`` and
        ``tracks of that one``, the last two missing in a genre without a known artist

    Examples
    --------
    >>> count_artists(workspace.annotated)  # doctest: +SKIP
    """
    artists = annotated.groupby("genre")["artist"]
    table = artists.agg(tracks="size", identified="count", artists="nunique")
    # `mode` sorts: of equally frequent artists, it names the first in the alphabet.
    table["most frequent"] = artists.agg(lambda names: next(iter(names.mode()), pd.NA))
    table["tracks of that one"] = artists.agg(lambda names: names.value_counts().max())
    return table.reset_index()
