"""What the benchmark found: as a table to read, and as JSON to keep."""

import json

from tabulate import tabulate


def show(result):
    """Return what was measured as a table, with ratios to this project's rates."""
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
    """Write what was measured to a ``.json`` file, or to one in a folder, and return where.

    In a folder it is ``speed-<device>.json`` or ``growth-<device>.json``.
    """
    path = path.expanduser()
    if path.suffix != ".json":
        device = "-".join("".join(c if c.isalnum() else " " for c in result["device"]).split())
        kind = "growth" if "growth" in result else "speed"
        path = path / f"{kind}-{device.lower()}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    return path
