"""What the benchmark found: as a table to read, as JSON to keep, and read again from there."""

import json

import pandas as pd

from genre_lib.files import ROOT

PUBLISHED = ROOT / "report" / "published" / "benchmarks"
"""Where what was measured is kept with the project."""

_NEEDED = {"speed": ("options", "figures"), "growth": ("growth",)}


def read_published(kind, folder=PUBLISHED):
    """Read what was measured and kept.

    Parameters
    ----------
    kind : {"speed", "growth"}
    folder : Path

    Returns
    -------
    list of dict
        As `save` wrote them, in the order of their names; empty where nothing was kept.

    Raises
    ------
    ValueError
        If a file is not what `save` writes; the message names it.
    """
    needed = {"device", "machine", *_NEEDED[kind]}
    found = []
    for path in sorted(folder.glob(f"{kind}-*.json")):
        try:
            result = json.loads(path.read_text())
        except ValueError as error:
            result, reason = {}, str(error)
        else:
            reason = "it lacks what the benchmark writes"
        if not needed <= set(result):
            raise ValueError(f"{path}: {reason}. Measure again, or remove the file.")
        found.append(result)
    return found


def tabulate_rates(result):
    """Set the rivals' rates side by side.

    Parameters
    ----------
    result : dict
        As from `run_benchmark`.

    Returns
    -------
    pandas.DataFrame
        One row a rival, in the order in which they were measured: ``implementation``; for each
        batch size ``training, batch 32`` (segments a second); ``inference`` (tracks a second).
        Missing where a rival could not compute it.
    """
    rows = {}
    for row in result["figures"]:
        if row["figure"] == "training":
            rows.setdefault(row["what"], {})[f"training, batch {row['batch']}"] = row["value"]
        elif row["figure"] == "inference":
            rows.setdefault(row["what"], {})["inference"] = row["value"]
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("implementation")
    return table.astype(float).reset_index()


def compare_rates(result):
    """Say how this project's rate of training compares with what one would use instead.

    Parameters
    ----------
    result : dict
        As from `run_benchmark`.

    Returns
    -------
    str
        One sentence for each batch size that this project could train with; of ratios of medians.
    """
    trained = [r for r in result["figures"] if r["figure"] == "training" and r["value"]]
    sentences = []
    for batch in dict.fromkeys(row["batch"] for row in trained):
        rates = {row["what"]: row["value"] for row in trained if row["batch"] == batch}
        ours = _fastest(rates, "this project")
        if ours is None:
            continue
        sentence = f"With batches of {batch}, {ours} trains {rates[ours]:.3g} segments a second"
        ratios = [
            f"{rates[ours] / rates[other]:.2f} times {other}"
            for other in (_fastest(rates, "plain Keras"), _fastest(rates, "PyTorch"))
            if other is not None
        ]
        sentences.append(sentence + (": " + ", and ".join(ratios) if ratios else "") + ".")
    return " ".join(sentences)


def _fastest(rates, name):
    return max((what for what in rates if what.startswith(name)), key=rates.get, default=None)
