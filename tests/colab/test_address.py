"""The notebooks know where the project lies, as far as that is known at all."""

import json
import re
import shutil
import tomllib

import jupytext
import nbformat
import pytest

from tests.colab.address import COLAB, FIRST, ROOT, find_address, write_address

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ADDRESS = PROJECT.get("urls", {}).get("Repository", "")


def set_up(path):
    return next(c.source for c in jupytext.read(path).cells if c.cell_type == "code")


def repository(path):
    return re.search(r'repository = "(.*)"', set_up(path))[1]


def badges(path):
    return re.findall(rf'{COLAB}[^"\\)\s]*', path.read_text(encoding="utf-8"))


def test_all_notebooks_begin_with_the_same_cell():
    assert len({set_up(path) for path in NOTEBOOKS}) == 1


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_gives_the_address_that_pyproject_gives(path):
    assert repository(path) == ADDRESS, "call `make address`"
    place = f"/blob/main/notebooks/{path.stem}.ipynb"
    badge = ADDRESS.replace("https://github.com/", COLAB) + place if ADDRESS else COLAB
    for file in (path, path.with_suffix(".ipynb")):
        assert badges(file) == [badge], "call `make address`"


def test_an_address_is_written_everywhere_and_can_be_replaced(tmp_path):
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "README.md").write_text(f"[![Open in Colab](badge.svg)]({COLAB}) and more\n")
    (tmp_path / "CITATION.cff").write_text("version: 0.1\nreferences:\n  - version: 2\n")
    for name in ("anna/genres", "bert/music.genres"):
        write_address(address := f"https://github.com/{name}", name, tmp_path)
        for path in sorted((tmp_path / "notebooks").glob("*.py")):
            notebook = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
            sources = [cell.source for cell in jupytext.read(path).cells]
            assert [cell.source for cell in notebook.cells] == sources
            assert repository(path) == address
            assert badges(path) == [f"{COLAB}{name}/blob/main/notebooks/{path.stem}.ipynb"]
        shown = f"{COLAB}{name}/blob/main/notebooks/{FIRST}.ipynb"
        assert f"]({shown}) and more" in (tmp_path / "README.md").read_text()
        cited = (tmp_path / "CITATION.cff").read_text().splitlines()
        assert cited[:3] == ["version: 0.1", f"repository-code: {address}", "references:"]
        project = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
        assert project == PROJECT | {"urls": {"Repository": address}}


def test_only_what_concerns_the_address_is_changed(tmp_path):
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "README.md").touch()
    write_address("https://github.com/a/b", "a/b", tmp_path)
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        old, new = path.read_text("utf-8"), (tmp_path / "notebooks" / path.name).read_text("utf-8")
        assert len({*new.splitlines()} - {*old.splitlines()}) == 2
        assert json.loads(new).keys() == json.loads(old).keys()


@pytest.mark.parametrize(
    "given",
    [
        "https://github.com/anna/genres",
        "https://github.com/anna/genres.git/",
        "git@github.com:anna/genres.git",
    ],
)
def test_the_forms_of_an_address_are_known(given):
    assert find_address(given) == ("https://github.com/anna/genres", "anna/genres")


@pytest.mark.parametrize(
    "given", ["https://example.org/anna/genres", "genres", "https://github.com/anna"]
)
def test_another_address_is_refused(given):
    with pytest.raises(SystemExit, match=re.escape(given)):
        find_address(given)
