import dataclasses

import pytest

from genre_lib.corpus.demo import read_truth
from genre_lib.corpus.tracks import CorpusError
from genre_lib.experiment.phases import NORMAL, protocol_phase
from genre_lib.experiment.profiles import SMOKE
from genre_lib.workspace.opening import open_workspace

TINY = dataclasses.replace(
    SMOKE,
    n_partitions=3,
    rotations=1,
    max_segments=1,
    protocols=("original", "no_repetitions", "artist_filtered", "fault_filtered"),
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def workspace(home):
    return open_workspace(TINY, home=home)


def test_without_data_it_is_the_demo_corpus(workspace):
    assert workspace.is_demo
    assert not workspace.is_gtzan
    assert len(workspace.genres) == 10
    assert len(workspace.tracks) == len(workspace.corpus) - 2


def test_a_folder_that_is_not_there_is_named(home):
    with pytest.raises(CorpusError, match="no/such"):
        open_workspace(TINY, "no/such", home)


def test_only_protocols_that_the_corpus_allows_are_offered(workspace):
    assert workspace.protocol_phases() == [NORMAL, protocol_phase("no_repetitions")]


def test_a_run_without_repetitions_tests_none(workspace, home):
    phase = protocol_phase("no_repetitions")
    (result,) = workspace.runs(phase)[phase]
    truth = read_truth(home / "data" / "demo")
    planted = truth[truth["fault"].isin(["exact_repetition", "same_recording"])]
    seen = set(result.segments["track_id"])
    assert seen.isdisjoint(truth.loc[truth["fault"] == "distorted", "track_id"])
    for pair in planted[["track_id", "other_track_id"]].to_numpy():
        assert len(seen & set(pair)) <= 1


def test_kept_runs_are_read_back(workspace):
    phase = protocol_phase("no_repetitions")
    first, second = (workspace.runs(phase)[phase][0] for _ in range(2))
    assert first.folder == second.folder
    assert (first.probabilities == second.probabilities).all()
