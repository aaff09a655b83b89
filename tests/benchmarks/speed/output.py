"""What the benchmark found: as a table to read, and as JSON to keep."""

import json

from tabulate import tabulate


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
