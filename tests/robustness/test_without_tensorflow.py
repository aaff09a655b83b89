"""On a machine with JAX and without TensorFlow, everything runs that Python runs."""

import ast
import os
import subprocess
import sys

import pytest

from genre_lib.files import ROOT

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
    if module.name != "genre_lib.__main__":
        importlib.import_module(module.name)
for statement in sys.argv[1:]:
    exec(statement)
import keras
print(keras.backend.backend())
"""

TRAIN = """
import sys
from pathlib import Path
from genre_lib.corpus import SegmentStore
from genre_lib.experiment import NORMAL, Run, fit_run
from tones import TINY
result = fit_run(Run(TINY, NORMAL, 0), SegmentStore(Path(sys.argv[1])), sys.argv[2], progress=False)
print(result.facts["computation"]["backend"], result.probabilities.shape[1])
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """Run a script in a Python that knows JAX alone, and return what it prints."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
    path = os.pathsep.join(map(str, (folder, ROOT, ROOT / "tests")))
    env = os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": path, "MPLBACKEND": "agg"}

    def run(script, *arguments):
        command = [sys.executable, "-c", script, *map(str, arguments)]
        done = subprocess.run(command, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


def notebook_imports():
    """What the notebooks import, as statements, except for what only Colab has."""
    found = set()
    for path in sorted((ROOT / "notebooks").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                found.add(ast.unparse(node))
    return sorted(statement for statement in found if "google.colab" not in statement)


def test_everything_can_be_imported(python):
    statements = notebook_imports()
    assert any("genre_lib" in statement for statement in statements)
    assert python(IMPORT_ALL, *statements) == "jax"


def test_a_run_is_trained(python, tone_store, tmp_path):
    assert python(TRAIN, tone_store.folder, tmp_path).splitlines()[-1] == "jax 2"
