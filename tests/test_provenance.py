import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from genre_lib import provenance
from genre_lib.provenance import commit, describe_computations, machine, versions, without_home


def kept(device, precision, compiled):
    computation = {"device": device, "backend": "jax", "precision": precision, "compiled": compiled}
    return SimpleNamespace(facts={"computation": computation})


def test_runs_are_described_by_what_computed_them():
    gpu, cpu = kept("NVIDIA H100", "mixed_bfloat16", True), kept("CPU", "float32", False)
    assert describe_computations([cpu, gpu, gpu]) == (
        "NVIDIA H100: jax, mixed_bfloat16, compiled (2 runs); "
        "CPU: jax, float32, not compiled (1 run)"
    )


def test_runs_that_were_kept_before_say_their_backend():
    earlier = SimpleNamespace(facts={"backend": "tensorflow"})
    assert describe_computations([earlier]) == "tensorflow (1 run)"
    assert describe_computations([]) == "no run"


def test_versions_are_those_that_are_installed():
    found = versions()
    assert found["numpy"] == np.__version__
    assert "python" in found


def test_the_commit_is_that_of_the_checkout():
    head = subprocess.run(
        ["git", "-C", Path(__file__).parent, "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    found = commit().removesuffix(" (changed)")
    assert head.startswith(found) if head else found == "unknown"


@pytest.fixture
def other_repository(tmp_path):
    """A repository with one commit that is not the project's."""
    who = "-c", "user.name=a", "-c", "user.email=a@example.org"
    commit_of = [*who, "commit", "--quiet", "--allow-empty", "--message", "x"]
    for arguments in (["init", "--quiet"], commit_of):
        subprocess.run(["git", "-C", tmp_path, *arguments], check=True)
    return tmp_path


def test_the_commit_of_a_repository_around_the_project_is_not_its_own(
    other_repository, monkeypatch
):
    (other_repository / "sub").mkdir()
    monkeypatch.setattr(provenance, "__file__", str(other_repository / "sub" / "g" / "p.py"))
    assert commit() == "unknown"


def test_where_git_is_pointed_to_does_not_matter(other_repository, monkeypatch):
    expected = commit()
    for name, place in {"DIR": ".git", "WORK_TREE": "", "INDEX_FILE": "no-index"}.items():
        monkeypatch.setenv(f"GIT_{name}", str(other_repository / place))
    assert commit() == expected


def test_without_a_home_a_text_stays_as_it_is(monkeypatch):
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_000)  # whom no list of users names
    assert without_home("/music: is not there") == "/music: is not there"


def test_nothing_says_whose_machine_it_is():
    home = str(Path.home())
    assert home not in " ".join(machine().values())
    assert without_home(f"{home}/music: is not there") == "~/music: is not there"
