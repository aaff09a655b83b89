"""What importing the package does, and what it offers."""

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import genre_lib

HOME = Path(genre_lib.__file__).parent
ROOMS = ["genre_lib", *(f"genre_lib.{stub.parent.name}" for stub in HOME.glob("*/__init__.pyi"))]
KEPT_NETWORK = Path(__file__).parent / "network" / "kept_network.keras"


def python(code, *arguments, **environment):
    """Run a script in a new process, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_package_and_its_rooms_imports_no_backend():
    code = """
import importlib, sys
for room in sys.argv[1:]:
    importlib.import_module(room)
print(sorted({"keras", "tensorflow", "jax", "torch", "librosa", "matplotlib"} & set(sys.modules)))
"""
    assert python(code, *ROOMS) == "[]"


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_offers_the_names_that_its_stub_lists(room):
    module = importlib.import_module(room)
    stub = Path(module.__file__).with_suffix(".pyi")
    imports = [
        node for node in ast.parse(stub.read_text()).body if isinstance(node, ast.ImportFrom)
    ]
    names = [alias.asname for node in imports for alias in node.names]
    assert names
    assert sorted(module.__all__) == sorted(names)
    assert set(names) <= set(dir(module))
    for name in names:
        assert getattr(module, name) is not None


@pytest.mark.parametrize("imports", ["import genre_lib, keras", "import keras, genre_lib"])
def test_a_kept_network_can_be_loaded_once_the_package_is_imported(imports):
    code = (
        f"{imports}\nimport sys, keras\nprint(keras.saving.load_model(sys.argv[1]).count_params())"
    )
    assert int(python(code, KEPT_NETWORK).splitlines()[-1]) > 0


def test_runs_can_be_trained_and_kept_on_a_system_without_fcntl(tmp_path):
    code = """
import sys
sys.modules["fcntl"] = None  # importing it fails
from pathlib import Path
import genre_lib.experiment
from genre_lib.files import locked
for name in genre_lib.experiment.__all__:
    getattr(genre_lib.experiment, name)
with locked(Path(sys.argv[1]) / "run.lock"):
    print("locked")
"""
    assert python(code, tmp_path).splitlines()[-1] == "locked"


@pytest.mark.parametrize(("chosen", "expected"), [(None, "1"), ("0", "0")])
def test_onednn_is_on_unless_it_is_turned_off(chosen, expected, monkeypatch):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    code = "import genre_lib, os; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    environment = {"TF_ENABLE_ONEDNN_OPTS": chosen} if chosen else {}
    assert python(code, **environment) == expected


def test_without_a_home_caches_lie_in_a_folder_that_goes_with_the_process(monkeypatch):
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "MPLCONFIGDIR"):
        monkeypatch.delenv(name, raising=False)
    code = """
import os, genre_lib, matplotlib
from numba.misc.appdirs import user_cache_dir
for path in (user_cache_dir(), matplotlib.get_configdir(), matplotlib.get_cachedir()):
    os.makedirs(path, exist_ok=True)
    print(path)
"""
    folders = python(code, HOME="/proc/none").splitlines()
    assert len(folders) == 3
    assert not any(Path(folder).exists() for folder in folders)


def test_with_a_home_caches_lie_where_they_always_do(tmp_path):
    code = "import os; was = {*os.environ}; import genre_lib; print({*os.environ} - was)"
    assert "XDG" not in python(code, HOME=str(tmp_path))
