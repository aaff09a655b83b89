"""On a machine with JAX and without TensorFlow, everything runs that Python runs."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.speed.growth import write_noise

ROOT = Path(__file__).parents[1]

pytest.importorskip("jax")

# Python reads it when it starts, in every process, kernels and workers too.
SITECUSTOMIZE = """
import sys

class Missing:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "torch"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing)
"""

IMPORT_ALL = """
import importlib, pkgutil, sys
import genre_lib
for module in pkgutil.walk_packages(genre_lib.__path__, "genre_lib."):
    if module.name not in ("genre_lib.__main__", "tests.benchmarks.speed.torch_resnet1d"):
        importlib.import_module(module.name)
for statement in sys.argv[1:]:
    exec(statement)
import keras
print(keras.backend.backend())
"""

TRAIN = """
import dataclasses, sys
from pathlib import Path
from genre_lib.corpus.tracks import load_corpus
from genre_lib.experiment.training import fit_run
from genre_lib.experiment.phases import NORMAL
from genre_lib.experiment.profiles import SMOKE
from genre_lib.experiment.runs import Run
from genre_lib.corpus.store import build_store
home = Path(sys.argv[1])
profile = dataclasses.replace(SMOKE, n_partitions=3, rotations=1, batch_size=4)
corpus = load_corpus(home / "audio", min_samples=profile.window, progress=False)
store = build_store(corpus, home / "cache", progress=False)
result = fit_run(Run(profile, NORMAL, 0), store, home / "runs", progress=False)
print(result.facts["computation"]["backend"], result.probabilities.shape)
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """Run a script in a Python that knows JAX alone, and return what it prints."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
    path = os.pathsep.join([str(folder), str(ROOT)])
    env = os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": path, "MPLBACKEND": "agg"}

    def run(script, *arguments):
        command = [sys.executable, "-c", script, *map(str, arguments)]
        done = subprocess.run(command, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


def notebook_imports():
    """What the notebooks import, as statements."""
    found = set()
    for path in sorted((ROOT / "notebooks").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                found.add(ast.unparse(node))
    return sorted(found)


def test_everything_can_be_imported(python):
    statements = notebook_imports()
    assert any("genre_lib" in statement for statement in statements)
    assert python(IMPORT_ALL, *statements) == "jax"


def test_a_run_is_trained(python, tmp_path):
    write_noise(tmp_path / "audio", 30, seconds=3)
    backend, shape = python(TRAIN, tmp_path).splitlines()[-1].split(" ", 1)
    assert backend == "jax"
    assert shape.endswith(", 10)")
