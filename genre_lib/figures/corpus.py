"""Figures of the audio."""

import librosa
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from genre_lib.figures.style import BLUE, ORANGE, WIDTH, styled, subplots
from genre_lib.waveform import FULL_SCALE, SAMPLE_RATE


@styled
def sliding_window(samples, starts, window) -> Figure:
    """Draw a track, and below it where its segments lie.

    Parameters
    ----------
    samples : numpy.ndarray of int16, shape (n_samples,)
    starts, window : numpy.ndarray and int, the first sample of each segment, and its length

    Examples
    --------
    >>> figure = sliding_window(samples, segment_starts(len(samples)), 110_250)  # doctest: +SKIP
    """
    layout = {"figsize": (WIDTH, 3.6), "height_ratios": (1, 1.4)}
    figure, (wave, bars) = subplots(2, sharex=True, **layout)
    draw_wave(wave, samples)
    wave.set(title=f"One track of {len(samples) / SAMPLE_RATE:.1f} s", ylabel="amplitude")
    count, seconds = len(starts), window / SAMPLE_RATE
    bars.barh(range(1, count + 1), seconds, left=starts / SAMPLE_RATE, height=0.7)
    bars.set(title=f"Its {count} segments of {seconds:.2f} s", ylim=(count + 0.7, 0.3))
    bars.set(xlabel="time / s", ylabel="segment")
    bars.yaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


@styled
def augmented_segments(heard) -> Figure:
    """Draw what the network hears of a track in several epochs.

    Parameters
    ----------
    heard : dict of str to numpy.ndarray, int16 samples by title, as from
        `genre_lib.network.hear_augmented`

    Examples
    --------
    >>> figure = augmented_segments(hear_augmented(store, track_id, augmentation))  # doctest: +SKIP
    """
    layout = {"figsize": (WIDTH, 0.4 + 1.1 * len(heard)), "sharex": True, "squeeze": False}
    figure, axes = subplots(len(heard), 1, **layout)
    for axis, (title, samples) in zip(axes[:, 0], heard.items(), strict=True):
        draw_wave(axis, samples)
        axis.set(title=title[:1].upper() + title[1:], ylabel="amplitude")
    axes[-1, 0].set(xlabel="time in the segment / s", xlim=(0, len(samples) / SAMPLE_RATE))
    return figure


@styled
def genre_gallery(examples) -> Figure:
    """Draw the waveform and the log-mel spectrogram of one track of each genre.

    Parameters
    ----------
    examples : dict of str to numpy.ndarray, int16 samples by genre

    Examples
    --------
    >>> figure = genre_gallery({"blues": workspace.samples("blues.00000")})  # doctest: +SKIP
    """
    rows = (len(examples) + 1) // 2
    layout = {"figsize": (WIDTH, 1 + 1.35 * rows), "height_ratios": (1, 2) * rows}
    figure, axes = subplots(2 * rows, 2, sharex="col", squeeze=False, **layout)
    places = axes.reshape(rows, 2, 2).swapaxes(1, 2).reshape(-1, 2)
    for (wave, spectrogram), (genre, samples) in zip(places, examples.items(), strict=False):
        draw_wave(wave, samples)
        wave.set(title=genre, yticks=[])
        image = draw_log_mel(spectrogram, samples)
    for unused in places[len(examples) :].flat:
        unused.set_visible(False)
    for axis in axes[-1]:
        axis.set_xlabel("time / s")
    figure.supylabel("mel frequency / kHz (waveforms: amplitude)", fontsize="medium")
    figure.colorbar(image, ax=axes, label="power / dB re maximum", shrink=0.5, pad=0.01)
    return figure


def draw_wave(axis, samples):
    """Draw the int16 samples of a track, full scale from -1 to 1, over seconds."""
    # The envelope of 2000 stretches is what a screen can show; half a million points are not.
    stretches = np.array_split(samples / FULL_SCALE, min(2000, len(samples)))
    time = np.linspace(0, len(samples) / SAMPLE_RATE, len(stretches))
    low, high = zip(*((s.min(), s.max()) for s in stretches), strict=True)
    axis.fill_between(time, low, high, color=BLUE, linewidth=0)
    axis.set_ylim(-1, 1)
    axis.grid(False)


def draw_log_mel(axis, samples, begin=0.0):
    """Draw a log-mel spectrogram from `begin` seconds on, and return the image."""
    wave = samples.astype(np.float32) / FULL_SCALE
    power = librosa.feature.melspectrogram(y=wave, sr=SAMPLE_RATE, n_mels=64, hop_length=1024)
    decibels = librosa.power_to_db(power, ref=np.max, top_db=80)
    extent = (begin, begin + len(samples) / SAMPLE_RATE, 0, 64)
    colours = {"cmap": "magma", "vmin": -80, "vmax": 0}
    image = axis.imshow(decibels, origin="lower", aspect="auto", extent=extent, **colours)
    mel = librosa.mel_frequencies(n_mels=64, fmax=SAMPLE_RATE / 2)
    kilohertz = (0.5, 2, 8)
    axis.set_yticks(np.interp(np.array(kilohertz) * 1000, mel, np.arange(64)), kilohertz)
    axis.grid(False)
    return image


@styled
def descriptors_by_genre(descriptors) -> Figure:
    """Compare loudness and spectral centroid between the genres.

    Parameters
    ----------
    descriptors : pandas.DataFrame from `genre_lib.corpus.describe_tracks`

    Examples
    --------
    >>> figure = descriptors_by_genre(describe_tracks(tracks))  # doctest: +SKIP
    """
    figure, axes = subplots(1, 2, figsize=(WIDTH, 3.4), sharey=True)
    columns = {"level": "level / dB re full scale", "centroid": "spectral centroid / Hz"}
    titles = ("Loudness", "Brightness")
    for axis, title, (column, label) in zip(axes, titles, columns.items(), strict=True):
        where = {"data": descriptors, "x": column, "y": "genre", "ax": axis}
        sns.boxplot(**where, color=BLUE, fill=False, fliersize=0, linewidth=1)
        sns.stripplot(**where, color=ORANGE, size=2.5, alpha=0.7, jitter=0.2)
        axis.set(title=title, xlabel=label, ylabel="")
    return figure
