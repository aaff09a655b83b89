"""Figures of results, and of what explains them."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator, PercentFormatter

from genre_lib.figures.style import BLUE, ORANGE, WIDTH, styled, subplots

_BESIDE = {"bbox_to_anchor": (1.01, 1), "loc": "upper left"}  # a legend on the right


@styled
def learning_curves(histories, title) -> Figure:
    """Draw loss and accuracy over the epochs, a thin line per run.

    Parameters
    ----------
    histories : list of pandas.DataFrame, the ``history`` of each `genre_lib.experiment.RunResult`
    title : str, what the runs have in common

    Examples
    --------
    >>> figure = learning_curves([run.history for run in runs], "Normal")  # doctest: +SKIP
    """
    figure, axes = subplots(1, 2, figsize=(WIDTH, 2.8))
    lines = {"training": ("", "-", BLUE), "validation": ("val_", "--", ORANGE)}
    for axis, measure in zip(axes, ("loss", "accuracy"), strict=True):
        for name, (prefix, style, color) in lines.items():
            for number, history in enumerate(histories):
                look = {"linewidth": 1.2, "marker": "o" if len(history) == 1 else None}
                look |= {"alpha": 0.8, "label": name if number == 0 else None}
                axis.plot(history["epoch"], history[prefix + measure], style, color=color, **look)
        axis.set(title=f"{title}: {measure}", xlabel="epoch", xlim=(0, None))
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].set(ylabel="loss", ylim=(0, _robust_top(histories)))
    axes[1].set(ylabel="accuracy of segments", ylim=(0, 1.02))
    axes[1].yaxis.set_major_formatter(PercentFormatter(1))
    axes[1].legend(loc="best")
    return figure


def _robust_top(histories):
    # A single exploding validation loss, common in first epochs, would flatten everything else.
    values = pd.concat([h[["loss", "val_loss"]] for h in histories]).to_numpy().ravel()
    values = values[np.isfinite(values)]
    return 1.1 * min(values.max(), 3 * np.median(values)) if values.size else 1.0


@styled
def accuracies(compared, original=None, chance=None) -> Figure:
    """Draw accuracies with their intervals, tracks and segments side by side.

    Parameters
    ----------
    compared : pandas.DataFrame from `genre_lib.results.compare`, a row per phase
        With a column ``group``, rows of a group stand together under its name.
    original : dict of str to tuple of float, optional
        By phase, what the original reports for segments and for tracks, as fractions.
    chance : float, the accuracy of guessing, optional

    Examples
    --------
    >>> figure = accuracies(compare(named_runs))  # doctest: +SKIP
    """
    figure, axis = subplots(figsize=(WIDTH, 1.1 + 0.3 * len(compared)))
    styles = {"segments": ("o", -0.12, BLUE), "tracks": ("s", 0.12, ORANGE)}
    for which, (of, (marker, shift, color)) in enumerate(styles.items()):
        found = compared[of].map(lambda accuracy: accuracy or (np.nan,) * 3)
        values = pd.DataFrame(list(found), columns=["value", "low", "high"])
        places = values.index + shift
        look = {"fmt": marker, "color": color, "capsize": 3, "label": of}
        axis.errorbar(values["value"], places, xerr=_errors(values), **look)
        if original:
            quoted = [original.get(name, (np.nan, np.nan))[which] for name in compared.index]
            look = {"fillstyle": "none", "markersize": 8, "label": f"{of}, original (quoted)"}
            axis.plot(quoted, places, marker, color=color, **look)
    if chance is not None:
        axis.axvline(chance, color="0.2", linestyle=":", label="guessing")
    if "group" in compared:
        places = pd.Series(range(len(compared))).groupby(compared["group"].to_numpy(), sort=False)
        for group, place in places:
            look = {"size": "small", "style": "italic", "color": "0.35", "va": "center"}
            look["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
            axis.text(0.008, place.min() - 0.24, group, **look)  # above the grid line
            axis.axhline(place.max() + 0.5, color="0.6", linewidth=0.8)
    axis.set_yticks(range(len(compared)), compared.index)
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    axis.set(title="Accuracy, with 95% intervals", xlim=(0, 1), ylim=(len(compared) - 0.5, -0.5))
    legend = sorted(zip(*axis.get_legend_handles_labels(), strict=True), key=lambda pair: pair[1])
    figure.legend(*zip(*legend[::-1], strict=True), loc="outside lower center", ncols=3)
    return figure


def _errors(rows):
    return [rows["value"] - rows["low"], rows["high"] - rows["value"]]


@styled
def accuracy_by_rotation(table, n_classes, title) -> Figure:
    """Draw the accuracy of each rotation, and of guessing.

    Parameters
    ----------
    table : pandas.DataFrame from `genre_lib.results.by_rotation`
    n_classes, title : int and str, the number of genres and the phase

    Examples
    --------
    >>> figure = accuracy_by_rotation(by_rotation(scores), 10, "Normal")  # doctest: +SKIP
    """
    figure, axis = subplots(figsize=(WIDTH, 2.6))
    long = table.reset_index().melt("rotation", var_name="accuracy of", value_name="accuracy")
    long["rotation"] += 1
    sns.barplot(long, x="rotation", y="accuracy", hue="accuracy of", ax=axis, saturation=1)
    axis.axhline(1 / n_classes, color="0.2", linestyle=":", label="guessing")
    axis.yaxis.set_major_formatter(PercentFormatter(1))
    axis.set(title=f"{title}: accuracy on the test partition", ylim=(0, 1))
    axis.legend(**_BESIDE)
    return figure


@styled
def accuracy_by_data(table, n_classes) -> Figure:
    """Draw the accuracy of tracks against the tracks that trained, a panel per protocol.

    Parameters
    ----------
    table : pandas.DataFrame from `genre_lib.results.by_training_size`
    n_classes : int, the number of genres

    Examples
    --------
    >>> figure = accuracy_by_data(by_training_size(profile, runs, leaks), 10)  # doctest: +SKIP
    """
    protocols, names = table["protocol"].unique(), table["classifier"].unique()
    layout = {"figsize": (WIDTH, 2.8), "sharey": True, "squeeze": False}
    figure, axes = subplots(1, len(protocols), **layout)
    for axis, protocol in zip(axes[0], protocols, strict=True):
        for number, name in enumerate(names):
            rows = table[(table["protocol"] == protocol) & (table["classifier"] == name)]
            values = pd.DataFrame(list(rows["tracks"]), columns=["value", "low", "high"])
            look = {"fmt": "os^Dv"[number % 5] + "-", "capsize": 3, "label": name}
            axis.errorbar(rows["training tracks"], values["value"], _errors(values), **look)
        axis.axhline(1 / n_classes, color="0.2", linestyle=":", label="guessing")
        axis.set(title=protocol[0].upper() + protocol[1:], xlabel="training tracks", ylim=(0, 1))
        axis.set_xlim(0, None)
        axis.yaxis.set_major_formatter(PercentFormatter(1))
    axes[0, 0].set_ylabel("accuracy of tracks")
    axes[0, 0].legend(loc="lower right")
    return figure


@styled
def joined_segments(by_count, by_rule) -> Figure:
    """Draw the accuracy of tracks by the number of their segments, and by the rule that joins them.

    Parameters
    ----------
    by_count : dict of int to Accuracy, by the number of segments per track, for one rule
    by_rule : dict of str to Accuracy, by the rule, for all segments

    Examples
    --------
    >>> figure = joined_segments(by_count, {"mean": accuracy(scores)})  # doctest: +SKIP
    """
    layout = {"figsize": (WIDTH, 2.8), "width_ratios": (1.5, 1)}
    figure, (left, right) = subplots(1, 2, sharey=True, **layout)
    rows = pd.DataFrame(by_count, ["value", "low", "high"]).T
    band = {"color": BLUE, "alpha": 0.2, "linewidth": 0, "label": "95% interval"}
    left.fill_between(rows.index, rows["low"], rows["high"], **band)
    left.plot(rows["value"], "o-", color=BLUE)
    left.set_xscale("log", base=2)
    left.set_xticks(rows.index, [str(count) for count in rows.index])
    left.minorticks_off()
    left.legend(loc="upper left" if rows["high"].max() < 0.6 else "lower right")
    left.set(title="By number of segments", xlabel="segments per track, evenly spread")
    left.set(ylabel="accuracy of tracks", ylim=(0, 1))
    rows = pd.DataFrame(by_rule, ["value", "low", "high"]).T
    right.errorbar(rows.index, rows["value"], _errors(rows), fmt="s", color=ORANGE, capsize=3)
    right.set(title="By rule, all segments", xlabel="rule", xlim=(-0.6, len(rows) - 0.4))
    right.grid(visible=False, axis="x")
    right.yaxis.set_major_formatter(PercentFormatter(1))
    return figure


@styled
def genres_over_time(table, window, title) -> Figure:
    """Draw how probable the genres are over a song, a row per genre; darker is more probable.

    At any moment, it is the mean over the segments that contain it.

    Parameters
    ----------
    table : pandas.DataFrame from `genre_lib.classify`, a row per segment and a column per genre
    window : float, length of a segment in seconds; the next begins a quarter of it later
    title : str

    Examples
    --------
    >>> figure = genres_over_time(song.table, song.window, "A song")  # doctest: +SKIP
    """
    # A moment is in four segments, except near the ends.
    moments = table.reset_index(drop=True).reindex(range(len(table) + 3))
    shown = moments.rolling(4, min_periods=1).mean()
    duration, names = len(shown) * window / 4, table.columns
    # More columns than a screen has would not be averaged when they are drawn, but left out.
    shown = shown.groupby(shown.index * min(len(shown), 1000) // len(shown)).mean()
    figure, axis = subplots(figsize=(WIDTH, 1 + 0.32 * len(names)))
    look = {"cmap": "Blues", "vmin": 0, "vmax": 1, "aspect": "auto", "interpolation": "nearest"}
    image = axis.imshow(shown.T, extent=(0, duration, len(names) - 0.5, -0.5), **look)
    figure.colorbar(image, ax=axis, label="probability", pad=0.01, format=PercentFormatter(1))
    labels = [f"{name}  {share:.0%}" for name, share in table.mean().items()]
    axis.set_yticks(range(len(names)), labels)
    axis.hlines(np.arange(1, len(names)) - 0.5, 0, duration, color="0.8", linewidth=0.8)
    ticks = (seconds for seconds in (1, 5, 10, 30, 60, 300) if duration <= 12 * seconds)
    axis.xaxis.set_major_locator(MultipleLocator(next(ticks, 600)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda s, _: f"{s // 60:.0f}:{s % 60:02.0f}"))
    axis.set(title=title, xlabel="time / min:s")
    axis.grid(False)
    return figure


@styled
def reliability_diagrams(bins) -> Figure:
    """Draw accuracy against confidence, and below it how many examples that rests on.

    Parameters
    ----------
    bins : dict of str to pandas.DataFrame from `genre_lib.results.reliability`
        By what is predicted: ``"segments"`` or ``"tracks"``.

    Examples
    --------
    >>> figure = reliability_diagrams({"tracks": reliability(examples)})  # doctest: +SKIP
    """
    layout = {"figsize": (WIDTH, 4.2), "height_ratios": (3, 1)}
    figure, axes = subplots(2, len(bins), sharex=True, squeeze=False, **layout)
    for (upper, lower), (of, table) in zip(axes.T, bins.items(), strict=True):
        upper.plot([0, 1], [0, 1], color="0.2", linestyle=":", label="calibrated")
        filled = table[table["examples"] > 0]
        upper.plot(filled["confidence"], filled["accuracy"], "o-", color=BLUE, label="network")
        upper.set(title=f"{of[0].upper()}{of[1:]}", xlim=(0, 1), ylim=(-0.02, 1.02))
        upper.yaxis.set_major_formatter(PercentFormatter(1))
        look = {"align": "edge", "color": ORANGE, "alpha": 0.7}
        lower.bar(table["low"], table["examples"], table["high"] - table["low"], **look)
        lower.set(xlabel="confidence", ylabel=of)
        lower.xaxis.set_major_formatter(PercentFormatter(1))
        lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes[0, 0].set_ylabel("share correct")
    axes[0, 0].legend(loc="best")
    return figure


@styled
def confusion_matrices(counts) -> Figure:
    """Draw which genres are taken for which, one matrix per phase; more than two are not legible.

    Parameters
    ----------
    counts : dict of str to pandas.DataFrame from `genre_lib.results.confusion`, by phase

    Examples
    --------
    >>> figure = confusion_matrices({"normal": confusion(scores, genres)})  # doctest: +SKIP
    """
    side = max(3.4, 1.6 + 0.42 * len(next(iter(counts.values()))))
    width = min(WIDTH, len(counts) * side + 0.8)
    size = (width, min(width / len(counts) + 0.2, side))
    figure, axes = subplots(1, len(counts), figsize=size, sharey=True, squeeze=False)
    for axis, (phase, table) in zip(axes[0], counts.items(), strict=True):
        shares = table.div(table.sum(axis=1).clip(lower=1), axis=0)
        numbers = {"annot": table, "fmt": "d", "annot_kws": {"size": 9 if len(counts) == 1 else 7}}
        look = {"cmap": "Blues", "vmin": 0, "vmax": 1, "square": True, "linewidths": 0.5}
        sns.heatmap(shares, cbar=False, ax=axis, **numbers, **look)
        title = f"{phase[0].upper()}{phase[1:]}: {table.to_numpy().sum()} tracks"
        axis.set(title=title, xlabel="predicted genre", ylabel="")
        axis.tick_params("x", rotation=90)
        axis.tick_params("y", rotation=0)
    axes[0, 0].set_ylabel("true genre")
    beside = axes[0, -1].inset_axes([1.04, 0, 0.05, 1])  # as high as the matrix
    label = "share of the genre's tracks"
    figure.colorbar(axes[0, 0].collections[0], cax=beside, label=label)
    return figure
