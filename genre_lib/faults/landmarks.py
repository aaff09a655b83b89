"""Landmark fingerprints: do two tracks hold the same recording, and how do they lie in time?

The method is Wang's (*An industrial-strength audio search algorithm*, ISMIR 2003): the loudest
peaks of a spectrogram are joined into pairs, the *landmarks*; two tracks of one recording share
many landmarks at one and the same time offset, two different tracks share few at any.
"""

from dataclasses import dataclass

import librosa
import numpy as np
import pandas as pd
from scipy import ndimage
from tqdm import tqdm
from tqdm.contrib.concurrent import thread_map

from genre_lib.corpus.audio import read_audio
from genre_lib.waveform import SAMPLE_RATE

HOP = 512
"""Samples between two frames; offsets are multiples of this (23 ms)."""

_FFT = 2048
# Peaks are sought between 100 and 3700 Hz, where low-pass filters and codecs leave them alone.
# Each band has its own quota, so that a loud bass, or its absence, does not move the others.
_BANDS = np.array([100, 400, 800, 1500, 2400, 3700])
_PEAKS_A_BAND = 5
_BLOCK = 43  # frames, 1 s: the time over which the quota counts
_NEIGHBOURHOOD = (19, 13)  # bins and frames (200 Hz, 0.3 s) in which a peak is the loudest
_FLOOR = 1e-4  # of the loudest peak of the track (-80 dB): below is silence
# A peak is joined with the next peaks that lie this near.
_FAN_OUT = 6
_MIN_STEP, _MAX_STEP = 2, 63  # frames, up to 1.5 s
_MAX_LEAP = 63  # bins, 680 Hz


@dataclass(frozen=True)
class Landmarks:
    """The fingerprint of one track.

    Attributes
    ----------
    hashes : numpy.ndarray
        int64, shape (n_landmarks,): the two frequency bins and the frames between them, packed.
    frames : numpy.ndarray
        int64, shape (n_landmarks,): the frame of each first peak, ascending.
    n_frames : int
        Length of the track.
    """

    hashes: np.ndarray
    frames: np.ndarray
    n_frames: int


def find_landmarks(samples):
    """Fingerprint one track.

    Parameters
    ----------
    samples : numpy.ndarray
        Mono at 22 050 Hz, shape (n_samples,), int16 or floating; the scale does not matter.

    Returns
    -------
    Landmarks
        About 130 a second of music; none in silence.
    """
    spectrogram = np.abs(librosa.stft(np.asarray(samples, np.float32), n_fft=_FFT, hop_length=HOP))
    bins, frames = _peaks(spectrogram)
    order = np.lexsort((bins, frames))
    bins, frames = bins[order], frames[order]
    hashes, firsts = [], []
    open_partners = np.full(len(bins), _FAN_OUT)
    # The k-th next peak of every peak at once; a peak has had enough after _FAN_OUT partners.
    for k in range(1, len(bins)):
        step, leap = frames[k:] - frames[:-k], bins[k:] - bins[:-k]
        if step.min() > _MAX_STEP:
            break
        near = (step >= _MIN_STEP) & (step <= _MAX_STEP) & (np.abs(leap) <= _MAX_LEAP)
        near &= open_partners[:-k] > 0
        open_partners[:-k] -= near
        hashes.append(((bins[:-k] << 9 | bins[k:]) << 6 | step)[near])
        firsts.append(frames[:-k][near])
    hashes = np.concatenate([np.zeros(0, np.int64), *hashes])
    firsts = np.concatenate([np.zeros(0, np.int64), *firsts])
    order = np.lexsort((hashes, firsts))
    return Landmarks(hashes[order], firsts[order], spectrogram.shape[1])


def _peaks(spectrogram):
    edges = np.round(_BANDS * _FFT / SAMPLE_RATE).astype(int)
    part = spectrogram[: edges[-1] + _NEIGHBOURHOOD[0]]
    loudest = ndimage.maximum_filter(part, size=_NEIGHBOURHOOD, mode="constant")
    found = (part == loudest) & (part > _FLOOR * part.max(initial=0.0))
    bins, frames = np.nonzero(found)
    inside = (bins >= edges[0]) & (bins < edges[-1])
    bins, frames = bins[inside], frames[inside]
    cell = frames // _BLOCK * len(edges) + np.searchsorted(edges, bins, side="right")
    order = np.lexsort((-part[bins, frames], cell))
    bins, frames, cell = bins[order], frames[order], cell[order]
    rank = np.arange(len(cell)) - np.searchsorted(cell, cell)
    return bins[rank < _PEAKS_A_BAND], frames[rank < _PEAKS_A_BAND]


def fingerprint_tracks(paths, *, progress=True):
    """Fingerprint files.

    Parameters
    ----------
    paths : iterable of str
        Readable audio files.
    progress : bool
        Show a progress bar.

    Returns
    -------
    list of Landmarks
        In the order of `paths`.
    """
    return thread_map(
        lambda path: find_landmarks(read_audio(path)),
        list(paths),
        desc="Fingerprints",
        unit="track",
        disable=not progress,
    )


def match_all(fingerprints, *, min_matches=1, progress=True):
    """Compare every track with every other.

    Parameters
    ----------
    fingerprints : list of Landmarks
        One a track.
    min_matches : int
        Pairs with fewer landmarks in common at their best offset are left out.
    progress : bool
        Show a progress bar.

    Returns
    -------
    pandas.DataFrame
        One row a pair, with the columns

        - ``first``, ``second``: places in the list, first < second,
        - ``matches``: landmarks in common at the best offset,
        - ``share``: these as a fraction of the landmarks of the poorer of the two where both
          overlap, 0 to 1,
        - ``offset_s``: where the second track begins on the clock of the first, in seconds,
        - ``overlap_s``: how long both sound at this offset, in seconds.
    """
    hashes, owners, frames = _index(fingerprints)
    tables = []
    for first, marks in enumerate(
        tqdm(fingerprints, desc="Comparing", unit="track", disable=not progress)
    ):
        start = np.searchsorted(hashes, marks.hashes, side="left")
        count = np.searchsorted(hashes, marks.hashes, side="right") - start
        query = np.repeat(np.arange(len(count)), count)
        place = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + start[query]
        later = owners[place] > first
        query, place = query[later], place[later]
        offsets = marks.frames[query] - frames[place]
        tables.append(_best_offsets(owners[place], offsets, min_matches).assign(first=first))
    pairs = pd.concat(tables, ignore_index=True) if tables else _best_offsets([], [], 1)
    return _with_shares(pairs, fingerprints)


def _index(fingerprints):
    none = np.zeros(0, np.int64)
    hashes = np.concatenate([none, *(marks.hashes for marks in fingerprints)])
    frames = np.concatenate([none, *(marks.frames for marks in fingerprints)])
    owners = np.repeat(np.arange(len(fingerprints)), [len(m.hashes) for m in fingerprints])
    order = np.argsort(hashes, kind="stable")
    return hashes[order], owners[order], frames[order]


def _best_offsets(owners, offsets, min_matches):
    """The offset of each other track at which most landmarks agree."""
    # Track and offset in one number, so that one sort counts all the votes.
    span = 1 << 20
    keys = np.asarray(owners, np.int64) * span + np.asarray(offsets, np.int64) + span // 2
    keys, counts = np.unique(keys, return_counts=True)
    # A true offset lies between two frames, and its landmarks fall into both: count the next too.
    beside = np.flatnonzero(np.diff(keys) == 1)
    matches = counts.copy()
    matches[beside] += counts[beside + 1]
    table = pd.DataFrame({"second": keys // span, "matches": matches})
    table["offset"] = keys % span - span // 2
    table = table[table["matches"] >= min_matches]
    table = table.sort_values(["second", "matches", "offset"], ascending=[True, False, True])
    return table.drop_duplicates("second")


def _with_shares(pairs, fingerprints):
    rows = []
    for pair in pairs[["first", "second", "matches", "offset"]].itertuples(index=False):
        first, second = fingerprints[pair.first], fingerprints[pair.second]
        begin, end = max(0, pair.offset), min(first.n_frames, second.n_frames + pair.offset)
        fewest = min(
            np.diff(np.searchsorted(first.frames, [begin, end])).item(),
            np.diff(
                np.searchsorted(second.frames, [begin - pair.offset, end - pair.offset])
            ).item(),
        )
        share = min(1.0, pair.matches / max(1, fewest))
        seconds = np.array([pair.offset, end - begin]) * HOP / SAMPLE_RATE
        rows.append((pair.first, pair.second, pair.matches, share, *seconds))
    kinds = dict.fromkeys(("first", "second", "matches"), np.int64)
    kinds |= dict.fromkeys(("share", "offset_s", "overlap_s"), np.float64)
    return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)  # without a pair, too
