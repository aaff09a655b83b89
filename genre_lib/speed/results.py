"""What the benchmark found: as a table to read, as JSON to keep, and read again from there."""

import json
from pathlib import Path

import pandas as pd
from tabulate import tabulate

PUBLISHED = Path(__file__).resolve().parents[2] / "report" / "published" / "benchmarks"
"""Where what was measured is kept with the project."""

_NEEDED = {"speed": ("options", "figures"), "growth": ("growth",)}


def show(result):
    """Return a table of what was measured, as text.

    Parameters
    ----------
    result : dict
        As from `run_benchmark` or `run_growth`.

    Returns
    -------
    str
        With the ratio of each figure to the first of its kind, which is this project's.
    """
    if "growth" in result:
        return tabulate(result["growth"], headers="keys", floatfmt=".4g")
    first, rows = {}, []
    for row in result["figures"]:
        value, values = row["value"], row["repeats"]
        if value is None:
            rows.append([row["figure"], row["what"], row["batch"], f"skipped: {row['note']}"])
            continue
        base = first.setdefault((row["figure"], row["batch"], row["unit"]), value)
        spread = f"{min(values):.4g} to {max(values):.4g}" if len(values) > 1 else ""
        ratio = f"{value / base:.2f}" if row["figure"] in ("training", "inference") else ""
        named = [row["figure"], row["what"], row["batch"]]
        rows.append([*named, f"{value:.4g}", row["unit"], spread, ratio])
    headers = ["figure", "what", "batch", "median", "unit", "range", "to the first"]
    return tabulate(rows, headers=headers, disable_numparse=True)


def save(result, path):
    """Write what was measured as JSON, and return where.

    Parameters
    ----------
    result : dict
    path : Path
        A file that ends in ``.json``; or a folder, which gets ``speed-<device>.json``, or
        ``growth-<device>.json``.

    Returns
    -------
    Path
    """
    if path.suffix != ".json":
        device = "-".join("".join(c if c.isalnum() else " " for c in result["device"]).split())
        kind = "growth" if "growth" in result else "speed"
        path = path / f"{kind}-{device.lower()}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    return path


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
            reason = "it lacks what `python -m genre_lib benchmark` writes"
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
