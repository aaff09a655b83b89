"""Small corpora made of tones, and a profile that trains on them in seconds."""

import dataclasses

import numpy as np
import soundfile

from genre_lib.experiment import SMOKE
from genre_lib.waveform import SAMPLE_RATE

TINY = dataclasses.replace(
    SMOKE,
    name="tiny",
    n_partitions=3,
    rotations=3,
    batch_size=4,
    accumulated_batch_size=8,
    micro_batch_size=3,
)
"""The shortest window, one epoch, three partitions."""

SMALL_DEMO = {"tracks_per_genre": 6, "seconds": 8.0, "progress": False}
"""The smallest demo corpus that has all faults."""


def write_tone(path, seconds=3.0, frequency=440.0, rate=SAMPLE_RATE, channels=1, **options):
    """Write a tone in soft noise, seeded by its frequency, and return its float samples."""
    time = np.arange(int(seconds * rate)) / rate
    noise = np.random.default_rng(int(frequency)).normal(scale=0.01, size=len(time))
    samples = 0.5 * np.sin(2 * np.pi * frequency * time) + noise
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.repeat(samples[:, np.newaxis], channels, axis=1), rate, **options)
    return samples


def write_tones(folder, tracks_per_genre=7, seconds=3.0):
    """Write two genres, high and low tones, into a folder, and return it."""
    for genre, base in {"high": 2000, "low": 200}.items():
        for number in range(tracks_per_genre):
            path = folder / genre / f"{genre}.{number:05d}.wav"
            write_tone(path, seconds, base + 10 * number)
    return folder
