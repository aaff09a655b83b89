"""Every notebook runs on Colab from its first cell, twice: ``make test-colab PYTHON=python3.12``.

``.venv-colab-*`` gets the versions that Colab has of what the library and a kernel need:
``python3.12.txt`` are those of the first months of 2026, ``python3.13.txt`` those of August 2026.
A folder stands for ``/content``, the last commit for the repository on the web, and an empty module
for ``google.colab``.
"""

import json
import os
import re
import shutil
import subprocess
import tomllib

import nbformat
import pytest
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.utils import run_sync
from nbclient import NotebookClient

from tests.colab.address import ROOT

PYTHON = os.environ.get("COLAB", "")
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LACKING = {"cleanlab", "papermill", "pypandoc-binary", "typst"}

pytestmark = pytest.mark.skipif(not PYTHON, reason="installs gigabytes: call `make test-colab`")


def call(*arguments):
    done = subprocess.run(list(map(str, arguments)), stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout.strip()


def by_name(packages):
    return {re.sub("[-_.]+", "-", p["name"]).lower(): p["version"] for p in packages}


def installed(python):
    return by_name(json.loads(call(python, "-m", "pip", "list", "--format=json")))


@pytest.fixture(scope="module")
def versions():
    """The list of the versions that Colab has for the Python that was given."""
    name = call(PYTHON, "-c", "import sys; print('python{}.{}'.format(*sys.version_info))")
    path = ROOT / "tests" / "colab" / f"{name}.txt"
    assert path.is_file(), f"{PYTHON} is {name}. Expected a Python of Colab: python3.12 or 3.13"
    return path


@pytest.fixture(scope="module")
def environment(versions):
    """The folder of an environment like Colab's."""
    home = ROOT / f".venv-colab-{versions.stem}"
    done = home / versions.name
    if not done.is_file() or done.read_text() != versions.read_text():
        call(PYTHON, "-m", "venv", "--clear", home)
        call(home / "bin" / "python", "-m", "pip", "install", "-q", "-r", versions)
        module = home / "colab" / "google" / "colab" / "__init__.py"
        module.parent.mkdir(parents=True)
        module.touch()
        kernel = [
            str(home / "bin" / "python"),
            "-m",
            "ipykernel_launcher",
            "-f",
            "{connection_file}",
        ]
        kernel.append("--IPKernelApp.exec_lines=import google.colab")
        (home / "kernels" / "colab").mkdir(parents=True)
        kernel = json.dumps({"argv": kernel, "display_name": "Colab", "language": "python"})
        (home / "kernels" / "colab" / "kernel.json").write_text(kernel)
        shutil.copy(versions, done)
    return home


@pytest.fixture
def python(environment, versions):
    """The Python of the environment, which lacks again what an earlier notebook has installed."""
    python, begin = environment / "bin" / "python", environment / "begin.json"
    if not begin.is_file():
        begin.write_text(json.dumps(installed(python)))
    if added := installed(python).keys() - json.loads(begin.read_text()):
        call(python, "-m", "pip", "uninstall", "-q", "-y", *added)
        call(python, "-m", "pip", "install", "-q", "-r", versions)
    return python


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """The folder in which kernels begin; beside it lies the repository."""
    folder = tmp_path_factory.mktemp("colab")
    call("git", "clone", "-q", ROOT, folder / "remote")
    (folder / "content").mkdir()
    return folder / "content"


def test_pip_installs_only_what_colab_lacks(python):
    needs = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    report = call(python, "-m", "pip", "install", "-q", "--dry-run", "--report", "-", *needs)
    found, before = by_name(p["metadata"] for p in json.loads(report)["install"]), installed(python)
    changed = found.keys() & before.keys()
    told = (f"{name} {before.get(name, '')} -> {version}" for name, version in found.items())
    print("\npip installs", *told, sep="\n  ")
    assert found.keys() - changed == LACKING
    # Tabulate 0.9 cannot align headers; filelock 3.29, which images had before August 2026, cannot
    # be told to take no other kind of lock.
    assert changed <= {"filelock", "tabulate"}


def execute(path, environment, content):
    """Run a notebook with the profile smoke in a new kernel, and return what each cell printed."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        address = f'repository = "{(content.parent / "remote").as_uri()}"'
        cell.source = re.sub(r'repository = ".*"', address, cell.source)
        if "parameters" in cell.metadata.get("tags", []):
            cell.source += '\nprofile = "smoke"'
    kernels = KernelSpecManager(kernel_dirs=[str(environment / "kernels")])
    kernel = AsyncKernelManager(kernel_name="colab", kernel_spec_manager=kernels)
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    kept |= {name: os.environ[name] for name in os.environ if name.startswith(("PIP_", "SSL_"))}
    kept |= {"PATH": f"{environment / 'bin'}:{os.environ['PATH']}", "TQDM_DISABLE": "1"}
    kept |= {
        "PYTHONPATH": str(environment / "colab"),
        "IPYTHONDIR": str(content.parent / "ipython"),
    }
    try:
        NotebookClient(notebook, km=kernel, timeout=1200).execute(cwd=str(content), env=kept)
    finally:
        run_sync(kernel.shutdown_kernel)(now=True)
    outputs = [cell.get("outputs", []) for cell in notebook.cells]
    return ["".join(o.text for o in found if o.output_type == "stream") for found in outputs]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_its_first_cell_and_again_after_a_restart(
    path, python, environment, content
):
    for attempt in ("first", "after a restart"):
        printed = execute(content.parent / "remote" / "notebooks" / path.name, environment, content)
        print(f"\n{attempt}: {' '.join(printed).strip()}")
        assert not re.findall("^(?:ERROR|fatal): .*", printed[1], re.MULTILINE)
    assert {entry.name for entry in content.iterdir()} == {"genre"}
    assert not call("git", "-C", content / "genre", "status", "--porcelain")
    assert installed(python).keys() >= LACKING
