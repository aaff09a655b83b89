"""Compare tracks by landmarks: do two hold the same recording, and at which offset in time?

The method is Wang's (*An industrial-strength audio search algorithm*, ISMIR 2003): the loudest
peaks of a spectrogram are joined into pairs, the *landmarks*. Two tracks of one recording share
many landmarks at the same time offset; two different tracks share few at any.
"""

from typing import NamedTuple

import librosa
import numpy as np
import pandas as pd
from scipy import ndimage

from genre_lib.progress import progress_bar
from genre_lib.waveform import SAMPLE_RATE

_HOP = 512  # samples between two frames; offsets are multiples of this (23 ms)
_FFT = 2048
# Peaks are sought between 100 and 3700 Hz, which low-pass filters and codecs leave alone.
# Each band has its own quota, so that a loud or a missing bass does not affect the others.
_BANDS = np.array([100, 400, 800, 1500, 2400, 3700])
_PEAKS_PER_BAND = 5
_BLOCK = 43  # frames, 1 s: the time over which the quota counts
_NEIGHBOURHOOD = (19, 13)  # bins and frames (200 Hz, 0.3 s) in which a peak is the loudest
_FLOOR = 1e-4  # of the loudest peak of the track (-80 dB); anything below counts as silence
# A peak is paired with the next peaks that are this close.
_FAN_OUT = 6
_MIN_STEP, _MAX_STEP = 2, 63  # frames, up to 1.5 s
_MAX_LEAP = 63  # bins, 680 Hz


class Landmarks(NamedTuple):
    """The fingerprint of one track: about 130 landmarks per second of music, none in silence."""

    hashes: np.ndarray  # int64: the two frequency bins and the frames between them, packed
    frames: np.ndarray  # int64: the frame of the first peak, ascending
    n_frames: int  # length of the track


def find_landmarks(samples):
    """Fingerprint the mono samples of one track at 22 050 Hz, on any scale."""
    spectrogram = np.abs(librosa.stft(np.asarray(samples, np.float32), n_fft=_FFT, hop_length=_HOP))
    bins, frames = _peaks(spectrogram)
    found = [np.zeros((2, 0), np.int64)]
    open_partners = np.full(len(bins), _FAN_OUT)
    # The k-th next peak of every peak at once; each peak takes at most _FAN_OUT partners.
    for k in range(1, len(bins)):
        step, leap = frames[k:] - frames[:-k], bins[k:] - bins[:-k]
        if step.min() > _MAX_STEP:
            break
        near = (step >= _MIN_STEP) & (step <= _MAX_STEP) & (np.abs(leap) <= _MAX_LEAP)
        near &= open_partners[:-k] > 0
        open_partners[:-k] -= near
        hashes = (bins[:-k] << 9 | bins[k:]) << 6 | step
        found.append(np.stack([hashes, frames[:-k]])[:, near])
    found = np.concatenate(found, axis=1)
    return Landmarks(*found[:, np.lexsort(found)], spectrogram.shape[1])


def _peaks(spectrogram):
    """Return the bins and frames of the peaks, in order of time."""
    edges = np.round(_BANDS * _FFT / SAMPLE_RATE).astype(int)
    part = spectrogram[: edges[-1] + _NEIGHBOURHOOD[0]]
    loudest = ndimage.maximum_filter(part, size=_NEIGHBOURHOOD, mode="constant")
    bins, frames = np.nonzero((part == loudest) & (part > _FLOOR * part.max(initial=0.0)))
    peaks = pd.DataFrame({"bin": bins, "frame": frames, "level": part[bins, frames]})
    peaks = peaks[peaks["bin"].between(edges[0], edges[-1], inclusive="left")]
    cell = [peaks["frame"] // _BLOCK, np.searchsorted(edges, peaks["bin"], side="right")]
    rank = peaks.groupby(cell)["level"].rank("first", ascending=False)
    peaks = peaks[rank <= _PEAKS_PER_BAND].sort_values(["frame", "bin"])
    return peaks["bin"].to_numpy(), peaks["frame"].to_numpy()


def match_all(fingerprints, *, min_matches=1, progress=True):
    """Compare every track with every other; return one row per pair with enough in common."""
    # Columns: first < second (positions in the list), matches (landmarks in common at the best
    # offset), offset_s (where the second begins on the clock of the first), overlap_s.
    none = np.zeros(0, np.int64)
    hashes = np.concatenate([none, *(marks.hashes for marks in fingerprints)])
    frames = np.concatenate([none, *(marks.frames for marks in fingerprints)])
    owners = np.repeat(np.arange(len(fingerprints)), [len(m.hashes) for m in fingerprints])
    order = np.argsort(hashes, kind="stable")
    hashes, owners, frames = hashes[order], owners[order], frames[order]
    rows = []
    bar = progress_bar(fingerprints, desc="Comparing", unit="track", progress=progress)
    for first, marks in enumerate(bar):
        start = np.searchsorted(hashes, marks.hashes, side="left")
        count = np.searchsorted(hashes, marks.hashes, side="right") - start
        query = np.repeat(np.arange(len(count)), count)
        place = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + start[query]
        later = owners[place] > first
        query, place = query[later], place[later]
        best = _best_offsets(owners[place], marks.frames[query] - frames[place], min_matches)
        rows += [(first, *row) for row in best]
    pairs = pd.DataFrame(rows, columns=["first", "second", "matches", "offset"], dtype=np.int64)
    n_frames = np.array([marks.n_frames for marks in fingerprints], np.int64)
    offset = pairs.pop("offset")
    end = np.minimum(n_frames[pairs["first"]], n_frames[pairs["second"]] + offset)
    pairs["offset_s"] = offset * _HOP / SAMPLE_RATE
    pairs["overlap_s"] = (end - offset.clip(lower=0)) * _HOP / SAMPLE_RATE
    return pairs


def _best_offsets(owners, offsets, min_matches):
    """Return every other track, the most landmarks that agree, and the offset at which they do."""
    # Track and offset share one number, so that one sort counts all votes.
    span = 1 << 20
    keys, counts = np.unique(owners * span + offsets + span // 2, return_counts=True)
    # A true offset lies between two frames, and its landmarks fall into both: count the next, too.
    matches = counts + np.append(np.where(np.diff(keys) == 1, counts[1:], 0), 0)
    table = {"second": keys // span, "matches": matches, "offset": keys % span - span // 2}
    table = pd.DataFrame(table)[matches >= min_matches]
    table = table.sort_values(["second", "matches", "offset"], ascending=[True, False, True])
    return table.drop_duplicates("second").itertuples(index=False, name=None)
