"""Whether a probability means what it says: confidence against the share that is right."""

import numpy as np
import pandas as pd

from genre_lib.results.scoring import aggregate
from genre_lib.results.statistics import Difference, bootstrap_mean


def confidences(results, of="tracks", split="test"):
    """Collect how sure some runs are of what they predict, and whether they are right.

    Parameters
    ----------
    results : list of RunResult
        Kept runs.
    of : str
        ``"tracks"`` (by the mean of the probabilities of their segments) or ``"segments"``.
    split : str
        ``"test"`` or ``"valid"``.

    Returns
    -------
    pandas.DataFrame
        One row an example, run below run: ``track_id``, ``confidence`` (the probability of the
        predicted genre) and ``correct`` (0 or 1).
    """
    tables = []
    for result in results:
        examples, probabilities = result.predictions(split)
        if of == "tracks":
            probabilities = aggregate(probabilities, examples["track_id"]).to_numpy()
            examples = examples.drop_duplicates("track_id")
        right = probabilities.argmax(axis=1) == examples["label"].to_numpy()
        columns = {
            "track_id": examples["track_id"].to_numpy(),
            "confidence": probabilities.max(axis=1).astype(np.float64),
            "correct": right.astype(int),
        }
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True)


def reliability(examples, n_bins=10):
    """Sort examples into bins of equal width by their confidence.

    The table behind a reliability diagram (Guo et al. 2017, section 2): bin m of M holds the
    confidences above (m - 1) / M and up to m / M.

    Parameters
    ----------
    examples : pandas.DataFrame
        As from `confidences`.
    n_bins : int
        Bins from 0 to 1.

    Returns
    -------
    pandas.DataFrame
        One row a bin, the lowest first: ``low``, ``high`` (its ends), ``examples`` (how many),
        ``confidence`` (their mean) and ``accuracy`` (the share that is right); the last two are
        missing where a bin is empty.
    """
    edges = np.linspace(0, 1, n_bins + 1)
    # The mean of probabilities in float32 may exceed one by a rounding error.
    place = np.digitize(examples["confidence"].clip(upper=1), edges, right=True) - 1
    groups = examples.groupby(place.clip(min=0))
    table = pd.DataFrame(
        {
            "examples": groups.size(),
            "confidence": groups["confidence"].mean(),
            "accuracy": groups["correct"].mean(),
        }
    ).reindex(range(n_bins))
    table["examples"] = table["examples"].fillna(0).astype(int)
    table.insert(0, "low", edges[:-1])
    table.insert(1, "high", edges[1:])
    return table


def calibration_error(bins):
    """Give the expected calibration error.

    The mean distance of accuracy and confidence over the bins, each with the weight of its
    examples (Guo et al. 2017, equation 3). It is never negative, and chance alone lifts it above
    zero where the bins hold few examples.

    Parameters
    ----------
    bins : pandas.DataFrame
        As from `reliability`.

    Returns
    -------
    float
        A share of one.
    """
    distance = (bins["accuracy"] - bins["confidence"]).abs()
    return float((distance * bins["examples"]).sum() / bins["examples"].sum())


def overconfidence(examples):
    """Give by how much the mean confidence is above the share that is right.

    Parameters
    ----------
    examples : pandas.DataFrame
        As from `confidences`.

    Returns
    -------
    Difference
        Negative where confidence is too low; the interval is of the bootstrap over tracks.
    """
    excess = examples["confidence"] - examples["correct"]
    return Difference(*bootstrap_mean(excess, 1, examples["track_id"]))
