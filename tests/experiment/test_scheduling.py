"""Many runs come out alike in this process, in workers and on a cluster; failures are told."""

import dataclasses
import os
import subprocess
import sys

import joblib
import numpy as np
import pytest
from distributed import LocalCluster
from tones import TINY

from genre_lib.experiment import (
    ACCUMULATION,
    NORMAL,
    KeptRuns,
    Run,
    RunError,
    fit_run,
    fit_runs,
    l2_phase,
    models,
    scheduling,
)

RUNS = [Run(TINY, NORMAL, rotation) for rotation in range(2)]
IMPOSSIBLE = Run(TINY, NORMAL, rotation=99)


@pytest.fixture(scope="module")
def here(tone_store, tmp_path_factory):
    """The runs as they come out in this process."""
    return fit_runs(RUNS, tone_store, tmp_path_factory.mktemp("here"), progress=False, jobs=1)


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

    monkeypatch.setattr(models, "build_model", build_model)


@pytest.fixture
def only_elsewhere(monkeypatch):
    """Let nothing be trained in this process, and workers take as many threads as it does."""
    break_networks(monkeypatch)
    for kind in ("INTRA", "INTER"):
        monkeypatch.setenv(f"TF_NUM_{kind}OP_THREADS", "0")


@pytest.fixture
def small_network_here(small_network, monkeypatch):
    monkeypatch.setattr(models, "build_resnet1d", small_network)


@pytest.mark.usefixtures("only_elsewhere")
def test_worker_processes_train_what_this_one_does_and_pass_a_run_that_fails(
    tone_store, here, tmp_path, monkeypatch
):
    monkeypatch.setenv("GENRE_JOBS", "2")
    with pytest.warns(UserWarning, match="normal, rotation 100, seed 0: IndexError: "):
        results = fit_runs([IMPOSSIBLE, *RUNS], tone_store, tmp_path, progress=False)
    assert_same(results, here)


@pytest.mark.usefixtures("only_elsewhere")
def test_a_dask_cluster_trains_what_this_process_does(tone_store, here, tmp_path, monkeypatch):
    # A worker of two threads, for which Keras has but one seed and one session.
    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=True, dashboard_address=None
    ) as cluster:
        monkeypatch.setenv("GENRE_SCHEDULER", cluster.scheduler_address)
        results = fit_runs(RUNS, tone_store, tmp_path, progress=False)
    assert_same(results, here)


def test_a_cluster_that_would_not_be_used_is_refused(tone_store, tmp_path, monkeypatch):
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        monkeypatch.setenv("GENRE_SCHEDULER", cluster.scheduler_address)
        with pytest.raises(RuntimeError, match="single thread"):
            fit_runs(RUNS, tone_store, tmp_path, progress=False)


def test_a_backend_that_the_caller_chooses_counts(tone_store, tmp_path, monkeypatch):
    # Threads of this process meet its broken networks; worker processes would not.
    break_networks(monkeypatch)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    with (
        joblib.parallel_config(backend="threading"),
        pytest.warns(UserWarning, match="no room"),
        pytest.raises(RunError, match="no room"),
    ):
        fit_runs(RUNS, tone_store, tmp_path, progress=False, jobs=2)


@pytest.mark.parametrize("wanted", ["many", "0", "-1"])
def test_jobs_that_are_no_number_are_refused(wanted, tone_store, tmp_path, monkeypatch):
    monkeypatch.setenv("GENRE_JOBS", wanted)
    with pytest.raises(ValueError, match=f"GENRE_JOBS='{wanted}': expected"):
        fit_runs(RUNS, tone_store, tmp_path, progress=False)


@pytest.mark.usefixtures("small_network_here")
def test_a_run_that_fails_is_noted_and_tried_again(tone_store, tmp_path, monkeypatch):
    runs = [Run(dataclasses.replace(TINY, name="again"), NORMAL, rotation) for rotation in range(2)]
    kept = KeptRuns(tmp_path, tone_store.fingerprint)
    with monkeypatch.context() as patch:
        break_networks(patch, 1)
        with pytest.warns(UserWarning, match="normal, rotation 2, seed 0: MemoryError: no room"):
            results = fit_runs(runs, tone_store, tmp_path, progress=False)
    assert list(results) == runs[:1]
    assert kept.failures(runs) == {runs[1]: "MemoryError: no room for the network"}

    assert list(fit_runs(runs, tone_store, tmp_path, progress=False)) == runs
    assert kept.failures(runs) == {}
    assert not list(tmp_path.rglob("*.failed.json"))


@pytest.mark.usefixtures("small_network_here")
def test_runs_in_a_row_are_what_they_are_alone(tone_store, tmp_path):
    profile = dataclasses.replace(TINY, name="row")
    first, second = (Run(profile, NORMAL, 0, seed=seed) for seed in (0, 1))
    row = fit_runs([first, second], tone_store, tmp_path / "row", progress=False)
    alone = fit_run(second, tone_store, tmp_path / "alone", progress=False)
    assert_same({second: row[second]}, {second: alone})
    np.testing.assert_allclose(
        row[second].history["val_loss"], alone.history["val_loss"], rtol=1e-3
    )
    assert np.abs(row[second].probabilities - row[first].probabilities).max() > 1e-3


def test_if_all_runs_fail_the_error_names_the_reasons(tone_store, tmp_path, monkeypatch):
    break_networks(monkeypatch, 1)
    with (
        pytest.warns(UserWarning, match="failed"),
        pytest.raises(RunError, match=r"(?s)rotation 100.*IndexError.*rotation 2.*no room"),
    ):
        fit_runs([IMPOSSIBLE, RUNS[1]], tone_store, tmp_path, progress=False)
    assert KeptRuns(tmp_path, tone_store.fingerprint).load_all(RUNS) == {}


def test_runs_that_are_kept_are_not_trained_again(here, tone_store, monkeypatch):
    break_networks(monkeypatch)
    runs_dir = here[RUNS[0]].folder.parents[3]
    assert_same(fit_runs(RUNS, tone_store, runs_dir, progress=False), here)


def order(runs, store, folder, monkeypatch):
    """Return the order in which workers would begin the runs."""
    begun = []
    monkeypatch.setattr(
        scheduling, "side_by_side", lambda work, runs, jobs: [*map(begun.append, runs)] and []
    )
    assert fit_runs(runs, store, folder, progress=False, jobs=2) == {}
    return begun


def test_the_longest_runs_begin_first(tone_store, tmp_path, monkeypatch):
    long = dataclasses.replace(NORMAL, name="long", epochs=99)
    runs = [*RUNS, Run(TINY, ACCUMULATION, 0), Run(TINY, long, 0)]
    expected = [runs[3], runs[2], runs[0], runs[1]]
    assert order(runs, tone_store, tmp_path, monkeypatch) == expected


def test_of_runs_of_one_length_the_largest_begin_and_the_same_networks_follow_each_other(
    tone_store, tmp_path, monkeypatch
):
    whole = dataclasses.replace(ACCUMULATION, name="whole", accumulates=False, whole_batch=True)
    patient = dataclasses.replace(NORMAL, name="patient")
    phases = [NORMAL, l2_phase(0.1), ACCUMULATION, patient, whole]
    begun = order([Run(TINY, phase, 0) for phase in phases], tone_store, tmp_path, monkeypatch)
    assert [run.phase for run in begun] == [whole, ACCUMULATION, NORMAL, patient, l2_phase(0.1)]


def test_a_process_that_only_starts_workers_needs_no_keras():
    code = "import sys, genre_lib.experiment.scheduling; print('keras' in sys.modules)"
    call = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert call.stdout == "False\n"
