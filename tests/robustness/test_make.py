"""What is given to make arrives as it was given, and nothing else does."""

import os
import shutil
import subprocess

import pytest

from genre_lib.files import ROOT

if not shutil.which("make"):
    pytest.skip("make is not installed", allow_module_level=True)


@pytest.fixture
def make(tmp_path):
    """A function that calls make and returns the arguments with which it called Python."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nprintf "%s\\0" "$@"\n')
    python.chmod(0o755)
    (tmp_path / ".venv" / ".complete").touch()

    def call(*arguments, **environment):
        env = {name: os.environ[name] for name in os.environ if not name.startswith("MAKE")}
        call = ["make", *arguments]  # which prints no command before its output
        done = subprocess.run(
            call, cwd=tmp_path, env=env | environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert not (tmp_path / "ran").exists()
        return done.stdout.split("\0")[:-1]

    return call


@pytest.mark.parametrize(
    "path",
    [
        '12" singles',
        "it's",
        "Cash $ Money",
        "$HOME $(touch ran) $$",
        "a`touch ran`b",
        "$(shell touch ran)",
        "a; touch ran #",
        "{x} ~ \\ é",
        "-x",
    ],
)
def test_a_path_may_have_any_characters(make, path):
    names = ("DATA", "RESULTS", "OUT")
    given = [f"{name}={path}" for name in names]
    arguments = make("report", *given)
    for option in ("--data", "--results", "--out"):
        assert arguments[arguments.index(option) + 1] == path
    assert make("data", f"DATA={path}")[-1] == path
    assert make("publish", f"RESULTS={path}")[-1] == path


def test_what_is_not_given_is_left_to_the_command_line(make):
    options = make("report", "JOBS=")[3:]
    assert options == ["--data", "", "--results", "", "--out", "report/build"]
    options = make("report", "PROFILE=smoke", "JOBS=3")[3:]
    assert (options[:2], options[-2:]) == (["--profile", "smoke"], ["--jobs", "3"])
    assert make("report", "JOBS=", "VERBOSE=1")[3:] == [*make("report", "JOBS=")[3:], "--verbose"]


def test_variables_of_the_same_names_in_the_environment_are_not_read(make):
    exported = dict.fromkeys(
        ("PROFILE", "DATA", "RESULTS", "OUT", "JOBS", "VERBOSE"), "/somewhere/else"
    )
    assert make("report", **exported) == make("report")
