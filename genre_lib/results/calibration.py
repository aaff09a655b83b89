"""Whether probabilities can be trusted: confidence compared with the share that is correct."""

import numpy as np
import pandas as pd

from genre_lib.results.scoring import aggregate
from genre_lib.results.statistics import Difference, bootstrap_mean

_BINS = 10


def confidences(results, of="tracks"):
    """List how sure runs are of their test predictions, and whether they are right.

    Parameters
    ----------
    results : list of RunResult
    of : {"tracks", "segments"}; a track has the mean of the probabilities of its segments

    Returns
    -------
    pandas.DataFrame
        One row per track or segment and run: ``track_id``, ``confidence`` (the probability of the
        predicted genre) and ``correct`` (0 or 1).
    """
    tables = []
    for result in results:
        examples, probabilities = result.predictions()
        if of == "tracks":
            probabilities = aggregate(probabilities, examples["track_id"]).to_numpy()
            examples = examples.drop_duplicates("track_id", ignore_index=True)
        table = examples[["track_id"]].assign(
            confidence=probabilities.max(axis=1).astype(np.float64),
            correct=(probabilities.argmax(axis=1) == examples["label"]).astype(int),
        )
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def reliability(examples):
    """Sort examples, as `confidences` lists them, by confidence into ten bins of equal width.

    The table behind a reliability diagram (Guo et al. 2017, section 2): bin m holds the
    confidences above (m - 1) / 10 and up to m / 10.

    Returns
    -------
    pandas.DataFrame
        One row per bin, the lowest first: ``low`` and ``high`` (its ends), ``examples`` (how many),
        ``confidence`` (their mean) and ``accuracy``; the last two are missing in an empty bin.
    """
    edges = np.linspace(0, 1, _BINS + 1)
    # The mean of probabilities in float32 may exceed one by a rounding error.
    place = np.digitize(examples["confidence"].clip(upper=1), edges, right=True) - 1
    groups = examples.groupby(place.clip(min=0))
    table = groups.agg(confidence=("confidence", "mean"), accuracy=("correct", "mean"))
    table.insert(0, "examples", groups.size())
    table = table.reindex(range(_BINS)).fillna({"examples": 0}).astype({"examples": int})
    return pd.DataFrame({"low": edges[:-1], "high": edges[1:]}).join(table)


def calibration_error(bins):
    """Compute the expected calibration error of a `reliability` table, a share of one."""
    # Guo et al. 2017, equation 3. If bins hold few examples, chance alone lifts it above zero.
    distance = (bins["accuracy"] - bins["confidence"]).abs()
    return float((distance * bins["examples"]).sum() / bins["examples"].sum())


def overconfidence(examples):
    """Compute the mean confidence less the share that is correct, as a `Difference`."""
    excess = examples["confidence"] - examples["correct"]
    return Difference(*bootstrap_mean(excess, 1, examples["track_id"]))


def summarize_calibration(examples):
    """Compare confidence with accuracy, for each kind of example in a dict.

    Returns
    -------
    pandas.DataFrame
        ``of`` (the kind), ``examples`` (how many), ``confidence``, ``accuracy``, ``confidence less
        accuracy / points`` (with its interval) and ``ECE``.

    Examples
    --------
    >>> summarize_calibration({"tracks": confidences(runs, "tracks")})  # doctest: +SKIP
    """
    rows = [
        {
            "of": of,
            "examples": len(table),
            "confidence": table["confidence"].mean(),
            "accuracy": table["correct"].mean(),
            "confidence less accuracy / points": str(overconfidence(table)),
            "ECE": calibration_error(reliability(table)),
        }
        for of, table in examples.items()
    ]
    return pd.DataFrame(rows)
