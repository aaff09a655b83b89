"""What libraries print as they start is left out, and nothing else."""

import os
import subprocess
import sys

import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

PREAMBLE = "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR"
GREETING = "I0000 00:00:1700000000.000000      7 port.cc:1] oneDNN custom operations are on."
WARNING = "W0000 00:00:1700000000.000000      7 port.cc:1] This is slow."
FATAL = "F0000 00:00:1700000000.000000      7 port.cc:1] This cannot be."
OTHER = "what anybody else writes"


def environment(**settings):
    mine = {
        n: v for n, v in os.environ.items() if n not in ("TF_CPP_MIN_LOG_LEVEL", "TQDM_DISABLE")
    }
    return mine | settings


def call(code, **settings):
    """Run a script in a new process, and return what it prints to stdout and to stderr."""
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(**settings), capture_output=True, text=True
    )
    return done.stdout.splitlines(), done.stderr.splitlines()


@pytest.fixture
def tensorflow(tmp_path):
    """A folder with a TensorFlow that does no more than what it prints when it is imported."""
    lines = "\n".join([PREAMBLE, GREETING, WARNING, FATAL, OTHER, ""])
    (tmp_path / "tensorflow.py").write_text(f"import os\nos.write(2, {lines.encode()!r})\n")
    return tmp_path


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [FATAL, OTHER]),
        ({"TF_CPP_MIN_LOG_LEVEL": "1"}, [WARNING, FATAL, OTHER]),
        ({"TF_CPP_MIN_LOG_LEVEL": "0"}, [PREAMBLE, GREETING, WARNING, FATAL, OTHER]),
        ({"GENRE_VERBOSE": "1"}, [PREAMBLE, GREETING, WARNING, FATAL, OTHER]),
    ],
)
def test_what_tensorflow_prints_at_its_import_is_what_its_level_says(
    settings, expected, tensorflow
):
    path = os.pathsep.join([str(tensorflow), *sys.path])
    printed = call("import genre_lib, tensorflow", PYTHONPATH=path, **settings)
    assert printed == ([], expected)


def test_an_import_that_fails_says_why_and_stderr_is_as_it_was(tensorflow):
    with (tensorflow / "tensorflow.py").open("a") as file:
        file.write("raise ImportError('no such library')\n")
    code = """
import os, genre_lib
try:
    import tensorflow
except ImportError as error:
    os.write(2, str(error).encode())
"""
    path = os.pathsep.join([str(tensorflow), *sys.path])
    assert call(code, PYTHONPATH=path) == ([], [FATAL, OTHER, "no such library"])


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_importing_the_network_and_computing_print_nothing(backend):
    # Keras is first imported by the module of this layer, which that of the network imports.
    code = "from genre_lib.network import FusedBatchNormalization; import keras; keras.ops.ones(2)"
    assert call(code, KERAS_BACKEND=backend) == ([], [])


def test_tensorflow_does_not_load_jax_which_loads_when_it_is_asked_for():
    code = """
import gc, sys, genre_lib.network as network
network.build_resnet1d
print("tensorflow" in sys.modules, "jax" in sys.modules)
import jax
print(jax.numpy.ones(2).sum())
print(gc.isenabled(), gc.get_freeze_count())  # what the user has made is searched for garbage
"""
    assert call(code, KERAS_BACKEND="tensorflow") == (["True False", "2.0", "True 0"], [])


def test_a_process_of_the_project_loads_less_and_the_rest_when_it_is_asked_for():
    code = """
import gc, sys
from genre_lib.startup import load_less
load_less()
import keras
print(gc.isenabled(), gc.get_freeze_count() > 100_000)
extras = ("sklearn", "matplotlib")
print(*(name in sys.modules for name in extras))
import sklearn, matplotlib
print(*(hasattr(sys.modules[name], "__version__") for name in extras))
"""
    expected = ["True True", "False False", "True True"]
    assert call(code, KERAS_BACKEND="tensorflow") == (expected, [])


def test_in_a_notebook_neither_an_import_nor_a_bar_looks_like_an_error(tmp_path):
    cells = [
        "from genre_lib.network import build_resnet1d",
        "from genre_lib.progress import thread_map\n"
        "thread_map(abs, [-1, -2], desc='Taking', unit='value', progress=True);",
    ]
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, kernel_name="python3").execute(env=environment())
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    assert {output.name for output in outputs} == {"stdout"}
    assert "2/2" in "".join(output.text for output in outputs)
