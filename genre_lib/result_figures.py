"""Figures of what explains a result. Each function returns a figure and shows nothing."""

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.ticker import MaxNLocator, PercentFormatter

from genre_lib.figures import WIDTH


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


def reliability_diagrams(bins):
    """Draw accuracy against confidence, and below it how many examples that rests on.

    Parameters
    ----------
    bins : dict of str to pandas.DataFrame
        By what is predicted (``"segments"``, ``"tracks"``), as from
        `genre_lib.calibration.reliability`.

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


def confusion_matrices(counts):
    """Draw the confusion matrices of some phases side by side.

    Parameters
    ----------
    counts : dict of str to pandas.DataFrame
        By the phase, as from `genre_lib.evaluation.confusion`; two at most stay legible.

    Returns
    -------
    matplotlib.figure.Figure
    """
    n_genres = len(next(iter(counts.values())))
    height = min(WIDTH / len(counts) + 0.6, 1.6 + 0.42 * n_genres)
    figure, axes = plt.subplots(1, len(counts), figsize=(WIDTH, height), sharey=True, squeeze=False)
    for axis, (phase, table) in zip(axes[0], counts.items(), strict=True):
        sns.heatmap(
            table.div(table.sum(axis=1).clip(lower=1), axis=0),
            annot=table,
            fmt="d",
            annot_kws={"fontsize": 7},
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
    axes[0, -1].set_ylabel("")
    figure.colorbar(
        axes[0, 0].collections[0],
        ax=axes[0].tolist(),
        location="right",
        shrink=0.9,
        label="share of the genre's tracks",
    )
    return figure
