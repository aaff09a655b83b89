"""Two numbers that describe the sound of a track."""

import librosa
import numpy as np
import pandas as pd

from genre_lib.corpus.store import track_reader
from genre_lib.progress import thread_map
from genre_lib.waveform import FULL_SCALE, SAMPLE_RATE


def describe_tracks(tracks):
    """Measure the loudness and brightness of each track.

    Parameters
    ----------
    tracks : pandas.DataFrame, usable tracks from `load_corpus` or of a workspace

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
