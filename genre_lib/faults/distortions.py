"""Find what is wrong with the sound of a track: clipping, dropouts, digital noise, silence."""

import librosa
import numpy as np
import pandas as pd

from genre_lib.corpus.store import track_reader
from genre_lib.corpus.tracks import usable
from genre_lib.progress import thread_map
from genre_lib.waveform import SAMPLE_RATE

# A track is distorted if a measure reaches its limit. The limits were set on 500 real excerpts (100
# of GTZAN's in ten genres, lossless, and all of its blues, classical, country and metal). Their
# worst values were: clipping 1e-4, no dropout, no noise, no silence.
LIMITS = {"clipping": 1e-3, "dropouts": 1, "noise_s": 2.0, "silence_s": 2.0}

_FRAME = 2048  # samples, 93 ms
_WELCH = 10  # frames whose power spectra are averaged, 0.93 s

# A plateau: at least three equal samples this close to the extreme, entered or left in a step.
_NEAR_EXTREME, _PLATEAU = 0.95, 3
_STEP = 0.005  # of the extreme; the top of a slow wave is also level, but has no corners
_LOUD = 1024  # an extreme below -30 dB has plateaus from rounding alone

# A dropout: digital silence (at most 3 of 65 536 steps) that begins or ends in a jump.
_QUIET = 3
_SHORTEST_GAP = SAMPLE_RATE // 200  # 5 ms
_BESIDE = SAMPLE_RATE // 50  # 20 ms, in which the sound beside the gap is judged
_AUDIBLE = 100  # root mean square of that sound, -50 dB

# Digital noise: a white spectrum. The flatness of real music stays below 0.5 in the same band,
# that of white noise and of music with its bytes swapped lies above 0.9.
_BAND = slice(9, 743)  # bins, 100 Hz to 8 kHz: a codec may have removed the rest
_WHITE = 0.75
_AUDIBLE_NOISE = 33  # root mean square, -60 dB; the white dither of a fade-out is softer
_STILL = 8  # range of the samples in a silent frame, around any constant


def measure_distortions(samples):
    """Measure the clipping, dropouts, noise and silence of one track (int16, 22 050 Hz)."""
    wave = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float64)
    seconds = _FRAME / SAMPLE_RATE
    return {
        "clipping": _clipping(samples),  # share of the samples on plateaus, 0 to 1
        "dropouts": _dropouts(samples),  # gaps from 5 ms to 2 s
        "noise_s": _noisy_frames(wave) * seconds,  # the longest stretch with a white spectrum
        "silence_s": _longest(np.ptp(wave, axis=1) <= _STILL) * seconds,  # or of any constant
    }


def describe_distortions(measures):
    """Say which measures reach their limits, or "": ``"20.0 s of digital noise; 2 dropouts"``."""
    words = {
        "noise_s": "{:.1f} s of digital noise",
        "silence_s": "{:.1f} s of digital silence",
        "dropouts": "{} dropouts" if measures["dropouts"] != 1 else "{} dropout",
        "clipping": "{:.2%} of the samples clipped",
    }
    return "; ".join(w.format(measures[k]) for k, w in words.items() if measures[k] >= LIMITS[k])


def _runs(mask):
    """Return the begin and the end (exclusive) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return edges[::2], edges[1::2]


def _longest(mask):
    begin, end = _runs(mask)
    return int((end - begin).max(initial=0))


def _clipping(samples):
    wave = samples.astype(np.int32)
    clipped = 0
    for side in (wave, -wave):
        extreme = side.max(initial=0)
        if extreme < _LOUD:
            continue
        high = side >= _NEAR_EXTREME * extreme
        level = high[1:] & high[:-1] & (np.diff(side) == 0)
        begin, end = _runs(level)  # the samples begin ... end, both included, are equal
        before = side[begin] - side[np.maximum(begin - 1, 0)]
        after = side[end] - side[np.minimum(end + 1, len(side) - 1)]
        length = end - begin + 1
        steep = np.maximum(before, after) >= _STEP * extreme
        clipped += length[steep & (length >= _PLATEAU)].sum()
    return float(clipped / len(wave))


def _dropouts(samples):
    wave = samples.astype(np.float64)
    begin, end = _runs(np.abs(wave) <= _QUIET)
    length = end - begin
    inside = (begin >= _BESIDE) & (end <= len(wave) - _BESIDE)
    gap = inside & (length >= _SHORTEST_GAP) & (length < LIMITS["silence_s"] * SAMPLE_RATE)
    found = 0
    for first, last in zip(begin[gap], end[gap], strict=True):
        beside = np.stack([wave[first - _BESIDE : first][::-1], wave[last : last + _BESIDE]])
        level = np.sqrt(np.mean(beside**2, axis=1))
        jump = np.abs(beside[:, :3]).max(axis=1)
        found += level.min() >= _AUDIBLE and (jump >= level / 4).any()
    return int(found)


def _noisy_frames(wave):
    """Return the longest run of frames whose flatness (Wiener's, over 0.93 s) resembles noise."""
    if len(wave) < _WELCH:
        return 0
    power = np.abs(np.fft.rfft(wave * np.hanning(_FRAME), axis=1)[:, _BAND]) ** 2
    flatness = librosa.feature.spectral_flatness(S=_welch(power).T, power=1.0)[0]
    level = np.sqrt(_welch(np.mean(wave**2, axis=1)))
    stretch = _longest((flatness >= _WHITE) & (level >= _AUDIBLE_NOISE))
    return stretch + _WELCH - 1 if stretch else 0


def _welch(frames):
    """Average every _WELCH consecutive frames along the first axis."""
    return np.lib.stride_tricks.sliding_window_view(frames, _WELCH, axis=0).mean(axis=-1)


def find_distortions(corpus, *, progress=True):
    """Find tracks with clipping, dropouts, or long digital noise or silence; list the worst first.

    One row per track: ``track_id``, ``score`` (the worst measure as a multiple of its limit),
    ``verdict`` (a score of 1 or more), ``reason`` (in words) and the measures.
    """
    tracks = usable(corpus)
    bar, read = {"desc": "Distortions", "unit": "track", "progress": progress}, track_reader(tracks)
    measures = thread_map(lambda name: measure_distortions(read(name)), tracks["track_id"], **bar)
    table = tracks[["track_id"]].copy()
    table["score"] = [max(m[k] / LIMITS[k] for k in LIMITS) for m in measures]
    table["verdict"] = table["score"] >= 1
    table["reason"] = [describe_distortions(m) for m in measures]
    table = table.join(pd.DataFrame(measures, columns=list(LIMITS)))
    return table.sort_values(["score", "track_id"], ascending=[False, True], ignore_index=True)
