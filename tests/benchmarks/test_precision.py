"""Half precision costs no accuracy: the demo corpus with and without it, seed by seed."""

import dataclasses
import json

import numpy as np
import pytest

from genre_lib import provenance
from genre_lib.experiment import DEMO, NORMAL, fit_runs, plan
from genre_lib.network import devices
from genre_lib.results import accuracy, pool
from genre_lib.results.speed import PUBLISHED
from genre_lib.workspace import open_workspace

SEEDS = tuple(range(6))


def accuracies(precision, folder):
    """Accuracy of the test segments of the first rotation, one per seed."""
    profile = dataclasses.replace(DEMO, precision=precision, seeds=SEEDS, rotations=1)
    workspace = open_workspace(profile, home=folder)
    results = fit_runs(plan(profile, NORMAL), workspace.store, folder / "runs")
    assert len(results) == len(SEEDS)
    scores = [accuracy(pool([result]), of="segments") for result in results.values()]
    return np.array([score.value for score in scores])


def test_half_precision_agrees_within_noise(tmp_path):
    half = devices.choose_precision("auto", devices.find_device())
    if half == "float32":
        pytest.skip("no GPU: a CPU computes in float32 unless a profile says otherwise")
    single, halved = accuracies("float32", tmp_path), accuracies(half, tmp_path)
    differences = halved - single
    error = differences.std(ddof=1) / np.sqrt(len(SEEDS))
    found = {
        "corpus": "demo",
        "precision": half,
        "seeds": SEEDS,
        "float32": single.tolist(),
        "half": halved.tolist(),
        "mean difference": differences.mean(),
        "standard error": error,
        "device": devices.find_device().name,
        "versions": provenance.versions(),
    }
    print("\n" + json.dumps(found, indent=2))
    (PUBLISHED / "precision.json").write_text(json.dumps(found, indent=2) + "\n")
    assert abs(differences.mean()) <= 2 * error + 1e-9
