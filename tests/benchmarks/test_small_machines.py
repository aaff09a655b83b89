"""Little memory and one core. Run by `make benchmark` and `make test-reliability`.

The limit is a hard one on what a process allocates (RLIMIT_DATA, private writable memory), which
all of its children inherit: what goes beyond fails. Libraries and the store are mapped from files,
and not counted by it; they are in the peaks of resident memory, which are measured as well.
"""

import dataclasses
import os
import resource
import subprocess
import sys
import time

import psutil

from genre_lib.files import ROOT
from tests.benchmarks.speed.growth import write_noise

GIB = 2**30
TRACKS = 1000

REPORT = """
import sys
from genre_lib.binding import make_report
make_report("smoke", out=sys.argv[1], home=sys.argv[2])
"""
PAPER = """
import dataclasses, sys
from pathlib import Path
from genre_lib.corpus import build_store, load_corpus
from genre_lib.experiment import NORMAL, PAPER, Run, fit_run
home = Path(sys.argv[1])
narrow = dataclasses.replace(PAPER, name="narrow", width=1 / 32, epochs=1)
store = build_store(load_corpus(home / "audio", progress=False), home / "cache", progress=False)
result = fit_run(Run(narrow, NORMAL, 0), store, home / "runs", progress=False)
assert len(result.history) == 1
print(len(result.segments), "segments predicted")
"""


@dataclasses.dataclass
class Measured:
    """A call under limits: its peaks of resident memory, process by process, and its seconds."""

    peaks: dict
    seconds: float

    def __str__(self):
        peak = max(self.peaks.values()) / GIB
        return f"{len(self.peaks)} processes, peak {peak:.2f} GiB, {self.seconds:.0f} s"


def run_under(limit, cores, script, *arguments):
    def restrict():
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])

    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    begin, peaks = time.monotonic(), {}
    call = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        preexec_fn=restrict,
        env=os.environ | {"PYTHONPATH": path},
    )
    while call.poll() is None:
        time.sleep(0.1)
        try:
            root = psutil.Process(call.pid)
            for process in (root, *root.children(recursive=True)):
                peaks[process.pid] = max(peaks.get(process.pid, 0), process.memory_info().rss)
        except psutil.Error:
            continue
    assert call.returncode == 0
    return Measured(peaks, time.monotonic() - begin)


def test_a_report_on_one_core_in_three_gigabytes_a_process(tmp_path):
    measured = run_under(3 * GIB, 1, REPORT, tmp_path / "out", tmp_path / "home")
    print(f"\n  smoke report of the demo corpus, one core: {measured}")
    assert (tmp_path / "out" / "report.pdf").is_file()
    assert max(measured.peaks.values()) < 3 * GIB


def test_a_thousand_tracks_in_four_gigabytes(tmp_path):
    write_noise(tmp_path / "audio", TRACKS)
    measured = run_under(4 * GIB, len(os.sched_getaffinity(0)), PAPER, tmp_path)
    print(f"\n  paper, 1/32 of the filters, one epoch of {TRACKS} tracks: {measured}")
    assert max(measured.peaks.values()) < 4 * GIB
