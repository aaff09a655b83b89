"""What Windows and macOS lack or do differently is not needed, as far as Linux can show that."""

import os
import re
import subprocess
import sys
from pathlib import Path, PosixPath, PureWindowsPath

import pytest
from tones import write_tone, write_tones

from genre_lib import provenance
from genre_lib.corpus import load_corpus, tracks
from genre_lib.experiment import PROFILES, plan
from genre_lib.experiment.phases import improvement_phases, variant_phases
from genre_lib.files import ROOT

# What Python for Windows does not have, of what a program like this one might use.
WITHOUT_POSIX = """
import builtins, importlib, os, pkgutil, signal, sys
from pathlib import Path

def import_all():
    import genre_lib
    for module in pkgutil.walk_packages(genre_lib.__path__, "genre_lib."):
        importlib.import_module(module.name)

import_all()  # the libraries have their own answers to this
for name in [name for name in sys.modules if name.partition(".")[0] == "genre_lib"]:
    del sys.modules[name]
for name in "fcntl grp posix pty pwd readline resource syslog termios tty".split():
    sys.modules[name] = None  # importing it fails
for place, names in {
    os: "fork forkpty getuid geteuid getgid getppgid getpgid killpg mkfifo nice sched_getaffinity "
        "setsid statvfs sync uname wait chown getloadavg pread",
    signal: "SIGKILL SIGHUP SIGALRM SIGUSR1 SIGCHLD alarm pause setitimer sigwait pthread_kill",
}.items():
    for name in names.split():
        place.__dict__.pop(name, None)
import_all()
"""

WORK = """
from genre_lib.corpus import build_store, load_corpus
from genre_lib.experiment import NORMAL, Run, fit_run
from genre_lib.network.allocation import keep_memory
from genre_lib.network.memory import available_memory
from genre_lib.provenance import machine
from tones import TINY

corpus, home = Path(sys.argv[1]), Path(sys.argv[2])
store = build_store(load_corpus(corpus, cache=home, min_samples=TINY.window, progress=False), home)
result = fit_run(Run(TINY, NORMAL, 0), store, home / "runs", progress=False)
before, sys.platform = dict(os.environ), "win32"
keep_memory()
assert os.environ == before
print(len(result.probabilities), available_memory() > 0, len(machine()))
"""


def python(code, *arguments, **environment):
    path = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": path} | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_without_what_windows_lacks_every_module_is_imported_and_a_run_is_trained(tmp_path):
    folder = write_tones(tmp_path / "tones")
    found = python(WITHOUT_POSIX + WORK, folder, tmp_path / "home").splitlines()[-1]
    n_predictions, *others = found.split()
    assert int(n_predictions) > 0
    assert others == ["True", "3"]


def test_names_of_other_alphabets_need_no_encoding_of_the_system(tmp_path):
    for genre in ("Forró", "日本"):
        write_tone(tmp_path / "music" / genre / "São João.wav")
    code = """
import locale, sys
from pathlib import Path
from genre_lib.corpus import build_store, load_corpus
assert locale.getencoding() not in ("utf-8", "UTF-8"), locale.getencoding()
folder, home = map(Path, sys.argv[1:])
for _ in range(2):
    corpus = load_corpus(folder, cache=home, min_samples=9, progress=False)
    print(ascii(build_store(corpus, home, progress=False).genres))
"""
    # Python then takes the system's encoding for ASCII, which is stricter than that of Windows.
    no_utf8 = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    found = python(code, tmp_path / "music", tmp_path / "home", **no_utf8)
    assert found.splitlines() == [ascii(["Forró", "日本"])] * 2


class WindowsPath(PosixPath):
    """A path whose part below another is written as on Windows."""

    def relative_to(self, *other):
        return PureWindowsPath(*super().relative_to(*other).parts)


def test_a_file_is_named_alike_on_every_system(tmp_path, monkeypatch):
    write_tone(tmp_path / "genres" / "rock" / "an artist" / "a song.wav")
    expected = load_corpus(tmp_path, min_samples=9, progress=False)
    monkeypatch.setattr(tracks, "Path", WindowsPath)
    found = load_corpus(tmp_path, min_samples=9, progress=False)
    assert list(found["file"]) == ["genres/rock/an artist/a song.wav"]
    assert found.equals(expected)


def test_a_home_is_left_out_of_an_error_of_windows(monkeypatch):
    home = r"C:\Users\anna"
    monkeypatch.setattr(provenance.os.path, "expanduser", lambda _: home)
    error = FileNotFoundError(2, "No such file", rf"{home}\music\a.wav")
    assert "anna" not in provenance.without_home(str(error))
    assert provenance.without_home(rf"{home}\music") == r"~\music"


_UNUSABLE = re.compile(r'[<>:"|?*\\\x00-\x1f]|[. ]$|^(?i:con|prn|aux|nul|com\d|lpt\d)(\.|$)')


def assert_portable(paths):
    """Windows refuses some names and long paths, and macOS takes upper for lower case."""
    paths = {*map(Path, paths)}
    assert paths
    assert not [path for path in paths if any(map(_UNUSABLE.search, path.parts))]
    assert len({str(path).casefold() for path in paths}) == len(paths)
    assert max(len(str(path)) for path in paths) < 180  # of 260, with the folder above


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_the_folders_of_runs_have_names_that_every_system_takes(profile):
    phases = [phase for found in variant_phases(profile).values() for phase in found]
    runs = plan(profile) + plan(profile, *phases, *improvement_phases(profile))
    assert_portable(f"{run.profile.name}/{run.phase.name}" for run in runs)


def test_the_files_of_the_project_have_names_that_every_system_takes():
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    assert_portable(filter(None, listed.stdout.split("\0")))
