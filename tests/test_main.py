"""The command line: what it prints, and how it ends."""

import json
import os
import subprocess
import sys
import warnings

import pytest
from click.testing import CliRunner
from tones import write_tone

from genre_lib.__main__ import main
from genre_lib.files import ROOT


def call(*arguments):
    """Return the exit status and all that is printed."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert isinstance(result.exception, SystemExit | None)  # never a traceback
    return result.exit_code, result.output + str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["report", "--profile", "full"], "'full' is not known; expected one of smoke, demo"),
        (["publish", "--out", "x", "--profile", "no/such.toml"], "no/such.toml: No such file"),
        (["report", "--jobs", "0"], "0 is not in the range"),
        (["report", "--data", "no/such/folder"], "no/such/folder"),
        (["report", "--results", "no/such/folder"], "no/such/folder/results.json: no such file"),
        (["publish", "--out", "out", "--data", "no/such/folder"], "no/such/folder"),
        (["publish"], "Missing option '--out'"),
        (["data", "check", "no/such/folder"], "no/such/folder"),
    ],
)
def test_a_wrong_argument_is_told_without_a_traceback(arguments, expected):
    status, said = call(*arguments)
    assert status != 0
    assert expected in said


def test_what_is_wrong_with_a_folder_is_said_to_people_and_programs(tone_folder, tmp_path):
    status, said = call("data", "check", tone_folder)
    assert "14" in said
    as_json_status, as_json = call("data", "check", tone_folder, "--json")
    facts = json.loads(as_json.partition("\n")[0])
    assert as_json_status == status == (0 if facts["trainable"] else 1)
    absent_status, absent = call("data", "check", tmp_path / "absent", "--json")
    assert absent_status == 1
    assert "absent" in json.loads(absent.partition("\n")[0])["verdict"]


@pytest.fixture
def warning_report(monkeypatch):
    """Let a report be two warnings, one of this project and one of a library."""

    def make_report(*_):
        for module in ("genre_lib.experiment.scheduling", "keras.ops"):
            warnings.warn_explicit(f"of {module}", UserWarning, "file.py", 1, module)

    monkeypatch.setattr("genre_lib.binding.make_report", make_report)
    monkeypatch.setattr(os, "environ", {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
    monkeypatch.setattr(sys, "warnoptions", [])
    with warnings.catch_warnings():
        yield


@pytest.mark.usefixtures("warning_report")
def test_a_report_shows_what_this_project_warns_of_in_one_line():
    assert call("report") == (0, "Warning: of genre_lib.experiment.scheduling\nNone")


@pytest.mark.usefixtures("warning_report")
def test_a_verbose_report_shows_everything():
    with pytest.warns(UserWarning, match=r"of keras\.ops"):
        assert call("report", "--verbose")[0] == 0
    assert os.environ["GENRE_VERBOSE"]
    assert "TF_CPP_MIN_LOG_LEVEL" not in os.environ


def test_a_download_from_nowhere_is_told(tmp_path):
    status, said = call("data", "fetch", tmp_path, "--url", "http://127.0.0.1:9/a.tar.gz")
    assert status != 0
    assert "genre_lib data fetch" in said


def test_a_name_that_the_terminal_cannot_show_is_shown_with_replaced_characters(tmp_path):
    write_tone(tmp_path / "рок" / "a.wav")
    call = [sys.executable, "-m", "genre_lib", "data", "check", str(tmp_path)]
    env = os.environ | {"PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(call, env=env, capture_output=True, text=True, cwd=ROOT)
    assert "???" in done.stdout
    assert "Traceback" not in done.stderr
    assert done.returncode == 1  # one genre is too few
