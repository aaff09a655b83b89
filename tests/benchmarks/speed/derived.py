"""What follows from measured figures: shares of the limit, margins, the time of a plan."""

import statistics

_RUNS = 30  # the plan of the original
_TRACKS = 1000


def figure_row(figure, what, values, unit, batch=None, note=None):
    """Return a row of the table, in the form that `run_benchmark` documents."""
    median = statistics.median(values) if values else None
    row = {"figure": figure, "what": what, "batch": batch, "value": median, "unit": unit}
    return row | {"repeats": list(values)} | ({"note": note} if note else {})


def derive(figures, limits, profile):
    """Derive further figures: what the rates of this project mean on this device."""
    name = limits["device"]
    # The limits are those of the precision that the device computes in by itself.
    ours = [
        row
        for row in figures
        if row["value"]
        and row["what"].startswith("this project")
        and not row["what"].endswith("bfloat16")
    ]
    return [
        figure_row("limit", f"{name}: products", [limits["product_rate"] / 1e12], "TFLOP/s"),
        figure_row("limit", f"{name}: copies", [limits["bandwidth"] / 1e9], "GB/s"),
        *_shares_of_the_floor(ours, limits, profile),
        *_margins_of_the_feeder(ours),
        *_epochs_of_the_plan(ours, profile),
    ]


def _shares_of_the_floor(ours, limits, profile):
    floors = {
        "training": limits["seconds_training"],
        "inference": profile.max_segments * limits["seconds_forward"],
    }
    for row in ours:
        if row["figure"] in floors:
            share = 100 * row["value"] * floors[row["figure"]]
            what = f"share of the floor in {row['figure']}, {_backend(row)}"
            yield figure_row("limit", what, [share], "%", row["batch"])


def _margins_of_the_feeder(ours):
    trained = {(r["what"], r["batch"]): r["value"] for r in ours if r["figure"] == "training"}
    for row in ours:
        consumed = trained.get((row["what"], row["batch"]))
        if row["figure"] == "feeder" and consumed:
            what = f"the feeder against the training, {_backend(row)}"
            yield figure_row("limit", what, [row["value"] / consumed], "x", row["batch"])


def _epochs_of_the_plan(ours, profile):
    """Estimate one epoch of every run, which trains on one partition and validates another."""
    predicted = {row["what"]: row["value"] for row in ours if row["figure"] == "inference"}
    tracks = _TRACKS / profile.n_partitions
    for row in ours:
        rate = predicted.get(row["what"])
        if row["figure"] == "training" and rate:
            seconds = tracks * profile.max_segments / row["value"] + tracks / rate
            what = f"one epoch of each of {_RUNS} runs, {_TRACKS} tracks, {_backend(row)}"
            yield figure_row("limit", what, [_RUNS * seconds / 60], "min", row["batch"])


def _backend(row):
    return row["what"].removeprefix("this project, ")
