"""Measure whether the waveforms of two tracks agree: a second opinion on a repetition.

Different recordings with the same beat and notes share spectral peaks, but not the phases under
them. So windows of 1 s with levelled spectra are cross-correlated (a generalised cross-correlation
after Knapp and Carter, *The generalized correlation method for estimation of time delay*, IEEE
Trans. ASSP 1976). In one recording the best lag stays the same from window to window.
"""

import numpy as np
from scipy.ndimage import uniform_filter1d

from genre_lib.waveform import SAMPLE_RATE

_WINDOW = SAMPLE_RATE  # 1 s
_REACH = 1024  # samples, 46 ms: how far the best lag may lie from the given offset
_TOLERANCE = 16  # samples per second, 0.07%: how fast the lag may drift, as with tapes, resamplers
_LOW, _HIGH = 100, 3500  # Hz
_ENVELOPE = 301  # bins, 150 Hz: the spectrum is levelled over this much
_N_BINS = 2 * _WINDOW * _HIGH // SAMPLE_RATE + _ENVELOPE  # those that levelling reaches


def coherence(first, second, offset_s):
    """Measure how far two tracks agree, 0 to 1, if the second begins `offset_s` seconds later."""
    # The mean over neighbouring windows of their lower correlation, or of 0 if the lags disagree:
    # 1 for a copy of any scale or polarity, near 0 for different recordings.
    offset = round(offset_s * SAMPLE_RATE)
    begin, end = max(0, offset), min(len(first), len(second) + offset)
    count = (end - begin) // _WINDOW
    if count < 2:
        return 0.0
    end = begin + count * _WINDOW
    spectra = [_levelled(first[begin:end]), _levelled(second[begin - offset : end - offset])]
    power = np.prod([np.sum(np.abs(spectrum) ** 2, axis=1) for spectrum in spectra], axis=0)
    product = np.fft.irfft(spectra[0] * spectra[1].conj(), 2 * _WINDOW, axis=1)
    near = np.concatenate([product[:, -_REACH:], product[:, :_REACH]], axis=1)
    near = np.abs(near) * _WINDOW / np.sqrt(np.maximum(power, 1e-12))[:, np.newaxis]
    lags, peaks = near.argmax(axis=1), near.max(axis=1)
    steady = np.abs(np.diff(lags)) <= _TOLERANCE
    return float(np.mean(np.minimum(peaks[1:], peaks[:-1]) * steady))


def _levelled(samples):
    windows = samples.reshape(-1, _WINDOW).astype(np.float64) * np.hanning(_WINDOW)
    # Padded with silence of the same length, so that a lag does not wrap around.
    spectra = np.fft.rfft(windows, 2 * _WINDOW, axis=1)[:, :_N_BINS]
    frequencies = np.fft.rfftfreq(2 * _WINDOW, 1 / SAMPLE_RATE)[:_N_BINS]
    spectra[:, (frequencies < _LOW) | (frequencies > _HIGH)] = 0
    power = uniform_filter1d(np.abs(spectra) ** 2, _ENVELOPE, axis=1)
    envelope = np.sqrt(np.maximum(power, 0))
    # Filtered bands, more than 60 dB below the loudest, are not raised: they hold rounding noise.
    return spectra / (envelope + 1e-3 * envelope.max(axis=1, keepdims=True) + 1e-9)
