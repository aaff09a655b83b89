"""What the original reports, quoted, and what this report's runs say of its three statements."""

import pandas as pd

from genre_lib.results.statistics import points

WIDE = 0.1
"""The gap between training and validation accuracy above which this report calls it overfitting."""

ACCURACIES = {
    "normal": (0.5252, 0.5535),
    "L2": (0.3588, 0.3832),
    "accumulation": (0.3731, 0.3792),
}
"""What the original reports for segments and tracks on all of GTZAN; quoted, without intervals."""

_CHOICES = {
    "window": ("samples in a segment", "110 250"),
    "width": ("factor on the number of filters", "1"),
    "n_partitions": ("partitions", "6"),
    "batch_size": ("segments in an update (normal, L2)", "32"),
    "accumulated_batch_size": ("segments in an update (accumulation)", "80"),
    "micro_batch_size": ("segments in a micro-batch", "10"),
    "epochs": ("maximum number of epochs", "100"),
    "patience": ("patience in epochs", "5"),
    "learning_rate": ("learning rate of Adam", "not given"),
    "bn_momentum": ("momentum of batch normalisation", "not given"),
}


def describe_profile(profile):
    """List the choices of a profile beside what the original reports, quoted."""
    rows = [(what, f"{getattr(profile, n):g}", quoted) for n, (what, quoted) in _CHOICES.items()]
    return pd.DataFrame(rows, columns=["choice", "this report", "original (quoted)"])


def quote(name):
    """Return what the original reports for segments and tracks of a phase, by label, or None."""
    return ACCURACIES.get("L2" if name.startswith("L2") else name)


def with_original(compared):
    """Add the original's accuracies, quoted, to a table as from `compare`."""
    quoted = map(quote, compared.index)
    texts = [pair and ", ".join(f"{share:.2%}" for share in pair) for pair in quoted]
    return compared.assign(original=texts)


def judge_statements(gaps, compared):
    """Compare the original's statements with these runs: ``statement``, ``here``, ``verdict``."""
    here, verdict = "no run", "not tested"
    if "normal" in gaps:
        gap = gaps["normal"]["gap, last"].mean()
        here, verdict = (
            f"gap at the end {points(gap)} points",
            "supported" if gap > WIDE else "not supported",
        )
    rows = [("Plain training overfits.", here, verdict)]
    for way, start in (("An L2 penalty", "L2"), ("Gradient accumulation", "accumulation")):
        names = [name for name in compared.index if name.startswith(start)]
        rows.append((f"{way} does not help.", *_judge(compared.loc[names[:1]])))
    return pd.DataFrame(rows, columns=["statement", "here", "verdict"])


def _judge(compared):
    """Say of a phase, a table of one row or none, how it differs from normal, and the verdict."""
    compared = compared.dropna(subset="difference")
    for name, row in compared.iterrows():
        verdict = {
            -1: "supported: significantly worse",
            0: "open: no difference detected",
            1: "refuted: significantly better",
        }[row["outcome"]]
        p = f"p = {row['p']:.2g}" if row["p"] >= 1e-4 else "p < 0.0001"
        weight = f"{name.removeprefix('L2, ')}: " if name.startswith("L2") else ""
        return f"{weight}{row['difference']} points, {p}", verdict
    return "no run to compare", "not tested"
