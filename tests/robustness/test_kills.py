"""Calls that make a report are killed at random moments, and called again until it is done.

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
from pathlib import Path

import keras
import nbformat
import numpy as np
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from genre_lib.binding.markdown import bind
from genre_lib.experiment.kept import load_run
from genre_lib.network.resnet1d import Res1D

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("KILLS", "3"))
SEED = int(os.environ.get("SEED", "0"))
VICTIMS = {
    "the process group": None,
    "the kernel": "ipykernel_launcher",
    "a worker": "loky.backend.popen_loky",
}

# The whole of `make_report`, with a notebook in place of its six.
CALL = """
import sys
from pathlib import Path
from genre_lib.binding import execution, report
home, data, out = map(Path, sys.argv[1:])
report.ROOT = home
try:
    report.make_report("smoke", data, out, home)
except execution.ReportError as error:
    sys.exit(f"genre_lib report: {error}")
"""
PARAMETERS = 'profile = "smoke"\ndata = ""\nhome = ".."'
TRAIN = """
import dataclasses
from genre_lib import get_profile, open_workspace
from genre_lib.experiment.phases import NORMAL
small = dataclasses.replace(
    get_profile(profile), n_partitions=3, rotations=3, max_segments=1, batch_size=2, epochs=12
)
results = open_workspace(small, data, home).runs(NORMAL)[NORMAL]
"""
SHOW = """
from genre_lib.figures import network, results, style
from genre_lib.display import show_figure, show_table
histories = [result.history for result in results]
show_table(histories[0].drop(columns="seconds"), "The first training.")
show_figure(results.learning_curves(histories, "All"), "All trainings.")
"""


@dataclasses.dataclass
class Trial:
    """One report: where its home, its audio and its output are."""

    home: Path
    data: Path

    def __post_init__(self):
        (self.home / "notebooks").mkdir(parents=True)
        (self.home / "report").symlink_to(ROOT / "report")
        cells = [new_code_cell(PARAMETERS), new_code_cell(TRAIN), new_code_cell(SHOW)]
        cells[0].metadata["tags"] = ["parameters"]
        kernel = {"name": "python3", "display_name": "", "language": "python"}
        notebook = new_notebook(
            cells=[new_markdown_cell("# A small report"), *cells], metadata={"kernelspec": kernel}
        )
        nbformat.write(notebook, self.home / "notebooks" / "1_small.ipynb")

    @property
    def out(self):
        return self.home / "out"

    def call(self):
        """Call, in a process group of its own."""
        # The same number of threads for every training, whichever process it is in.
        threads = {f"TF_NUM_{kind}OP_THREADS": "1" for kind in ("INTRA", "INTER")}
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        environment = os.environ | threads | {"GENRE_JOBS": "2", "PYTHONPATH": path}
        with (self.home / "log").open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-c", CALL, self.home, self.data, self.out],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def finish(self):
        """Call until the report is done, which it is at once."""
        assert self.call().wait() == 0, (self.home / "log").read_text()

    def runs(self):
        return sorted(path.parent for path in self.home.glob("runs/*/*/*/*/run.json"))

    def outcome(self):
        """Everything that the report and its runs say, but for times."""
        page = re.sub(r"\s+", " ", (self.out / "report.html").read_text())
        page = re.sub(r"(Made on|Duration of this call)</td>\s*<td[^>]*>[^<]*", "", page)
        bound = bind(
            sorted((self.out / "notebooks").glob("*.ipynb")),
            self.home / "bound",
            title="The same",
            subtitle="",
            authors=(),
            date="",
            provenance=[],
            template_dir=ROOT / "report",
        )
        said = {"page": page} | {path.name: _digest(path.read_bytes()) for path in bound}
        for folder in self.runs():
            result, name = load_run(folder), folder.relative_to(self.home).as_posix()
            said[name, "history"] = result.history.drop(columns="seconds").to_csv()
            said[name, "predictions"] = result.facts["sha256"]["predictions.npz"]
            weights = _weights(folder / "model.keras")
            said[name, "weights"] = _digest(b"".join(np.ascontiguousarray(w) for w in weights))
        return said


def _weights(path):
    known = {"genre_lib>Res1D": Res1D}
    return keras.saving.load_model(path, custom_objects=known, compile=False).get_weights()


def _digest(content):
    return hashlib.sha256(content).hexdigest()


def kill_at(call, victim, moment):
    """Kill part of a call, or all of it; return whether it was still there."""
    end = time.monotonic() + moment
    while call.poll() is None:
        time.sleep(0.05)
        if time.monotonic() < end:
            continue
        if VICTIMS[victim] is None:
            os.killpg(call.pid, signal.SIGKILL)
            call.wait()
            return True
        for process in _descendants(call.pid, VICTIMS[victim]):
            try:
                process.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
            return True
    return False


def _descendants(pid, part):
    try:
        family = psutil.Process(pid).children(recursive=True)
        return [p for p in family if any(part in argument for argument in p.cmdline())]
    except psutil.Error:
        return []


@pytest.fixture(scope="module")
def undisturbed(tone_corpus, tmp_path_factory):
    """What comes of a call that nothing happens to, and its seconds."""
    trial = Trial(tmp_path_factory.mktemp("undisturbed") / "home", tone_corpus)
    begin = time.monotonic()
    trial.finish()
    return trial.outcome(), time.monotonic() - begin


def test_reports_that_are_killed_go_on_and_end_alike(undisturbed, tone_corpus, tmp_path):
    outcome, seconds = undisturbed
    assert len(outcome) == 3 + 3 * 3
    rng = np.random.default_rng(SEED)
    kills = resumed = identical = trials = 0
    while kills < KILLS:
        trials += 1
        trial = Trial(tmp_path / f"home-{trials}", tone_corpus)
        of_this_one = 0
        while kills + of_this_one < KILLS:
            victim, moment = list(VICTIMS)[(kills + of_this_one) % 3], rng.uniform(0, seconds)
            call = trial.call()
            killed = kill_at(call, victim, moment)
            kept = {folder: (folder / "run.json").read_bytes() for folder in trial.runs()}
            status = call.wait()
            log = (trial.home / "log").read_text()
            if not killed:
                assert status == 0, log
                break
            of_this_one += 1
            print(f"\n  {moment:5.1f} s: {victim} killed, {len(kept)} runs kept", end="")
            if victim == "the kernel" and status == 0:
                # It had run its last cell: nobody misses it.
                assert (trial.out / "report.pdf").is_file(), log
            elif victim == "the kernel":
                assert status == 1
                assert "1_small.ipynb" in log
                assert "SIGKILL" in log or "died before" in log  # while it started
                assert "call again" in log
            elif victim == "a worker":
                assert status == 0, log
        trial.finish()
        assert all((folder / "run.json").read_bytes() == text for folder, text in kept.items())
        resumed += of_this_one
        identical += of_this_one * (trial.outcome() == outcome)
        kills += of_this_one
        assert not list(trial.home.glob("runs/**/.*")), "left over"
    print(f"\nkills {kills}, resumed {resumed}, identical {identical}")
    assert kills == resumed == identical
