"""Figures of results, and of what explains them."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.ticker import MaxNLocator, PercentFormatter

from genre_lib.figures.style import WIDTH, styled


@styled
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


@styled
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


@styled
def accuracy_by_rotation(table, n_classes, title):
    """Draw the accuracy of each rotation, and of guessing.

    Parameters
    ----------
    table : pandas.DataFrame
        As from `genre_lib.results.scoring.by_rotation`.
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


@styled
def joined_segments(by_count, by_rule):
    """Draw the accuracy of tracks by the number of their segments, and by the rule that joins them.

    Parameters
    ----------
    by_count : dict of int to Accuracy
        By the number of segments a track, for one rule.
    by_rule : dict of str to Accuracy
        By the rule, for all segments.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(WIDTH, 2.8), sharey=True, width_ratios=(1.5, 1)
    )
    blue, orange = sns.color_palette()[:2]
    counts = list(by_count)
    lows, highs = [a.low for a in by_count.values()], [a.high for a in by_count.values()]
    left.fill_between(counts, lows, highs, color=blue, alpha=0.2, linewidth=0, label="95% interval")
    left.plot(counts, [a.value for a in by_count.values()], "o-", color=blue)
    left.set_xscale("log", base=2)
    left.set_xticks(counts, [str(count) for count in counts])
    left.minorticks_off()
    left.legend(loc="upper left" if max(highs) < 0.6 else "lower right")
    left.set(
        title="By the number of segments",
        xlabel="segments a track, evenly spread",
        ylabel="accuracy of tracks",
        ylim=(0, 1),
    )
    errors = [
        [a.value - a.low for a in by_rule.values()],
        [a.high - a.value for a in by_rule.values()],
    ]
    values = [a.value for a in by_rule.values()]
    right.errorbar(range(len(values)), values, yerr=errors, fmt="s", color=orange, capsize=3)
    right.set_xticks(range(len(values)), list(by_rule))
    right.set(title="By the rule, all segments", xlabel="rule", xlim=(-0.6, len(values) - 0.4))
    right.grid(visible=False, axis="x")
    right.yaxis.set_major_formatter(PercentFormatter(1))
    return figure


@styled
def reliability_diagrams(bins):
    """Draw accuracy against confidence, and below it how many examples that rests on.

    Parameters
    ----------
    bins : dict of str to pandas.DataFrame
        By what is predicted (``"segments"``, ``"tracks"``), as from
        `genre_lib.results.calibration.reliability`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = plt.subplots(
        2,
        len(bins),
        figsize=(WIDTH, 4.2),
        sharex=True,
        squeeze=False,
        height_ratios=(3, 1),
    )
    blue, orange = sns.color_palette()[:2]
    for (upper, lower), (of, table) in zip(axes.T, bins.items(), strict=True):
        upper.plot([0, 1], [0, 1], color="0.2", linestyle=":", label="calibrated")
        filled = table[table["examples"] > 0]
        upper.plot(filled["confidence"], filled["accuracy"], "o-", color=blue, label="network")
        upper.set(title=f"{of[0].upper()}{of[1:]}", xlim=(0, 1), ylim=(-0.02, 1.02))
        upper.yaxis.set_major_formatter(PercentFormatter(1))
        width = table["high"] - table["low"]
        lower.bar(table["low"], table["examples"], width, align="edge", color=orange, alpha=0.7)
        lower.set(xlabel="confidence", ylabel=of)
        lower.xaxis.set_major_formatter(PercentFormatter(1))
        lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes[0, 0].set_ylabel("share correct")
    axes[0, 0].legend(loc="best")
    return figure


@styled
def confusion_matrices(counts):
    """Draw which genres are taken for which, a matrix per phase, side by side.

    Parameters
    ----------
    counts : dict of str to pandas.DataFrame
        By the phase, as from `genre_lib.results.confusion`; two at most stay legible.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = confusion_matrices({"normal": confusion(scores, genres)})  # doctest: +SKIP
    """
    n_genres = len(next(iter(counts.values())))
    side = 1.6 + 0.42 * n_genres
    width = min(WIDTH, len(counts) * side + 0.8)
    height = min(width / len(counts) + 0.6, side)
    figure, axes = plt.subplots(1, len(counts), figsize=(width, height), sharey=True, squeeze=False)
    for axis, (phase, table) in zip(axes[0], counts.items(), strict=True):
        sns.heatmap(
            table.div(table.sum(axis=1).clip(lower=1), axis=0),
            annot=table,
            fmt="d",
            annot_kws={"fontsize": 7 if len(counts) > 1 else 9},
            cmap="Blues",
            vmin=0,
            vmax=1,
            square=True,
            linewidths=0.5,
            cbar=False,
            ax=axis,
        )
        title = f"{phase[0].upper()}{phase[1:]}: {table.to_numpy().sum()} tracks"
        axis.set(title=title, xlabel="predicted genre", ylabel="true genre")
        axis.tick_params("x", rotation=90)
        axis.tick_params("y", rotation=0)
    axes[0, -1].set_ylabel("" if len(counts) > 1 else "true genre")
    figure.colorbar(
        axes[0, 0].collections[0],
        ax=axes[0].tolist(),
        location="right",
        shrink=0.9,
        label="share of the genre's tracks",
    )
    return figure
