import subprocess
from pathlib import Path

import jupytext
import nbformat
import pytest

from genre_lib.corpus.audio import AUDIO_SUFFIXES

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))


def cells(notebook):
    return [
        (cell["cell_type"], cell["source"].strip(), cell["metadata"].get("tags", []))
        for cell in notebook["cells"]
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_and_its_script_are_in_step(path):
    script = jupytext.read(path)
    notebook = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    assert cells(notebook) == cells(script), "call `make notebooks`, and commit both files"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_shown_on_the_web_was_executed_from_top_to_bottom(path):
    notebook = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    counts = [c["execution_count"] for c in notebook["cells"] if c["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1)), "call `make notebooks`"
    assert not [
        output
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if output["output_type"] == "error"
    ]


def test_no_audio_is_committed():
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    assert not [path for path in paths if path.suffix.lower() in AUDIO_SUFFIXES]
    for path in paths:
        if path.suffix in (".ipynb", ".html"):
            text = path.read_text()
            assert "<audio" not in text, path
            assert "data:audio" not in text, path
