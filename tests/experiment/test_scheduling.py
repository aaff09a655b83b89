import dataclasses
import json
import os
import pickle

import joblib
import numpy as np
import pytest
from distributed import LocalCluster

from genre_lib.binding.report import describe
from genre_lib.corpus.store import build_store
from genre_lib.corpus.tracks import load_corpus
from genre_lib.experiment import models
from genre_lib.experiment.kept import failed_runs, load_runs
from genre_lib.experiment.phases import NORMAL
from genre_lib.experiment.profiles import SMOKE
from genre_lib.experiment.runs import Run
from genre_lib.experiment.scheduling import RunError, fit_runs, side_by_side
from genre_lib.workspace.workspace import Workspace

TINY = dataclasses.replace(
    SMOKE,
    name="tiny",
    n_partitions=3,
    rotations=3,
    protocols=("original",),
    l2_lambdas=(),
    variants=(),
)
RUNS = [Run(TINY, NORMAL, rotation) for rotation in range(2)]
IMPOSSIBLE = Run(TINY, NORMAL, rotation=99)


@pytest.fixture(scope="module")
def corpus(tone_corpus):
    return load_corpus(tone_corpus, min_samples=TINY.window, progress=False)


@pytest.fixture(scope="module")
def store(corpus, tmp_path_factory):
    return build_store(corpus, tmp_path_factory.mktemp("cache"), progress=False)


@pytest.fixture(scope="module")
def here(store, tmp_path_factory):
    """The runs as they come out in this process."""
    return fit_runs(RUNS, store, tmp_path_factory.mktemp("here"), progress=False, jobs=1)


def assert_same(results, expected):
    assert list(results) == list(expected)
    for run, result in results.items():
        np.testing.assert_allclose(result.probabilities, expected[run].probabilities, atol=1e-4)


def break_networks(monkeypatch, rotation="any"):
    """Let the networks of a rotation fail to be built in this process."""
    whole = models.build_model

    def build_model(run, n_classes):
        if rotation in (run.rotation, "any"):
            raise MemoryError("no room for the network\nsecond line")
        return whole(run, n_classes)

    monkeypatch.setattr(experiment, "build_model", build_model)


@pytest.fixture
def only_elsewhere(monkeypatch):
    """Let nothing be trained in this process, and workers take as many threads as it does."""
    break_networks(monkeypatch)
    for kind in ("INTRA", "INTER"):
        monkeypatch.setenv(f"TF_NUM_{kind}OP_THREADS", "0")


def test_a_store_is_pickled_without_its_samples(store):
    store.tracks["artist"] = "somebody"
    pickled = pickle.dumps(store)
    again = pickle.loads(pickled)
    assert len(pickled) < 10_000 < store.samples.nbytes
    assert isinstance(again.samples, np.memmap)
    np.testing.assert_array_equal(again.samples, store.samples)
    assert again.tracks.equals(store.tracks)


def test_a_store_opened_by_a_relative_path_opens_elsewhere(corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickled = pickle.dumps(build_store(corpus, "cache", progress=False))
    monkeypatch.chdir("/")
    assert len(pickle.loads(pickled).samples) == corpus["n_samples"].sum()


@pytest.mark.usefixtures("only_elsewhere")
def test_worker_processes_train_what_this_one_does_and_pass_a_run_that_fails(store, here, tmp_path):
    with pytest.warns(UserWarning, match="normal, rotation 100, seed 0: IndexError: "):
        results = fit_runs([IMPOSSIBLE, *RUNS], store, tmp_path, progress=False, jobs=2)
    assert_same(results, here)


@pytest.mark.usefixtures("only_elsewhere")
def test_a_dask_cluster_trains_what_this_process_does(store, here, tmp_path, monkeypatch):
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        monkeypatch.setenv("GENRE_SCHEDULER", cluster.scheduler_address)
        results = fit_runs(RUNS, store, tmp_path, progress=False)
    assert_same(results, here)


def test_a_cluster_that_would_not_be_used_is_refused(monkeypatch):
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        monkeypatch.setenv("GENRE_SCHEDULER", cluster.scheduler_address)
        with pytest.raises(RuntimeError, match="single thread"):
            list(side_by_side(len, ["work"], jobs=2))


def test_a_backend_that_the_caller_chooses_counts(monkeypatch):
    monkeypatch.setattr(os, "environ", os.environ.copy())
    with joblib.parallel_config(backend="threading"):
        assert list(side_by_side(lambda _: os.getpid(), [1, 2], jobs=2)) == [os.getpid()] * 2


def test_jobs_that_are_no_number_are_refused(store, tmp_path, monkeypatch):
    for wanted in ("many", "0", "-1"):
        monkeypatch.setenv("GENRE_JOBS", wanted)
        with pytest.raises(ValueError, match="GENRE_JOBS"):
            fit_runs(RUNS, store, tmp_path, progress=False)


def test_a_run_that_fails_is_noted_and_tried_again(corpus, store, tmp_path, monkeypatch):
    workspace = Workspace(TINY, "tones", False, corpus, store, tmp_path, tmp_path / "cache")
    with monkeypatch.context() as patch:
        break_networks(patch, 1)
        with pytest.warns(UserWarning, match="normal, rotation 2, seed 0: MemoryError: no room"):
            results = fit_runs(RUNS, store, tmp_path, progress=False)
    assert list(results) == RUNS[:1]
    (failed,) = failed_runs(RUNS, tmp_path, store.fingerprint).to_dict("records")
    reason = "MemoryError: no room for the network"
    assert failed == {"phase": "normal", "rotation": 2, "seed": 0, "reason": reason}
    (record,) = tmp_path.rglob("*.failed.json")
    assert "second line" in json.loads(record.read_text())["traceback"]
    described = dict(describe(workspace, "a second"))["Runs"]
    assert described.startswith(f"1 of 4; failed: normal rotation 2, seed 0: {reason}; kept under")

    assert list(fit_runs(RUNS, store, tmp_path, progress=False)) == RUNS
    assert failed_runs(RUNS, tmp_path, store.fingerprint).empty
    assert not list(tmp_path.rglob("*.failed.json"))


def test_where_all_runs_fail_the_error_names_the_reasons(store, tmp_path, monkeypatch):
    break_networks(monkeypatch, 1)
    with (
        pytest.warns(UserWarning, match="failed"),
        pytest.raises(RunError, match=r"(?s)rotation 100.*IndexError.*rotation 2.*no room"),
    ):
        fit_runs([IMPOSSIBLE, RUNS[1]], store, tmp_path, progress=False)
    assert load_runs(RUNS, tmp_path, store.fingerprint) == {}
