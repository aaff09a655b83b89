"""What it costs as the corpus grows: the store, the training, their memory; on tracks of noise."""

import dataclasses
import re
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import soundfile
from joblib.externals.loky import ProcessPoolExecutor
from tqdm import tqdm

from genre_lib.corpus import build_store, load_corpus
from genre_lib.experiment import NORMAL, SMOKE, plan
from genre_lib.waveform import SAMPLE_RATE

N_GENRES = 10

# Few segments per track, so that what grows with the tracks is seen; two runs, for two workers.
GROWTH = dataclasses.replace(SMOKE, name="growth", max_segments=6, batch_size=32, variants=())


def write_noise(folder, n_tracks, seconds=30):
    """Write tracks of noise, each another stretch of it, to ten genres in turn."""
    rng = np.random.default_rng(0)
    noise = rng.integers(-8000, 8000, (seconds + 1) * SAMPLE_RATE).astype(np.int16)
    for genre in range(min(N_GENRES, n_tracks)):
        (folder / f"genre{genre}").mkdir(parents=True, exist_ok=True)
    for number in range(n_tracks):
        begin = rng.integers(SAMPLE_RATE)
        path = folder / f"genre{number % N_GENRES}" / f"{number:05d}.wav"
        soundfile.write(path, noise[begin : begin + seconds * SAMPLE_RATE], SAMPLE_RATE)


def measure_store(folder, cache):
    """Read a corpus and build its store, in a process of its own.

    Returns
    -------
    dict
        ``tracks``, ``segments``, ``reading`` and ``storing`` (seconds), ``memory`` (bytes: peak of
        the process).
    """
    with ProcessPoolExecutor(1) as pool:
        return pool.submit(_measure_store, folder, cache).result()


def _measure_store(folder, cache):
    begin = time.perf_counter()
    corpus = load_corpus(folder, progress=False)
    read = time.perf_counter()
    store = build_store(corpus, cache, progress=False)
    end = time.perf_counter()
    return {
        "tracks": len(store.tracks),
        "segments": len(store.segments()),
        "reading": read - begin,
        "storing": end - read,
        "memory": _peak_memory(),
    }


def measure_growth(folder, counts=(100, 300, 1000), jobs=(1, 2), seconds=30, progress=True):
    """Measure the store and two runs of one epoch, in an empty folder, for numbers of tracks.

    Returns
    -------
    pandas.DataFrame
        One row for each number of tracks and of worker processes: ``tracks``, ``jobs``, ``storing``
        and ``training`` (seconds), ``memory`` (bytes: peak of the largest process).
    """
    write_noise(folder / "audio", max(counts), seconds)
    corpus = load_corpus(folder / "audio", min_samples=GROWTH.window, progress=False)
    cases = [(count, n_jobs) for count in counts for n_jobs in jobs]
    rows = []
    for count, n_jobs in tqdm(cases, desc="Growth", unit="case", disable=not progress):
        tracks = corpus.groupby("genre").head(count // N_GENRES).reset_index(drop=True)
        home = folder / f"{count}-{n_jobs}"
        with ProcessPoolExecutor(1) as pool:
            figures = pool.submit(_measure_training, tracks, home, n_jobs).result()
        rows.append({"tracks": count, "jobs": n_jobs, **figures})
    return pd.DataFrame(rows)


def _measure_training(corpus, home, jobs):
    # Imported here: with it comes Keras, which the process of a store must not pay for.
    from genre_lib.experiment import fit_runs

    begin = time.perf_counter()
    store = build_store(corpus, home / "cache", progress=False)
    stored = time.perf_counter()
    fit_runs(plan(GROWTH, NORMAL), store, home / "runs", progress=False, jobs=jobs)
    trained = time.perf_counter()
    return {"storing": stored - begin, "training": trained - stored, "memory": _peak_memory()}


def _peak_memory():
    """Return the most memory that this process, or one that it began, has had; in bytes."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset  # those that it began are not counted
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    status = Path("/proc/self/status")
    if status.exists():
        # On Linux, the other number counts what the parent had when this process began.
        own = 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1])
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit)
