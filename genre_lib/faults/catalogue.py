"""What is published about the faults of GTZAN, and how a detector's findings compare with it.

The sources are Bob L. Sturm, *An Analysis of the GTZAN Music Genre Dataset* (ACM MIRUM 2012; "Sturm
2012" below) and *The GTZAN dataset: its contents, its faults, their effects on evaluation, and its
future use* (arXiv:1306.1461, 2013; "Sturm 2013").
"""

from importlib import resources

import numpy as np
import pandas as pd

from genre_lib.corpus.tracks import usable

PUBLISHED_COUNTS = {
    "conspicuously mislabeled": 43,
    "contentiously mislabeled": 63,
    "from the same recording": 72,
    "exact repetitions among these": 50,
    "distorted": 1,
}
"""Excerpts of GTZAN's 1000, as Sturm (2012) counts them; he names 10.6%, 7.2% and 5%."""


def read_catalogue():
    """Read what is published about each of GTZAN's 1000 excerpts.

    Returns
    -------
    pandas.DataFrame
        One row per excerpt, with the columns

        - ``track_id`` (``"blues.00000"``) and ``genre``: Tzanetakis and Cook, *Musical genre
          classification of audio signals* (IEEE Trans. Speech Audio Process. 2002),
        - ``artist``, missing if nobody has identified the excerpt: Sturm 2012, its
          machine-readable index with corrections up to October 2014,
        - ``md5_wav``: of the original .wav file, from the index of the mirdata package 0.3.6,
        - ``same_work_group``: equal artist and title in Sturm's index, or listed as an exact
          repetition, or equal MD5; missing if alone,
        - ``exact_repetition_group``: the same excerpt of the same recording, Sturm 2013; missing
          if alone,
        - ``bit_identical``: another excerpt has the same MD5; bool,
        - ``distorted``: reggae.00086, whose last 25 s are digital noise, Sturm 2012; bool,
        - ``fault_filtered_split``: ``"train"``, ``"valid"``, ``"test"`` or ``"excluded"``, after
          Kereliuk, Sturm and Larsen, *Deep Learning and Music Adversaries* (IEEE Trans. Multimedia
          2015).

    Examples
    --------
    >>> read_catalogue()["fault_filtered_split"].value_counts()["train"]
    443
    """
    with resources.files("genre_lib.faults").joinpath("gtzan_catalogue.csv").open("rb") as file:
        return pd.read_csv(file).astype({"bit_identical": bool, "distorted": bool})


def with_catalogue(corpus):
    """Join the published facts to a corpus by track id: missing, or False, for other tracks.

    Only ids are compared. The demo corpus has ids like GTZAN's and other music: do not join it.
    """
    facts = read_catalogue().drop(columns="genre")
    joined = corpus.merge(facts, on="track_id", how="left")
    joined.index = corpus.index
    for column in facts.select_dtypes(bool):
        joined[column] = joined[column].eq(True)
    return joined


def compare_with_catalogue(corpus, pairs, column="same_work_group"):
    """Put the pairs that a detector found beside those that are published.

    Parameters
    ----------
    corpus : pandas.DataFrame
        With GTZAN's track ids.
    pairs : pandas.DataFrame
        As from `find_exact_repetitions` or `find_same_recordings`.
    column : str
        ``"same_work_group"`` or ``"exact_repetition_group"`` of `catalogue`.

    Returns
    -------
    pandas.DataFrame
        One row a pair that either names: ``track_id``, ``other_track_id``, ``group`` (published,
        missing where it is not), ``score`` (0.0 where the detector does not list the pair) and
        ``found_by``: ``"both"``, ``"detector"`` or ``"catalogue"``.
    """
    ends = ["track_id", "other_track_id"]
    known = with_catalogue(usable(corpus)[["track_id"]]).reset_index(names="row")
    known = known[["row", "track_id", column]].dropna().rename(columns={column: "group"})
    known = known.merge(known.add_prefix("other_"), left_on="group", right_on="other_group")
    known = known[known["row"] < known["other_row"]]
    listed = pairs[[*ends, "score", "verdict"]]
    table = known[[*ends, "group"]].merge(listed, on=ends, how="outer", indicator="found_by")
    detected = table.pop("verdict").eq(True)
    table["score"] = table["score"].fillna(0.0)
    published = table["group"].notna()
    table["found_by"] = np.select(
        [published & detected, published, detected], ["both", "catalogue", "detector"], ""
    )
    table = table[table["found_by"] != ""]
    return table.sort_values(["found_by", "group", *ends], ignore_index=True)
