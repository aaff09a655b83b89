"""Notebooks that fail and kernels that die are told in one message: which, where and why."""

import json
import os
import sys
import time

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from genre_lib.binding import ReportError, run_notebooks


def notebook_of(path, *cells, tags=()):
    notebook = new_notebook(
        cells=[new_code_cell(cell, metadata={"tags": list(tags)}) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
    )
    nbformat.write(notebook, path)
    return path


def kernels_alive():
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if process.status() != psutil.STATUS_ZOMBIE and "ipykernel" in " ".join(process.cmdline())
    ]


def test_notebooks_are_executed_with_their_parameters(tmp_path):
    first, second = (notebook_of(tmp_path / f"{name}.ipynb", "print(n)") for name in "ab")
    (tmp_path / "out" / "notebooks").mkdir(parents=True)
    (tmp_path / "out" / "notebooks" / "old.ipynb").touch()
    executed = run_notebooks([first, second], tmp_path / "out", {"n": 7})
    assert [path.name for path in executed] == ["a.ipynb", "b.ipynb"]
    assert sorted(executed) == sorted((tmp_path / "out" / "notebooks").iterdir())
    for path in executed:
        assert nbformat.read(path, 4).cells[-1].outputs[0].text == "7\n"
    assert kernels_alive() == []


def test_what_would_come_out_the_same_is_not_executed_again(tmp_path):
    first, second = (
        notebook_of(tmp_path / f"{name}.ipynb", "import time; time.time_ns()") for name in "ab"
    )

    def times(n=7, made_from="these runs"):
        executed = run_notebooks([first, second], tmp_path / "out", {"n": n}, made_from)
        return [nbformat.read(path, 4).cells[-1].outputs[0].data["text/plain"] for path in executed]

    before = times()
    assert times() == before
    notebook_of(second, "import time; time.time_ns() + 1")
    after = times()
    assert after[0] == before[0]
    assert after[1] != before[1]
    assert not set(times(n=8)) & set(after)
    assert not set(times(n=8, made_from="other runs")) & set(times(n=8))


NOISY = """
import os, sys, warnings
os.write(2, b"as compiled code does\\n")
print("as libraries do", file=sys.stderr)
warnings.warn("mend this")
"""


def test_only_what_a_notebook_warns_of_is_shown_unless_everything_is_wanted(
    tmp_path, capfd, monkeypatch
):
    monkeypatch.delenv("GENRE_VERBOSE", raising=False)
    notebooks = [notebook_of(tmp_path / f"{name}.ipynb", NOISY) for name in "ab"]
    run_notebooks(notebooks, tmp_path / "quiet", {"n": 7})
    lines = map(str.strip, capfd.readouterr().err.replace("\r", "\n").split("\n"))
    assert [line for line in lines if line and "Notebooks" not in line] == ["a.ipynb: mend this"]
    monkeypatch.setenv("GENRE_VERBOSE", "1")
    run_notebooks(notebooks, tmp_path / "loud", {"n": 7})
    loud = capfd.readouterr().err
    assert all(s in loud for s in ("as compiled code does", "as libraries do", "mend this"))


def test_a_notebook_that_failed_is_executed_again(tmp_path):
    flag = tmp_path / "flag"
    notebook = notebook_of(tmp_path / "a.ipynb", f"print(open({str(flag)!r}).read())")
    with pytest.raises(ReportError, match="FileNotFoundError"):
        run_notebooks([notebook], tmp_path / "out", {})
    flag.write_text("now")
    (executed,) = run_notebooks([notebook], tmp_path / "out", {})
    assert nbformat.read(executed, 4).cells[-1].outputs[0].text == "now\n"


def test_a_notebook_that_fails_is_named_with_its_cell(tmp_path):
    notebook = notebook_of(tmp_path / "bad.ipynb", "x = 1", "raise RuntimeError('no disk')")
    with pytest.raises(ReportError, match=r"bad.ipynb, cell \d: RuntimeError: no disk"):
        run_notebooks([notebook], tmp_path / "out", {})
    # As far as it went, for a look.
    cells = nbformat.read(tmp_path / "out" / "notebooks" / "bad.ipynb", 4).cells
    assert cells[-1].outputs[0].ename == "RuntimeError"
    assert kernels_alive() == []


@pytest.mark.parametrize(
    ("last", "why"),
    [
        ("import os\nos.kill(os.getpid(), 9)", r"was killed \(SIGKILL: .*memory"),
        ("import os\nos.kill(os.getpid(), 11)", r"was killed \(SIGSEGV"),
        ("import os\nos._exit(3)", "ended by itself, with exit status 3"),
    ],
)
def test_a_kernel_that_dies_is_named_with_its_cell_and_its_end(last, why, tmp_path, capfd):
    last = last.replace("\n", "\nos.write(2, b'its last words'); __import__('time').sleep(1)\n")
    notebook = notebook_of(tmp_path / "bad.ipynb", "x = 1", last)
    with pytest.raises(ReportError) as told:
        run_notebooks([notebook], tmp_path / "out", {})
    assert "its last words" in capfd.readouterr().err
    assert told.match(r"bad.ipynb, cell \d, which begins with 'import os': the kernel " + why)
    assert told.match("call again")
    assert "\n" not in str(told.value)


def test_a_kernel_that_dies_while_it_starts_is_told(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit(1)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    notebook = notebook_of(tmp_path / "bad.ipynb", "x = 1")
    with pytest.raises(ReportError, match=r"bad.ipynb: .*died.*call again"):
        run_notebooks([notebook], tmp_path / "out", {})


def test_notebooks_run_in_this_python_whatever_is_called_python3_elsewhere(tmp_path, monkeypatch):
    spec = tmp_path / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    stillborn = {"argv": [sys.executable, "-c", "raise SystemExit(1)"], "language": "python"}
    spec.write_text(json.dumps(stillborn | {"display_name": "of a hub"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    notebook = notebook_of(tmp_path / "a.ipynb", "import sys", "print(sys.executable)")
    (executed,) = run_notebooks([notebook], tmp_path / "out", {})
    assert nbformat.read(executed, 4).cells[-1].outputs[0].text.strip() == sys.executable


def test_a_path_may_have_any_characters(tmp_path):
    folder = tmp_path / "{n} {x} $HOME ~ é"
    folder.mkdir()
    notebook = notebook_of(folder / "{a}.ipynb", "print(n)")
    assert run_notebooks([notebook], folder, {"n": 7}) == [folder / "notebooks" / "{a}.ipynb"]
    assert (folder / "notebooks" / "{a}.ipynb").is_file()


def test_notebooks_run_side_by_side(tmp_path):
    # Each waits for the other, in the folder where both are.
    cells = """
import pathlib, time
pathlib.Path({own!r}).touch()
while not pathlib.Path({other!r}).exists():
    time.sleep(0.05)
"""
    notebooks = [
        notebook_of(tmp_path / f"{own}.ipynb", cells.format(own=own, other=other))
        for own, other in ("ab", "ba")
    ]
    executed = run_notebooks(notebooks, tmp_path / "out", {}, jobs=2)
    assert [path.name for path in executed] == ["a.ipynb", "b.ipynb"]


def test_a_notebook_that_fails_stops_those_beside_it(tmp_path):
    more = "\n# those with the most code begin first" * 9
    bad = notebook_of(tmp_path / "b.ipynb", f"import time; time.sleep(2); 1 / 0{more}")
    never = notebook_of(tmp_path / "c.ipynb", f"open({str(tmp_path / 'begun')!r}, 'w')")
    # And before them, those with a cell that is known to be slow.
    slow = notebook_of(tmp_path / "d.ipynb", "import time; time.sleep(600)", tags=["slow"])
    begin = time.monotonic()
    with pytest.raises(ReportError, match=r"b.ipynb, cell \d: ZeroDivisionError"):
        run_notebooks([bad, never, slow], tmp_path / "out", {}, jobs=2)
    assert time.monotonic() - begin < 120
    assert kernels_alive() == []
    assert not (tmp_path / "begun").exists()
