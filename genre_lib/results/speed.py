"""The published measurements of the benchmark, as tables and sentences.

Notebooks write ``speed.read_published("speed")``. Results are written by
``python -m tests.benchmarks.speed``.
"""

import json

import pandas as pd

from genre_lib.display import escape_markdown
from genre_lib.files import ROOT

PUBLISHED = ROOT / "report" / "published" / "benchmarks"
"""Where measurements are kept with the project."""

_NEEDED = {"speed": {"options", "figures"}, "growth": {"growth"}}


def read_published(kind, folder=PUBLISHED):
    """Read the kept measurements of a kind, ``"speed"`` or ``"growth"``, as a list of dicts."""
    found = []
    for path in sorted(folder.glob(f"{kind}-*.json")):
        try:
            result, reason = json.loads(path.read_text()), "it lacks what the benchmark writes"
        except ValueError as error:
            result, reason = {}, str(error)
        if not {"device", "machine"} | _NEEDED[kind] <= set(result):
            raise ValueError(f"{path}: {reason}. Measure again, or remove the file.")
        found.append(result)
    return found


def tabulate_rates(result):
    """Set the rates of all implementations side by side, one row each.

    The columns are ``implementation``, ``training, batch 32`` (segments per second) for each batch
    size, and ``inference`` (tracks per second); a rate that could not be measured is missing.
    """
    rows = {}
    for row in result["figures"]:
        columns = {"training": f"training, batch {row['batch']}", "inference": "inference"}
        if column := columns.get(row["figure"]):
            rows.setdefault(row["what"], {})[column] = row["value"]
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("implementation")
    return table.astype(float).reset_index()


def compare_rates(result):
    """Say how fast this project trains, and how many times as fast as each alternative.

    Where this project was measured in bfloat16 as well, it is compared in each precision.
    """
    trained = [r for r in result["figures"] if r["figure"] == "training" and r["value"]]
    sentences = []
    for batch in dict.fromkeys(row["batch"] for row in trained):
        rates = {row["what"]: row["value"] for row in trained if row["batch"] == batch}
        half = {what: rate for what, rate in rates.items() if "bfloat16" in what}
        if _fastest(half, "this project"):
            single = {what: rate for what, rate in rates.items() if what not in half}
            sentences += [_compare(single, batch), _compare(half, batch)]
        else:
            sentences.append(_compare(rates, batch))
    return " ".join(filter(None, sentences))


def _compare(rates, batch):
    if (ours := _fastest(rates, "this project")) is None:
        return ""
    rate = f"{rates[ours]:.3g}" if rates[ours] < 100 else f"{rates[ours]:,.0f}"
    ratios = [
        f"{rates[ours] / rates[other]:.2f} times {other}"
        for other in (_fastest(rates, "plain Keras"), _fastest(rates, "PyTorch"))
        if other is not None
    ]
    sentence = f"With batches of {batch}, {ours} trains {rate} segments per second"
    return sentence + (": " + ", and ".join(ratios) if ratios else "") + "."


def _fastest(rates, name):
    return max((what for what in rates if what.startswith(name)), key=rates.get, default=None)


def describe_device(measured):
    """Name the device of a measurement and its machine, ready for a caption."""
    machine = measured["machine"]
    return escape_markdown(f"{measured['device']} ({machine['processor']}, {machine['memory']})")


def tabulate_limits(measured):
    """List what is measured besides the rates: the device's limits, the store, an update."""
    rates = ("training", "inference", "feeder")
    rows = [row for row in measured["figures"] if row["figure"] not in rates]
    return pd.DataFrame(rows)[["figure", "what", "batch", "value", "unit"]]


def read_detectors(folder=PUBLISHED):
    """Read how well the detectors did when they were measured, as a dict of str to DataFrame."""
    measured = json.loads((folder / "detectors.json").read_text())
    return {name: pd.DataFrame(rows) for name, rows in measured.items() if isinstance(rows, list)}
