"""The store of 1000 tracks: under 60 s and 1 GB on two cores. Run by `make benchmark`."""

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from genre_lib.audio import SAMPLE_RATE

N_TRACKS = 1000

MEASURE = """
import json, resource, sys, time
from genre_lib.corpus import load_corpus
from genre_lib.segments import build_store
begin = time.perf_counter()
corpus = load_corpus(sys.argv[1], progress=False)
read = time.perf_counter()
store = build_store(corpus, sys.argv[2], progress=False)
end = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps({
    "tracks": len(store.tracks), "segments": len(store.segments()), "reading s": read - begin,
    "storing s": end - read, "peak memory GiB": peak,
}))
"""


@pytest.fixture(scope="module")
def thousand_tracks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("thousand")
    rng = np.random.default_rng(0)
    noise = rng.integers(-8000, 8000, 31 * SAMPLE_RATE).astype(np.int16)
    for number in range(N_TRACKS):
        genre = folder / f"genre{number % 10}"
        genre.mkdir(exist_ok=True)
        begin = rng.integers(SAMPLE_RATE)
        track = noise[begin : begin + 30 * SAMPLE_RATE]
        soundfile.write(genre / f"{number:05d}.wav", track, SAMPLE_RATE)
    return folder


def test_a_thousand_tracks_are_stored(thousand_tracks, tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, thousand_tracks, tmp_path],
        capture_output=True,
        text=True,
        check=True,
    )
    figures = json.loads(run.stdout)
    print("\n" + "\n".join(f"  {name:16} {value:.2f}" for name, value in figures.items()))
    assert figures["segments"] == 21 * N_TRACKS
    assert figures["reading s"] + figures["storing s"] < 60
    assert figures["peak memory GiB"] < 1
