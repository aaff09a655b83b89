import json

import pytest
from click.testing import CliRunner

from genre_lib.experiment import PAPER
from genre_lib.network import devices
from genre_lib.network.devices import Device
from genre_lib.results.speed import read_published
from tests.benchmarks.speed.benchmark import Options, choose_options, take_turns
from tests.benchmarks.speed.command import main
from tests.benchmarks.speed.rivals import Process, Rival


@pytest.mark.parametrize(("device", "width"), [(Device("GPU", True), 1.0), (Device(), 0.125)])
def test_what_fits_the_device_is_chosen_unless_it_is_given(device, width, monkeypatch):
    monkeypatch.setattr(devices, "find_device", lambda: device)
    assert choose_options().width == width
    assert choose_options(width=0.5, batch_sizes=[8]).batch_sizes == (8,)
    assert choose_options(quick=True).profile.window < PAPER.window


class Sleeper:
    """A rival whose seconds are known, and that cannot do everything."""

    def __init__(self, profile, store, speed=1.0):
        self.speed = speed

    def train(self, batch_size, n_batches):
        return batch_size * n_batches / self.speed

    def predict(self, batch_size, n_batches):
        raise MemoryError("does not fit\nat all")


class Bar:
    def set_description(self, text):
        pass


def test_rivals_take_turns_and_one_that_fails_is_left_out():
    options = Options(repeats=3, seconds=10.0)
    rivals = [Rival("this project", Sleeper, "", {"speed": 8.0}), Rival("other", Sleeper)]
    processes = [Process(rival, options.profile, None) for rival in rivals]
    try:
        trained = take_turns(processes, "training", 32, options, Bar())
        predicted = take_turns(processes, "inference", 84, options, Bar())
        again = take_turns(processes, "training", 32, options, Bar())
    finally:
        for process in processes:
            process.close()
    assert [(r["what"], r["value"], r["unit"]) for r in trained] == [
        ("this project", 8.0, "segments/s"),
        ("other", 1.0, "segments/s"),
    ]
    assert [r["repeats"] for r in trained] == [[8.0] * 3, [1.0] * 3]
    assert [(r["value"], r["note"]) for r in predicted] == [(None, "MemoryError: does not fit")] * 2
    assert [r["value"] for r in again] == [8.0, 1.0]


def test_the_command_measures_and_keeps_what_the_library_reads(tmp_path):
    arguments = ["--quick", "--only", "store", "--out", str(tmp_path)]
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert "10 tracks, read and stored" in done.stdout
    (path,) = tmp_path.iterdir()
    assert done.stdout.splitlines()[-1] == str(path)
    assert read_published("speed", tmp_path) == [json.loads(path.read_text())]
