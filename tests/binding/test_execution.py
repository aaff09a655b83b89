"""A kernel that dies is told in one message: which notebook, which cell, why."""

import json
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from genre_lib.binding.execution import ReportError, run_notebooks


def dying(path, *cells):
    notebook = new_notebook(
        cells=[new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
    )
    nbformat.write(notebook, path)
    return path


@pytest.mark.parametrize(
    ("last", "why"),
    [
        ("import os\nos.kill(os.getpid(), 9)", r"was killed \(SIGKILL: .*memory"),
        ("import os\nos.kill(os.getpid(), 11)", r"was killed \(SIGSEGV"),
        ("import os\nos._exit(3)", "ended by itself, with exit status 3"),
    ],
)
def test_a_kernel_that_dies_is_named_with_its_cell_and_its_end(last, why, tmp_path):
    notebook = dying(tmp_path / "bad.ipynb", "x = 1", last)
    with pytest.raises(ReportError) as told:
        run_notebooks([notebook], tmp_path / "out", {})
    assert told.match(r"bad.ipynb, cell \d, which begins with 'import os': the kernel " + why)
    assert told.match("call again")
    assert "\n" not in str(told.value)


def test_a_kernel_that_dies_while_it_starts_is_told(tmp_path, monkeypatch):
    stillborn = {"argv": [sys.executable, "-c", "raise SystemExit(1)"], "language": "python"}
    spec = tmp_path / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps(stillborn | {"display_name": "stillborn"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    notebook = dying(tmp_path / "bad.ipynb", "x = 1")
    with pytest.raises(ReportError, match=r"bad.ipynb: .*died.*call again"):
        run_notebooks([notebook], tmp_path / "out", {})
