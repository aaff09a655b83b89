"""What Binder installs is enough to open published results."""

import ast
import subprocess
import sys
from importlib.metadata import packages_distributions

from genre_lib.files import ROOT

BINDER = ROOT / ".binder"
ELSEWHERE = ("__main__.py", "binding", "corpus/download.py")  # what published results do not need
NEITHER = {"tensorflow", "torch", "distributed", "genre_lib"}


def imported():
    """Return the top-level modules that the library imports to show published results."""
    home, names = ROOT / "genre_lib", set()
    for path in home.rglob("*.py"):
        if not path.relative_to(home).as_posix().startswith(ELSEWHERE):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - NEITHER


def test_binder_installs_what_published_results_need_and_no_tensorflow():
    lines = (BINDER / "requirements.txt").read_text().splitlines()
    listed = {line for line in lines if line[0] not in "#-"}
    assert "-c ../requirements.lock" in lines
    providers = packages_distributions()
    brought = {"ipython"}  # by ipykernel
    needed = {providers[name][0].lower() for name in imported()}
    assert needed - brought <= listed
    assert not {name for name in listed if name.startswith("tensorflow")}


def test_binder_starts_with_published_results():
    show = "import genre_lib.workspace as w; print(w.choose_profile().name, w.__file__)"
    command = [BINDER / "start", sys.executable, "-c", show]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    profile, place = done.stdout.split(maxsplit=1)
    assert profile == "laptop"
    assert place.startswith(str(ROOT))
