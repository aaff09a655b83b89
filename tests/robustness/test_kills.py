"""Reports are killed at random moments, and made again until they are done.

KILLS (3 by default) says how often; SEED (0) which moments. `make test-reliability` kills 20 times.
"""

import dataclasses
import hashlib
import os
import re
import signal
import subprocess
import sys
import time

import nbformat
import numpy as np
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from genre_lib.binding import bind
from genre_lib.corpus import fingerprint
from genre_lib.experiment import BASELINES, SMOKE, KeptRuns, load_network, plan
from genre_lib.files import ROOT

KILLS = int(os.environ.get("KILLS", "3"))
SEED = int(os.environ.get("SEED", "0"))
VICTIMS = {
    "the process group": None,
    "the kernel": "ipykernel_launcher",
    "a worker": "loky.backend.popen_loky",
}

# Many short epochs: a training is interrupted more often than what comes before and after it.
CHANGES = {
    "n_partitions": 3,
    "rotations": 3,
    "max_segments": 1,
    "batch_size": 2,
    "epochs": 12,
    "l2_lambdas": (),
    "protocols": ("original",),
    "variants": (),
}
PROFILE = dataclasses.replace(SMOKE, **CHANGES)
RUNS = plan(PROFILE)
SMALLER = f"""
SMOKE = dataclasses.replace(SMOKE, **{CHANGES})
PROFILES["smoke"] = SMOKE
"""

PARAMETERS = "profile = None\ndata = None"
TRAIN = """
from genre_lib import open_workspace
from genre_lib.experiment import NORMAL
runs = open_workspace(profile, data).runs(NORMAL)[NORMAL]
"""
SHOW = """
from genre_lib.display import show_figure, show_table
from genre_lib.figures import learning_curves
histories = [run.history for run in runs]
show_table(histories[0].drop(columns="seconds"), "The first run.")
show_figure(learning_curves(histories, "All"), "All runs.")
"""


class Project:
    """A project with one small notebook in place of the real ones, and its report."""

    def __init__(self, folder, audio, kept_fingerprint):
        self.folder, self.audio, self.out = folder, audio, folder / "out"
        self.log = folder / "log"
        self.kept = KeptRuns(folder / "runs", kept_fingerprint)
        (folder / "notebooks").mkdir()
        (folder / "report").symlink_to(ROOT / "report")
        cells = [new_code_cell(PARAMETERS), new_code_cell(TRAIN), new_code_cell(SHOW)]
        cells[0].metadata["tags"] = ["parameters"]
        kernel = {"name": "python3", "display_name": "", "language": "python"}
        notebook = new_notebook(
            cells=[new_markdown_cell("# A small report"), *cells], metadata={"kernelspec": kernel}
        )
        nbformat.write(notebook, folder / "notebooks" / "01_small.ipynb")

    def make_report(self):
        """Call the command, in a process group of its own."""
        # The same number of threads for every training, whichever process it is in.
        threads = {f"TF_NUM_{kind}OP_THREADS": "1" for kind in ("INTRA", "INTER")}
        options = ["--profile", "smoke", "--data", self.audio, "--out", self.out, "--jobs", "2"]
        with self.log.open("w") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "genre_lib", "report", *options],
                cwd=self.folder,
                env=os.environ | threads | {"PYTHONPATH": str(self.folder)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def finish(self):
        """Make the report without a disturbance."""
        assert self.make_report().wait() == 0, self.log.read_text()

    def outcome(self):
        """Everything that the report and its runs say, except times."""
        page = re.sub(r"\s+", " ", (self.out / "report.html").read_text())
        page = re.sub(r"(Made on|Duration of this call)</td>\s*<td[^>]*>[^<]*", "", page)
        bound = bind(
            sorted((self.out / "notebooks").glob("*.ipynb")),
            self.folder / "bound",
            title="The same",
            subtitle="",
            authors=(),
            date="",
            provenance=[],
            template_dir=ROOT / "report",
        )
        said = {"page": page} | {path.name: digest(path.read_bytes()) for path in bound}
        for run, result in self.kept.load_all(RUNS).items():
            weights = [weight.tobytes() for weight in load_network(result).get_weights()]
            said[run] = [
                result.history.drop(columns="seconds").to_csv(),
                result.segments.to_csv(),
                digest(result.probabilities.tobytes()),
                digest(b"".join(weights)),
            ]
        return said

    def facts(self):
        """Return the facts of the runs that are kept, durations and checksums included."""
        return {run: result.facts for run, result in self.kept.load_all(RUNS).items()}

    def left_over(self):
        """List the files beside the kept runs that are part of none."""
        places = [self.kept.place(run) for run in [*RUNS, *plan(PROFILE, *BASELINES)]]
        files = (path for path in self.kept.runs_dir.rglob("*") if path.is_file())
        return [path for path in files if path.parent not in places]


def digest(content):
    return hashlib.sha256(content).hexdigest()


def kill_at(call, victim, moment):
    """Kill part of a call, or all of it; return whether that was still there."""
    end = time.monotonic() + moment
    while call.poll() is None:
        time.sleep(0.05)
        if time.monotonic() < end:
            continue
        if VICTIMS[victim] is None:
            os.killpg(call.pid, signal.SIGKILL)
            call.wait()
            return True
        for process in descendants(call.pid, VICTIMS[victim]):
            try:
                process.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
            return True
    return False


def descendants(pid, part):
    try:
        family = psutil.Process(pid).children(recursive=True)
        return [p for p in family if any(part in argument for argument in p.cmdline())]
    except psutil.Error:
        return []


def check_end(project, victim, status):
    """Check how a call ended of which a part was killed."""
    log = project.log.read_text()
    if victim == "a worker":
        assert status == 0, log
    elif victim == "the kernel" and status == 0:
        # It had run its last cell: nothing was missing.
        assert (project.out / "report.pdf").is_file(), log
    elif victim == "the kernel":
        assert status == 1, log
        assert "01_small.ipynb" in log
        assert "SIGKILL" in log or "died before" in log  # while it started
        assert "call again" in log


def assert_unchanged(before, after):
    """Check that no run that was kept has been made again."""
    assert {run: after.get(run) for run in before} == before


@pytest.fixture(scope="module")
def make_project(copy_library, tone_folder, tone_corpus, tmp_path_factory):
    """A function that makes a new project."""

    def make():
        folder = tmp_path_factory.mktemp("project")
        copy_library(folder)
        with (folder / "genre_lib" / "experiment" / "profiles.py").open("a") as file:
            file.write(SMALLER)
        return Project(folder, tone_folder, fingerprint(tone_corpus))

    return make


@pytest.fixture(scope="module")
def undisturbed(make_project):
    """What a call that nothing happens to makes, and its seconds."""
    project = make_project()
    begin = time.monotonic()
    project.finish()
    return project.outcome(), time.monotonic() - begin


def test_reports_that_are_killed_resume_and_end_alike(undisturbed, make_project):
    outcome, seconds = undisturbed
    assert len(outcome) == 3 + len(RUNS)  # the page, the HTML and the PDF
    rng = np.random.default_rng(SEED)
    kills = 0
    while kills < KILLS:
        project, kept, killed = make_project(), {}, True
        while killed and kills < KILLS:
            victim, moment = list(VICTIMS)[kills % 3], rng.uniform(0, seconds)
            call = project.make_report()
            killed = kill_at(call, victim, moment)
            status = call.wait()
            before, kept = kept, project.facts()
            assert_unchanged(before, kept)
            if killed:
                kills += 1
                print(f"\n  {moment:5.1f} s: {victim} killed, {len(kept)} runs kept", end="")
                check_end(project, victim, status)
            else:
                assert status == 0, project.log.read_text()
        project.finish()
        assert_unchanged(kept, project.facts())
        assert project.outcome() == outcome
        assert project.left_over() == []
    print(f"\n{kills} kills, and every report the same")
