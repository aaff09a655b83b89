"""Read what is published about the faults of GTZAN, and compare a detector's findings with it.

The excerpts come from Tzanetakis and Cook, *Musical genre classification of audio signals* (IEEE
Trans. Speech Audio Process. 2002). Sources: Sturm, *An Analysis of the GTZAN Music Genre Dataset*
(ACM MIRUM 2012; its index as corrected up to October 2014), and *The GTZAN dataset: its contents,
its faults, their effects on evaluation, and its future use* (arXiv:1306.1461, 2013); Kereliuk,
Sturm and Larsen, *Deep Learning and Music Adversaries* (IEEE Trans. Multimedia 2015).
"""

from importlib import resources

import numpy as np
import pandas as pd

from genre_lib.corpus.tracks import usable


def read_catalogue():
    """Read what is published about GTZAN's 1000 excerpts, one row each.

    ``track_id`` and ``genre`` are from Tzanetakis and Cook, ``artist`` (if identified) and
    ``distorted`` from Sturm 2012, ``exact_repetition_group`` from Sturm 2013, ``md5_wav`` from the
    index of mirdata 0.3.6, ``fault_filtered_split`` from Kereliuk, Sturm and Larsen. Two columns
    are derived: ``bit_identical`` (another excerpt has the same MD5) and ``same_work_group`` (equal
    artist and title, a listed repetition, or equal MD5).
    """
    with resources.files("genre_lib.faults").joinpath("gtzan_catalogue.csv").open("rb") as file:
        return pd.read_csv(file).astype({"bit_identical": bool, "distorted": bool})


def with_catalogue(corpus):
    """Join the published facts to a corpus by track id; they are missing or False elsewhere."""
    facts = read_catalogue().drop(columns="genre")
    joined = corpus.merge(facts, on="track_id", how="left").set_axis(corpus.index)
    for column in facts.select_dtypes(bool):
        joined[column] = joined[column].eq(True)
    return joined


def compare_with_catalogue(corpus, pairs, column="same_work_group", without=None):
    """List the pairs that a detector found beside the published ones.

    `column` is ``"same_work_group"`` or ``"exact_repetition_group"``; pairs in the table `without`
    are left out. One row per pair named by either: ``track_id``, ``other_track_id``,
    ``group`` (missing if not published), ``score`` (0.0 if the detector does not list the pair)
    and ``found_by``: ``"both"``, ``"detector"`` or ``"catalogue"``.

    Examples
    --------
    >>> compare_with_catalogue(corpus, find_same_recordings(corpus))  # doctest: +SKIP
    """
    ends = ["track_id", "other_track_id"]
    known = with_catalogue(usable(corpus)[["track_id"]]).reset_index(names="row")
    known = known[["row", "track_id", column]].dropna().rename(columns={column: "group"})
    known = known.merge(known.add_prefix("other_"), left_on="group", right_on="other_group")
    known = known[known["row"] < known["other_row"]]
    table = known[[*ends, "group"]].merge(pairs[[*ends, "score", "verdict"]], on=ends, how="outer")
    published, detected = table["group"].notna(), table.pop("verdict").eq(True)
    table["score"] = table["score"].fillna(0.0)
    both = published & detected
    table["found_by"] = np.select([both, published], ["both", "catalogue"], "detector")
    named = table[published | detected]
    if without is not None:
        listed = pd.MultiIndex.from_frame(without[ends])
        named = named[~pd.MultiIndex.from_frame(named[ends]).isin(listed)]
    return named.sort_values(["found_by", "group", *ends], ignore_index=True)


def compare_with_planted(truth, recordings, distortions):
    """Count how many of the faults planted in the demo corpus the detectors found.

    Parameters
    ----------
    truth : pandas.DataFrame of the planted faults, as `make_demo_corpus` returns it
    recordings, distortions : pandas.DataFrame from `find_same_recordings` and `find_distortions`

    Returns
    -------
    pandas.DataFrame with ``fault``, ``planted``, ``found`` and ``found but not planted``

    Examples
    --------
    >>> compare_with_planted(workspace.planted, *workspace.faults)  # doctest: +SKIP
    """
    ends = ["track_id", "other_track_id"]
    repeats = truth[truth["fault"].isin(["exact_repetition", "same_recording"])]
    kinds = {
        "repetitions": (repeats[ends], recordings.loc[recordings["verdict"], ends]),
        "distorted tracks": (
            truth.loc[truth["fault"] == "distorted", ends[:1]],
            distortions.loc[distortions["verdict"], ends[:1]],
        ),
    }
    rows = []
    for kind, tables in kinds.items():
        planted, found = (set(map(frozenset, table.to_numpy())) for table in tables)
        rows.append((kind, len(planted), len(planted & found), len(found - planted)))
    return pd.DataFrame(rows, columns=["fault", "planted", "found", "found but not planted"])
