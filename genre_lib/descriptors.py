"""Two numbers that describe the sound of a track."""

import joblib
import librosa
import numpy as np
import pandas as pd

from genre_lib.audio import SAMPLE_RATE, read_audio


def describe_tracks(tracks, jobs=-1):
    """Measure loudness and brightness of each track.

    Parameters
    ----------
    tracks : pandas.DataFrame
        Usable tracks, with ``track_id``, ``genre`` and ``path``.
    jobs : int
        Threads, as joblib counts them.

    Returns
    -------
    pandas.DataFrame
        ``track_id``, ``genre``, ``seconds``, ``level`` (root mean square in dB below full scale)
        and ``centroid`` (spectral centroid in Hz, the median over frames of 2048 samples, as
        librosa computes it).
    """
    rows = joblib.Parallel(n_jobs=jobs, prefer="threads")(
        joblib.delayed(_describe)(path) for path in tracks["path"]
    )
    measured = pd.DataFrame(rows, columns=["seconds", "level", "centroid"])
    return pd.concat([tracks[["track_id", "genre"]].reset_index(drop=True), measured], axis=1)


def _describe(path):
    samples = read_audio(path).astype(np.float32) / 32_768
    level = 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)))
    centroid = librosa.feature.spectral_centroid(y=samples, sr=SAMPLE_RATE)
    return len(samples) / SAMPLE_RATE, level, np.median(centroid)
