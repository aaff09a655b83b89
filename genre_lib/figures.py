"""Figures of the network and its results. Each function returns a figure and shows nothing."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.ticker import MaxNLocator, PercentFormatter

WIDTH = 7.2
"""Width of a figure in inches; that of the text of a page."""

sns.set_theme(
    context="paper",
    style="whitegrid",
    palette="colorblind",
    font_scale=1.05,
    rc={
        "axes.titleweight": "bold",
        "axes.titlesize": 10,
        "figure.constrained_layout.use": True,
        # A genre or a track may be called "$x$": names are no formulas, and no figure has one.
        "text.parse_math": False,
    },
)


def residual_block():
    """Draw the residual block of the network.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 2.0))
    axis.set(xlim=(0, 16.4), ylim=(-0.4, 3.3))
    axis.axis("off")
    names = ["Conv1D\nk 3", "Batch\nNorm", "Leaky\nReLU", "Conv1D\nk 3", "Batch\nNorm"]
    blue, orange = sns.color_palette()[0], sns.color_palette()[1]
    centres = [2.6 + 2.1 * place for place in range(5)]
    for centre, name in zip(centres, names, strict=True):
        _box(axis, centre, 2.4, name, blue)
    _box(
        axis,
        centres[2],
        0.5,
        "identity, or, where the filters change,\nConv1D k 1 and Batch Norm",
        orange,
        8.2,
    )
    _box(axis, 12.9, 2.4, "+", blue, 0.8)
    _box(axis, 14.7, 2.4, "Leaky\nReLU", blue)
    stops = [0.4, *centres, 12.9, 14.7, 16.3]
    halves = [0.0, *[0.8] * 5, 0.4, 0.8, 0.0]
    for k in range(len(stops) - 1):
        _arrow(axis, (stops[k] + halves[k], 2.4), (stops[k + 1] - halves[k + 1], 2.4))
    axis.text(0.4, 2.75, "input")
    axis.text(15.6, 2.75, "output")
    axis.plot([1.2, 1.2], [2.4, 0.5], color="0.2", linewidth=1)
    _arrow(axis, (1.2, 0.5), (centres[2] - 4.1, 0.5))
    axis.plot([centres[2] + 4.1, 12.9], [0.5, 0.5], color="0.2", linewidth=1)
    _arrow(axis, (12.9, 0.5), (12.9, 1.9))
    axis.set_title("A residual block: Res1D")
    return figure


def _box(axis, x, y, text, color, width=1.6):
    axis.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - 0.5),
            width,
            1.0,
            boxstyle="round,pad=0,rounding_size=0.12",
            facecolor=(*color, 0.15),
            edgecolor=color,
        )
    )
    axis.text(x, y, text, ha="center", va="center", fontsize="small")


def _arrow(axis, begin, end):
    axis.add_patch(FancyArrowPatch(begin, end, arrowstyle="-|>", mutation_scale=9, color="0.2"))


def learning_curves(histories, title):
    """Draw loss and accuracy over the epochs, a thin line a run.

    Parameters
    ----------
    histories : list of pandas.DataFrame
        As in `RunResult.history`.
    title : str
        What the runs have in common.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 2.8))
    lines = {"training": ("", "-"), "validation": ("val_", "--")}
    for axis, measure in zip(axes, ("loss", "accuracy"), strict=True):
        for color, (name, (prefix, style)) in zip(sns.color_palette(), lines.items(), strict=False):
            for number, history in enumerate(histories):
                axis.plot(
                    history["epoch"],
                    history[prefix + measure],
                    style,
                    color=color,
                    marker="o" if len(history) == 1 else None,
                    linewidth=1.2,
                    alpha=0.8,
                    label=name if number == 0 else None,
                )
        axis.set(title=f"{title}: {measure}", xlabel="epoch", ylabel=measure)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].set_ylim(bottom=0, top=_robust_top(histories))
    axes[1].yaxis.set_major_formatter(PercentFormatter(1))
    axes[1].set_ylim(0, 1.02)
    axes[1].set_ylabel("accuracy of segments")
    axes[1].legend(loc="best")
    return figure


def _robust_top(histories):
    # A single exploding validation loss, common in first epochs, would flatten everything else.
    values = pd.concat([h[["loss", "val_loss"]] for h in histories]).to_numpy().ravel()
    values = values[np.isfinite(values)]
    return 1.1 * min(values.max(), 3 * np.median(values)) if values.size else 1.0


def accuracies(table):
    """Draw accuracies with their intervals, tracks and segments side by side.

    Parameters
    ----------
    table : pandas.DataFrame
        ``phase``, ``of`` (``"segments"`` or ``"tracks"``), ``value``, ``low``, ``high`` and
        optionally ``original`` (quoted, may be missing), all shares of one.

    Returns
    -------
    matplotlib.figure.Figure
    """
    names = list(dict.fromkeys(table["phase"]))
    figure, axis = plt.subplots(figsize=(WIDTH, 1.0 + 0.5 * len(names)))
    styles = {"segments": ("o", -0.12), "tracks": ("s", 0.12)}
    for color, (of, (marker, shift)) in zip(sns.color_palette(), styles.items(), strict=False):
        rows = table[table["of"] == of]
        places = [names.index(phase) + shift for phase in rows["phase"]]
        errors = [rows["value"] - rows["low"], rows["high"] - rows["value"]]
        axis.errorbar(
            rows["value"], places, xerr=errors, fmt=marker, color=color, capsize=3, label=of
        )
        if "original" in rows:
            axis.plot(
                rows["original"].astype(float),
                places,
                marker,
                color=color,
                fillstyle="none",
                markersize=8,
                label=f"{of}, original (quoted)",
            )
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    axis.set(title="Accuracy, with 95% intervals", xlabel="accuracy", xlim=(0, 1))
    axis.legend(bbox_to_anchor=(1.01, 1), loc="upper left")
    return figure


def accuracy_by_rotation(table, n_classes, title):
    """Draw the accuracy of each rotation, and of guessing.

    Parameters
    ----------
    table : pandas.DataFrame
        As from `genre_lib.evaluation.by_rotation`.
    n_classes : int
        Number of genres.
    title : str
        The phase.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 2.6))
    long = table.reset_index().melt("rotation", var_name="accuracy of", value_name="accuracy")
    long["rotation"] += 1
    sns.barplot(long, x="rotation", y="accuracy", hue="accuracy of", ax=axis)
    axis.axhline(1 / n_classes, color="0.2", linestyle=":", label="guessing")
    axis.yaxis.set_major_formatter(PercentFormatter(1))
    axis.set(title=f"{title}: accuracy on the test partition", ylim=(0, 1))
    axis.legend(bbox_to_anchor=(1.01, 1), loc="upper left")
    return figure


def confusion_matrix(counts, title):
    """Draw which genres are taken for which.

    Parameters
    ----------
    counts : pandas.DataFrame
        As from `genre_lib.evaluation.confusion`.
    title : str
        The phase.

    Returns
    -------
    matplotlib.figure.Figure
    """
    share = counts.div(counts.sum(axis=1).clip(lower=1), axis=0)
    side = 1.9 + 0.42 * len(counts)
    figure, axis = plt.subplots(figsize=(min(WIDTH, side + 0.8), side))
    sns.heatmap(
        share,
        annot=counts,
        fmt="d",
        cmap="Blues",
        vmin=0,
        vmax=1,
        square=True,
        linewidths=0.5,
        ax=axis,
        cbar_kws={"label": "share of the genre's tracks", "shrink": 0.8},
    )
    axis.set(title=f"{title}: tracks", xlabel="predicted genre", ylabel="true genre")
    axis.tick_params("x", rotation=45)
    axis.tick_params("y", rotation=0)
    return figure
