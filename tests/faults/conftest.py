"""What the tests of faults share: a small demo corpus with planted faults."""

import pandas as pd
import pytest

from genre_lib.corpus import load_corpus, read_audio
from genre_lib.corpus.demo import read_truth
from genre_lib.waveform import SAMPLE_RATE


@pytest.fixture(scope="session")
def demo(small_demo):
    """The table of its tracks, and that of the planted faults."""
    corpus = load_corpus(small_demo, min_samples=SAMPLE_RATE, progress=False)
    return corpus, read_truth(small_demo)


@pytest.fixture(scope="session")
def clean(demo):
    """The int16 samples of a track without a fault."""
    corpus, truth = demo
    faulty = [*truth["track_id"], *truth["other_track_id"]]
    return read_audio(corpus.loc[~corpus["track_id"].isin(faulty), "path"].iloc[0])


@pytest.fixture
def pairs_of():
    """A function: the pairs of track ids that a table names, in any order."""

    def find_pairs(table: pd.DataFrame):
        ends = zip(table["track_id"], table["other_track_id"], strict=True)
        return set(map(frozenset, ends))

    return find_pairs
