"""Figures of the audio. Each function returns a figure and shows nothing."""

import math

import librosa
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.ticker import MaxNLocator

from genre_lib.figures.style import WIDTH, styled
from genre_lib.waveform import FULL_SCALE, SAMPLE_RATE


@styled
def sliding_window(samples, starts, window):
    """Draw a track, and below it where its segments lie.

    Parameters
    ----------
    samples : numpy.ndarray
        int16, shape (n_samples,).
    starts : numpy.ndarray
        First sample of each segment.
    window : int
        Samples in a segment.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (wave, bars) = plt.subplots(
        2, 1, figsize=(WIDTH, 3.6), sharex=True, height_ratios=(1, 1.4)
    )
    draw_wave(wave, samples)
    wave.set(title=f"One track of {len(samples) / SAMPLE_RATE:.1f} s", ylabel="amplitude")
    bars.barh(
        range(1, len(starts) + 1),
        np.full(len(starts), window / SAMPLE_RATE),
        left=starts / SAMPLE_RATE,
        height=0.7,
        color=sns.color_palette()[0],
    )
    bars.invert_yaxis()
    bars.yaxis.set_major_locator(MaxNLocator(integer=True))
    bars.set(
        title=f"Its {len(starts)} segments of {window / SAMPLE_RATE:.2f} s",
        xlabel="time / s",
        ylabel="segment",
    )
    return figure


@styled
def genre_gallery(examples):
    """Draw the waveform and the log-mel spectrogram of one track of each genre.

    Parameters
    ----------
    examples : dict of str to numpy.ndarray
        int16 samples by genre.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = math.ceil(len(examples) / 2)
    figure, axes = plt.subplots(
        2 * rows,
        2,
        figsize=(WIDTH, 1.45 * rows),
        sharex="col",
        squeeze=False,
        height_ratios=(1, 2) * rows,
    )
    image = None
    for place, (genre, samples) in enumerate(examples.items()):
        wave, spectrogram = axes[2 * (place // 2) : 2 * (place // 2) + 2, place % 2]
        draw_wave(wave, samples)
        wave.set(title=genre, yticks=[])
        image = draw_log_mel(spectrogram, samples)
    for unused in axes[-2:, 1] if len(examples) % 2 else []:
        unused.set_visible(False)
    for axis in axes[-1]:
        axis.set_xlabel("time / s")
    figure.supylabel("mel frequency / kHz (waveforms: amplitude)", fontsize="medium")
    figure.colorbar(image, ax=axes, label="power / dB re the loudest", shrink=0.5, pad=0.01)
    return figure


def draw_wave(axis, samples):
    """Draw the int16 samples of a track, full scale from -1 to 1, over seconds."""
    # The envelope of 2000 stretches is what a screen can show; half a million points are not.
    stretches = np.array_split(samples / FULL_SCALE, min(2000, len(samples)))
    time = np.linspace(0, len(samples) / SAMPLE_RATE, len(stretches))
    axis.fill_between(
        time,
        [s.min() for s in stretches],
        [s.max() for s in stretches],
        color=sns.color_palette()[0],
        linewidth=0,
    )
    axis.set_ylim(-1, 1)
    axis.grid(False)


def draw_log_mel(axis, samples, begin=0.0):
    """Draw a log-mel spectrogram from `begin` seconds on, and return the image."""
    power = librosa.feature.melspectrogram(
        y=samples.astype(np.float32) / FULL_SCALE, sr=SAMPLE_RATE, n_mels=64, hop_length=1024
    )
    decibels = librosa.power_to_db(power, ref=np.max, top_db=80)
    image = axis.imshow(
        decibels,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=-80,
        vmax=0,
        extent=(begin, begin + len(samples) / SAMPLE_RATE, 0, 64),
    )
    mel = librosa.mel_frequencies(n_mels=64, fmax=SAMPLE_RATE / 2)
    kilohertz = (0.5, 2, 8)
    axis.set_yticks(np.interp(np.array(kilohertz) * 1000, mel, np.arange(64)), kilohertz)
    axis.grid(False)
    return image


@styled
def descriptors_by_genre(descriptors):
    """Compare loudness and spectral centroid between the genres.

    Parameters
    ----------
    descriptors : pandas.DataFrame
        As from `genre_lib.corpus.descriptors.describe_tracks`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.4), sharey=True)
    columns = {"level": "level / dB re full scale", "centroid": "spectral centroid / Hz"}
    titles = ("Loudness", "Brightness")
    for axis, title, (column, label) in zip(axes, titles, columns.items(), strict=True):
        sns.boxplot(
            descriptors,
            x=column,
            y="genre",
            ax=axis,
            color=sns.color_palette()[0],
            fill=False,
            fliersize=0,
            linewidth=1,
        )
        sns.stripplot(
            descriptors,
            x=column,
            y="genre",
            ax=axis,
            color=sns.color_palette()[1],
            size=2.5,
            alpha=0.7,
            jitter=0.2,
        )
        axis.set(title=title, xlabel=label, ylabel="")
    return figure
