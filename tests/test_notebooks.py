import json
import re
import subprocess
from pathlib import Path

import jupytext
import nbformat
import pypandoc
import pytest

from genre_lib.corpus.audio import AUDIO_SUFFIXES

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
BIBLIOGRAPHY = ROOT / "report" / "references.bib"


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
def test_no_line_of_prose_reads_as_an_entry_of_a_numbered_list(path):
    prose = [source for kind, source, _ in cells(jupytext.read(path)) if kind == "markdown"]
    assert not re.findall(r"^[0-9]+[.)] .*", "\n".join(prose), flags=re.MULTILINE)


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


def read_works():
    """Return the key of each work in references.bib by its address."""
    works = json.loads(pypandoc.convert_file(BIBLIOGRAPHY, "csljson", format="bibtex"))
    return {f"https://doi.org/{w['DOI']}" if "DOI" in w else w["URL"]: w["id"] for w in works}


def list_works(keys):
    """Return a Markdown list of works, each as the report's own list has it."""
    options = [f"--bibliography={BIBLIOGRAPHY}", f"--csl={ROOT / 'report' / 'numeric.csl'}"]
    options += ["--citeproc", "--wrap=none", "--metadata=lang:en"]
    cited = " ".join(f"[@{key}]" for key in keys)
    text = pypandoc.convert_text(cited, "commonmark-raw_html", "markdown", extra_args=options)
    return [re.sub(r"^\\\[\d+\\\]", "-", entry) for entry in text.strip().split("\n\n")[1:]]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_cites_with_links_and_ends_with_a_list_of_what_it_cites(path):
    texts = [c for c in jupytext.read(path)["cells"] if c["cell_type"] == "markdown"]
    lists = [c for c in texts if c["source"].startswith("## References")]
    prose = "\n".join(c["source"] for c in texts if c not in lists)
    assert "[@" not in path.read_text(), "only the report shows that as a citation"
    works, links = read_works(), dict.fromkeys(re.findall(r"\]\((https?://[^)\s]+)\)", prose))
    assert not set(links) - set(works), "links to nothing in references.bib"
    if links:
        assert lists == texts[-1:]
        assert lists[0]["metadata"]["tags"] == ["notebook-only"]  # the report has one list
        items = list_works(works[link] for link in links)
        assert lists[0]["source"].splitlines() == ["## References", "", *items]
    else:
        assert not lists


def test_neither_audio_nor_a_large_file_is_committed():
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    assert not [path for path in paths if path.suffix.lower() in AUDIO_SUFFIXES]
    assert not [path for path in paths if path.exists() and path.stat().st_size > 5e6]
    for path in paths:
        if path.suffix in (".ipynb", ".html"):
            text = path.read_text()
            assert "<audio" not in text, path
            assert "data:audio" not in text, path
