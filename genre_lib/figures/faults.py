"""Figures of a corpus' faults. Each function returns a figure and shows nothing."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from genre_lib.figures.corpus import draw_log_mel, draw_wave
from genre_lib.figures.style import WIDTH, styled
from genre_lib.waveform import SAMPLE_RATE


@styled
def repetition_map(tracks, pairs):
    """Draw every track as a dot in the row of its genre, and an arc from each to its repetition.

    Parameters
    ----------
    tracks : pandas.DataFrame
        ``track_id``, ``genre``, in the order in which they are drawn.
    pairs : pandas.DataFrame
        ``track_id``, ``other_track_id``, ``kind`` (what the legend calls the arc).

    Returns
    -------
    matplotlib.figure.Figure
    """
    genres = list(dict.fromkeys(tracks["genre"]))
    x = dict(zip(tracks["track_id"], tracks.groupby("genre").cumcount(), strict=True))
    y = dict(zip(tracks["track_id"], tracks["genre"].map(genres.index), strict=True))
    figure, axis = plt.subplots(figsize=(WIDTH, 0.9 + 0.42 * len(genres)))
    axis.scatter(list(x.values()), list(y.values()), s=7, color="0.65", zorder=1)
    widest = max(x.values()) or 1
    kinds = dict(zip(dict.fromkeys(pairs["kind"]), sns.color_palette(), strict=False))
    for pair in pairs.itertuples():
        first, second = pair.track_id, pair.other_track_id
        across = np.linspace(x[first], x[second], 60)
        height = 0.35 + 0.4 * abs(x[first] - x[second]) / widest if y[first] == y[second] else 0
        # The y axis points down: an arc rises above the row by becoming smaller.
        rise = -height * np.sin(np.linspace(0, np.pi, 60))
        down = np.linspace(y[first], y[second], 60) + rise
        axis.plot(across, down, color=kinds[pair.kind], linewidth=1.2, zorder=2)
        ends = [x[first], x[second]], [y[first], y[second]]
        axis.scatter(*ends, s=14, color=kinds[pair.kind], zorder=3)
    axis.set_yticks(range(len(genres)), genres)
    axis.set_ylim(len(genres) - 0.5, -1)
    axis.set(title="Tracks that repeat others", xlabel="track of the genre, in order")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(False)
    handles = [Line2D([], [], color=color, marker="o", label=kind) for kind, color in kinds.items()]
    if handles:
        axis.legend(handles=handles, bbox_to_anchor=(1.01, 1), loc="upper left")
    return figure


@styled
def aligned_pair(first, second, offset_s, names):
    """Draw the log-mel spectrograms of two tracks on one clock.

    Parameters
    ----------
    first, second : numpy.ndarray
        int16 samples, shape (n_samples,).
    offset_s : float
        Where the second begins on the clock of the first, in seconds.
    names : tuple of str
        Titles.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = plt.subplots(2, 1, figsize=(WIDTH, 3.4), sharex=True)
    for axis, samples, begin, name in zip(axes, (first, second), (0, offset_s), names, strict=True):
        image = draw_log_mel(axis, samples, begin)
        axis.set(title=name, ylabel="frequency / kHz")
    ends = [begin + len(x) / SAMPLE_RATE for x, begin in ((first, 0), (second, offset_s))]
    axes[0].set_xlim(min(0, offset_s), max(ends))
    axes[1].set_xlabel("time on the clock of the first / s")
    figure.colorbar(image, ax=axes, label="power / dB re the loudest", pad=0.01)
    return figure


@styled
def waveform_and_spectrogram(samples, title):
    """Draw one track as a waveform and as a log-mel spectrogram.

    Parameters
    ----------
    samples : numpy.ndarray
        int16, shape (n_samples,).
    title : str
        What it is.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (wave, spectrogram) = plt.subplots(
        2, 1, figsize=(WIDTH, 3.0), sharex=True, height_ratios=(1, 1.6)
    )
    draw_wave(wave, samples)
    wave.set(title=title, ylabel="amplitude")
    image = draw_log_mel(spectrogram, samples)
    spectrogram.set(xlabel="time / s", ylabel="frequency / kHz")
    figure.colorbar(image, ax=spectrogram, label="power / dB re the loudest", pad=0.01)
    return figure
