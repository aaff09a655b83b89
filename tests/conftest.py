"""What the tests share: small corpora made of noise and tones, and the real excerpts if at hand."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from genre_lib.audio import SAMPLE_RATE

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def gtzan_mini():
    """The folder of 100 real excerpts, ten a genre."""
    folder = SHARED / "gtzan_mini"
    if not folder.is_dir():
        pytest.skip("the real excerpts are not on this machine")
    return folder


def write_tone(path, seconds=3.0, frequency=440.0, rate=SAMPLE_RATE, channels=1, **options):
    """Write a tone in soft noise, seeded by its frequency, and return its float samples."""
    time = np.arange(int(seconds * rate)) / rate
    noise = np.random.default_rng(int(frequency)).normal(scale=0.01, size=len(time))
    samples = 0.5 * np.sin(2 * np.pi * frequency * time) + noise
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.repeat(samples[:, np.newaxis], channels, axis=1), rate, **options)
    return samples


@pytest.fixture(scope="session")
def tone_corpus(tmp_path_factory):
    """Two genres of seven 3 s tracks: low tones and high tones."""
    folder = tmp_path_factory.mktemp("tones")
    for genre, base in {"high": 2000, "low": 200}.items():
        for number in range(7):
            write_tone(folder / genre / f"{genre}.{number:05d}.wav", frequency=base + 10 * number)
    return folder
