"""Faults made from clean excerpts, for the benchmark of the detectors."""

import numpy as np
import soundfile
from scipy import signal

from genre_lib.waveform import FULL_SCALE, SAMPLE_RATE


def _filtered(frequency, kind="low", order=8):
    return signal.butter(order, frequency, kind, fs=SAMPLE_RATE, output="sos")


def _noisy(samples, decibels, rng):
    level = np.sqrt(np.mean(samples**2)) * 10 ** (-decibels / 20)
    return samples + rng.normal(scale=level, size=len(samples))


def _cut(samples, seconds):
    """The beginning and the end of an excerpt, with so many seconds in both."""
    common = round(seconds * SAMPLE_RATE)
    begin = (len(samples) - common) // 2
    return samples[: begin + common], samples[begin:]


def _shifted_and(change, seconds=5):
    def make(samples, rng):
        first, second = _cut(samples, seconds)
        return first, change(second, rng)

    return make


def _copied_and(change):
    return lambda samples, rng: (samples, change(samples, rng))


# Name: two tracks of one recording, made of float samples; and the container of the second.
REPETITIONS = {
    "shift, 5 s in common": (_shifted_and(lambda x, rng: x), ".flac"),
    "shift, 15 s in common": (_shifted_and(lambda x, rng: x, seconds=15), ".flac"),
    "gain -12 dB": (_copied_and(lambda x, rng: x / 4), ".flac"),
    "gain +6 dB, clipped": (_copied_and(lambda x, rng: x * 2), ".flac"),
    "MP3, 64 kbit/s": (_copied_and(lambda x, rng: x), ".mp3"),
    "Ogg Vorbis, 57 kbit/s": (_copied_and(lambda x, rng: x), ".ogg"),
    "noise at 30 dB": (_copied_and(lambda x, rng: _noisy(x, 30, rng)), ".flac"),
    "low-pass 4 kHz": (_copied_and(lambda x, rng: signal.sosfilt(_filtered(4000), x)), ".flac"),
    "telephone, 300-3400 Hz": (
        _copied_and(lambda x, rng: signal.sosfilt(_filtered([300, 3400], "band", 4), x)),
        ".flac",
    ),
    "all: 5 s, -6 dB, 30 dB, 4 kHz, MP3": (
        _shifted_and(lambda x, rng: _noisy(signal.sosfilt(_filtered(4000), x) / 2, 30, rng)),
        ".mp3",
    ),
}
BEYOND = {
    "noise at 10 dB": (_copied_and(lambda x, rng: _noisy(x, 10, rng)), ".flac"),
    "speed +0.05%": (
        _copied_and(lambda x, rng: signal.resample(x, len(x) * 2000 // 2001)),
        ".flac",
    ),
    "speed +1%": (_copied_and(lambda x, rng: signal.resample(x, len(x) * 100 // 101)), ".flac"),
}
"""Harder than what is promised; reported, not asserted."""


def _clip_share(share):
    def clip(samples, rng):
        limit = np.quantile(np.abs(samples), 1 - share)
        return np.clip(samples, -limit, limit)

    return clip


def _gaps(count, seconds):
    def cut(samples, rng):
        samples, length = samples.copy(), round(seconds * SAMPLE_RATE)
        for begin in rng.integers(SAMPLE_RATE, len(samples) - SAMPLE_RATE - length, count):
            samples[begin : begin + length] = 0
        return samples

    return cut


def _last_two_thirds(make):
    def spoil(samples, rng):
        begin = len(samples) // 3
        return np.concatenate([samples[:begin], make(samples[begin:], rng)])

    return spoil


def _swap_bytes(samples, rng):
    return to_int16(samples).byteswap() / FULL_SCALE


DISTORTIONS = {
    "clipped, 12 dB above full scale": lambda x, rng: np.clip(4 * x / np.abs(x).max(), -1, 1),
    "clipped, 2% of the samples": _clip_share(0.02),
    "clipped, 0.5% of the samples": _clip_share(0.005),
    "five dropouts of 30 ms": _gaps(5, 0.03),
    "one dropout of 10 ms": _gaps(1, 0.01),
    "white noise, last two thirds": _last_two_thirds(lambda x, rng: rng.uniform(-1, 1, len(x))),
    "soft noise, last two thirds": _last_two_thirds(lambda x, rng: rng.normal(0, 0.01, len(x))),
    "bytes swapped, last two thirds": _last_two_thirds(_swap_bytes),
    "silence, 5 s": _gaps(1, 5.0),
    "silence, last two thirds": _last_two_thirds(lambda x, rng: 0 * x),
}


def to_int16(samples):
    return np.clip(np.rint(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def write(path, samples):
    """Write a track; MP3 at 64 kbit/s, Ogg Vorbis at about 57."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {
        ".flac": {},
        ".mp3": {"compression_level": 0.6, "bitrate_mode": "CONSTANT"},
        ".ogg": {"compression_level": 0.4},
    }[path.suffix]
    soundfile.write(path, to_int16(samples), SAMPLE_RATE, **options)
