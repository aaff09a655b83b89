"""Figures of a corpus' faults."""

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from genre_lib.figures.corpus import draw_log_mel, draw_wave
from genre_lib.figures.style import WIDTH, styled, subplots
from genre_lib.waveform import SAMPLE_RATE


@styled
def repetition_map(tracks, pairs) -> Figure:
    """Draw every track as a dot in the row of its genre, and an arc from each to its repetition.

    Parameters
    ----------
    tracks : pandas.DataFrame with ``track_id`` and ``genre``, in the order in which they are drawn
    pairs : pandas.DataFrame with ``track_id``, ``other_track_id`` and ``kind``, for the legend

    Examples
    --------
    >>> figure = repetition_map(tracks, same.assign(kind="same recording"))  # doctest: +SKIP
    """
    genres = list(dict.fromkeys(tracks["genre"]))
    x = dict(zip(tracks["track_id"], tracks.groupby("genre").cumcount(), strict=True))
    y = dict(zip(tracks["track_id"], tracks["genre"].map(genres.index), strict=True))
    figure, axis = subplots(figsize=(WIDTH, 0.9 + 0.42 * len(genres)))
    axis.scatter(list(x.values()), list(y.values()), s=7, color="0.65")
    widest = max(x.values()) or 1
    for (kind, found), color in zip(
        pairs.groupby("kind", sort=False), sns.color_palette(), strict=False
    ):
        label = kind
        for ends in zip(found["track_id"], found["other_track_id"], strict=True):
            (left, right), (top, bottom) = ([place[end] for end in ends] for place in (x, y))
            height = 0.35 + 0.4 * abs(left - right) / widest if top == bottom else 0
            # The y axis points down: an arc rises above the row by becoming smaller.
            rise = -height * np.sin(np.linspace(0, np.pi, 60))
            across, down = np.linspace(left, right, 60), np.linspace(top, bottom, 60) + rise
            axis.plot(across, down, "o-", color=color, markevery=[0, -1], markersize=4, label=label)
            label = None  # one in the legend
    axis.set_yticks(range(len(genres)), genres)
    axis.set(title="Tracks of the same recording", xlabel="position of the track in its genre")
    axis.set_ylim(len(genres) - 0.5, -1)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(False)
    if len(pairs):
        axis.legend(bbox_to_anchor=(1.01, 1), loc="upper left")
    return figure


@styled
def aligned_pair(first, second, offset_s, names) -> Figure:
    """Draw the log-mel spectrograms of two tracks on one clock.

    Parameters
    ----------
    first, second : numpy.ndarray of int16, shape (n_samples,)
    offset_s : float, where the second begins on the clock of the first, in seconds
    names : tuple of str, the titles

    Examples
    --------
    >>> figure = aligned_pair(first, second, 2.5, ("jazz.00001", "jazz.00002"))  # doctest: +SKIP
    """
    figure, axes = subplots(2, figsize=(WIDTH, 3.4), sharex=True)
    for axis, samples, begin, name in zip(axes, (first, second), (0, offset_s), names, strict=True):
        image = draw_log_mel(axis, samples, begin)
        axis.set(title=name, ylabel="frequency / kHz")
    end = max(len(first) / SAMPLE_RATE, offset_s + len(second) / SAMPLE_RATE)
    axes[1].set(xlim=(min(0, offset_s), end), xlabel="time relative to the first / s")
    figure.colorbar(image, ax=axes, label="power / dB re maximum", pad=0.01)
    return figure


@styled
def waveform_and_spectrogram(samples, title) -> Figure:
    """Draw one track as a waveform and as a log-mel spectrogram.

    Parameters
    ----------
    samples : numpy.ndarray of int16, shape (n_samples,)
    title : str

    Examples
    --------
    >>> figure = waveform_and_spectrogram(samples, "reggae.00086")  # doctest: +SKIP
    """
    layout = {"figsize": (WIDTH, 3.0), "height_ratios": (1, 1.6)}
    figure, (wave, spectrogram) = subplots(2, sharex=True, **layout)
    draw_wave(wave, samples)
    wave.set(title=title, ylabel="amplitude")
    image = draw_log_mel(spectrogram, samples)
    spectrogram.set(xlabel="time / s", ylabel="frequency / kHz")
    figure.colorbar(image, ax=spectrogram, label="power / dB re\nmaximum", pad=0.01)
    return figure
