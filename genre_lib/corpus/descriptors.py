"""Numbers that describe the sound of a track: two to look at, and many to classify."""

import librosa
import numpy as np
import pandas as pd
from joblib import Memory

from genre_lib.corpus.store import track_reader
from genre_lib.progress import thread_map
from genre_lib.waveform import FULL_SCALE, SAMPLE_RATE

_FEATURES = 1  # raise this whenever the features change: `measure_features` keeps them


def describe_tracks(tracks):
    """Measure the loudness and brightness of each track.

    Parameters
    ----------
    tracks : pandas.DataFrame, usable tracks from `load_corpus` or a workspace

    Returns
    -------
    pandas.DataFrame with ``track_id``, ``genre``, ``seconds``, ``level`` (root mean square in dB re
        full scale) and ``centroid`` (spectral centroid in Hz, the median over frames of 93 ms)

    Examples
    --------
    >>> describe_tracks(usable(corpus)).groupby("genre")["level"].median()  # doctest: +SKIP
    """
    read, look = track_reader(tracks), {"desc": "Describing", "unit": "track", "progress": True}
    rows = thread_map(lambda track_id: _describe(read(track_id)), tracks["track_id"], **look)
    measured = pd.DataFrame(rows, columns=["seconds", "level", "centroid"])
    return pd.concat([tracks[["track_id", "genre"]].reset_index(drop=True), measured], axis=1)


def _describe(samples):
    samples = samples.astype(np.float32) / FULL_SCALE
    level = 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)))
    centroid = librosa.feature.spectral_centroid(y=samples, sr=SAMPLE_RATE)
    return len(samples) / SAMPLE_RATE, level, np.median(centroid)


def measure_features(store, cache, progress=True):
    """Measure the features that music classifiers usually take: means and deviations over frames.

    Returns a table indexed by track id, kept in the folder `cache` by the fingerprint of the store.
    It describes the first 30 s: 20 MFCCs and their changes, chroma, spectral contrast, centroid,
    bandwidth and roll-off, zero crossings and level (``mfcc 1 mean``, ``mfcc 1 deviation`` ...).
    """
    table = Memory(cache, verbose=0).cache(_measure_all, ignore=["store", "progress"])
    return table(store.fingerprint, f"{_FEATURES}, librosa {librosa.__version__}", store, progress)


def _measure_all(fingerprint, version, store, progress):
    track_ids = store.tracks["track_id"]
    look = {"desc": "Features", "unit": "track", "progress": progress}
    rows = thread_map(lambda track_id: _measure(store.read_track(track_id)), track_ids, **look)
    return pd.DataFrame(rows, index=pd.Index(track_ids))


def _measure(samples):
    # As long as an excerpt of GTZAN; the spectrogram of an hour would take gigabytes.
    samples = samples[: 30 * SAMPLE_RATE].astype(np.float32) / FULL_SCALE
    spectrum, of = np.abs(librosa.stft(samples)), librosa.feature
    sound = {"S": spectrum, "sr": SAMPLE_RATE}
    mel = of.melspectrogram(S=spectrum**2, sr=SAMPLE_RATE)
    mfcc, centroid = of.mfcc(S=librosa.power_to_db(mel)), of.spectral_centroid(**sound)
    kinds = {
        "mfcc": mfcc,
        "change": of.delta(mfcc),
        "chroma": of.chroma_stft(S=spectrum**2, sr=SAMPLE_RATE, tuning=0.0),
        "contrast": of.spectral_contrast(**sound),
        "centroid": centroid,
        "bandwidth": of.spectral_bandwidth(**sound, centroid=centroid),
        "roll-off": of.spectral_rolloff(**sound),
        "crossings": of.zero_crossing_rate(samples),
        "level": of.rms(y=samples),
    }
    return {
        f"{kind} {number} {name}": summarize(values)
        for kind, frames in kinds.items()
        for number, values in enumerate(frames, start=1)
        for name, summarize in (("mean", np.mean), ("deviation", np.std))
    }
