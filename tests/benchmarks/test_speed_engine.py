import json
import time

import matplotlib
import numpy as np
import pandas as pd
import pytest

from genre_lib.experiment.profiles import PAPER
from genre_lib.figures.speed import growing_cost, training_rates
from genre_lib.network import devices
from genre_lib.network.devices import Device
from genre_lib.network.resnet1d import build_resnet1d
from genre_lib.results.speed import compare_rates, read_published, tabulate_rates
from tests.benchmarks.speed.benchmark import Options, choose_options, take_turns
from tests.benchmarks.speed.derived import derive
from tests.benchmarks.speed.growth import measure_store, write_noise
from tests.benchmarks.speed.limits import list_convolutions, seconds_at_least
from tests.benchmarks.speed.output import save, show
from tests.benchmarks.speed.rivals import Process, Rival

matplotlib.use("agg")


@pytest.fixture(scope="module")
def convolutions():
    """Those of the full network."""
    return list_convolutions(build_resnet1d())


def test_the_operations_are_those_of_the_network(convolutions):
    # By hand: the first layer makes 36 750 steps of 128 filters from 3 samples; and 1 + 9 * 2
    # convolutions, 2 shortcuts, the last convolution and the output layer follow it.
    assert convolutions["forward"].iloc[0] == 2 * 36_750 * 128 * 3
    assert len(convolutions) == 1 + 9 * 2 + 2 + 1 + 1
    assert convolutions["forward"].sum() == pytest.approx(13.9e9, rel=0.005)
    assert convolutions["training"].sum() == pytest.approx(41.7e9, rel=0.005)


def test_the_floor_is_set_by_the_slower_of_arithmetic_and_memory():
    table = pd.DataFrame(
        {
            "forward": [100, 10],
            "values_forward": [10, 100],
            "training": [300, 30],
            "values_training": [30, 300],
        }
    )
    floor = seconds_at_least(table, itemsize=2, product_rate=10.0, bandwidth=20.0)
    assert floor == {"forward": 10 + 10, "training": 30 + 30}
    no_arithmetic = seconds_at_least(table, 2, np.inf, bandwidth=20.0)
    assert no_arithmetic["forward"] == 1 + 10


def row(figure, what, values, batch=32, unit="segments/s", **more):
    value = sorted(values)[len(values) // 2] if values else None
    return {
        "figure": figure,
        "what": what,
        "batch": batch,
        "value": value,
        "unit": unit,
        "repeats": values,
        **more,
    }


MEASURED = {
    "device": "NVIDIA H100 80GB HBM3",
    "figures": [
        row("training", "this project, jax", [90.0, 100.0, 110.0]),
        row("training", "plain Keras", [20.0, 25.0, 30.0]),
        row("training", "PyTorch", [], note="RuntimeError: no compiler"),
        row("store", "1000 tracks", [40.0], batch=None, unit="tracks/s"),
    ],
}


def test_the_table_compares_with_this_project_and_says_what_was_skipped():
    ours, plain, torch, store = show(MEASURED).splitlines()[2:]
    assert ours.split("  ")[-1].strip() == "1.00"
    assert "25" in plain
    assert "20 to 30" in plain
    assert plain.rstrip().endswith("0.25")
    assert "skipped: RuntimeError: no compiler" in torch
    assert store.rstrip().endswith("tracks/s")


def test_rates_become_shares_margins_and_the_time_of_a_plan():
    figures = [
        row("training", "this project, jax", [100.0]),
        row("training", "plain Keras", [25.0]),
        row("inference", "this project, jax", [20.0], batch=84, unit="tracks/s"),
        row("feeder", "this project, jax", [500.0]),
    ]
    limits = {
        "device": "CPU",
        "product_rate": 2e12,
        "bandwidth": 3e9,
        "seconds_training": 0.004,
        "seconds_forward": 0.001,
    }
    found = {(r["what"], r["batch"]): r["value"] for r in derive(figures, limits, PAPER)}
    assert found["CPU: products", None] == pytest.approx(2.0)
    assert found["share of the floor in training, jax", 32] == pytest.approx(40)
    assert found["share of the floor in inference, jax", 84] == pytest.approx(100 * 20 * 21 * 0.001)
    assert found["the feeder against the training, jax", 32] == 5
    # A sixth of 1000 tracks at 21 segments, and another sixth of the tracks.
    minutes = 30 * (1000 / 6) * (21 / 100 + 1 / 20) / 60
    assert found["one epoch of each of 30 runs, 1000 tracks, jax", 32] == pytest.approx(minutes)
    assert len(found) == 6


def test_what_was_measured_is_kept_by_device(tmp_path):
    path = save(MEASURED, tmp_path / "benchmarks")
    assert path.name == "speed-nvidia-h100-80gb-hbm3.json"
    assert json.loads(path.read_text()) == MEASURED
    assert save(MEASURED, tmp_path / "mine.json").name == "mine.json"
    assert save({"device": "CPU", "growth": []}, tmp_path).name == "growth-cpu.json"


def test_what_was_kept_is_read_again(tmp_path):
    assert read_published("speed", tmp_path / "nothing") == []
    whole = MEASURED | {"machine": {}, "options": {}}
    save(whole, tmp_path)
    assert read_published("speed", tmp_path) == [whole]
    assert read_published("growth", tmp_path) == []
    growing = {"device": "CPU", "machine": {}, "growth": []}
    save(growing, tmp_path)
    assert read_published("growth", tmp_path) == [growing]
    (tmp_path / "speed-zz.json").write_text("[")
    with pytest.raises(ValueError, match=r"speed-zz\.json"):
        read_published("speed", tmp_path)
    (tmp_path / "speed-zz.json").write_text('{"figures": []}')
    with pytest.raises(ValueError, match="Measure again"):
        read_published("speed", tmp_path)


RATES = {
    "figures": [
        row("training", "this project, jax", [90.0, 100.0, 110.0]),
        row("training", "this project, tensorflow", [50.0]),
        row("training", "plain Keras", [20.0, 25.0, 30.0]),
        row("training", "PyTorch, eager", [40.0]),
        row("training", "PyTorch, compiled", [80.0]),
        row("training", "this project, jax", [120.0], batch=80),
        row("training", "PyTorch, eager", [], batch=80, note="out of memory"),
        row("inference", "this project, jax", [7.0], batch=84, unit="tracks/s"),
        row("store", "1000 tracks", [40.0], batch=None, unit="tracks/s"),
    ]
}


def test_rates_are_set_side_by_side():
    table = tabulate_rates(RATES).set_index("implementation")
    assert list(table) == ["training, batch 32", "training, batch 80", "inference"]
    assert list(table.loc["this project, jax"]) == [100, 120, 7]
    assert table.loc["PyTorch, eager"].isna().tolist() == [False, True, True]
    assert "1000 tracks" not in table.index


def test_the_comparison_is_with_the_fastest_of_each_kind():
    at_32, at_80 = compare_rates(RATES).split(". ")
    assert "this project, jax trains 100 segments" in at_32
    assert "4.00 times plain Keras" in at_32
    assert "1.25 times PyTorch, compiled" in at_32
    assert at_80.endswith("trains 120 segments a second.")
    assert compare_rates({"figures": []}) == ""


def test_rates_are_drawn_with_their_ranges():
    axis = training_rates(RATES["figures"]).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == [
        "this project, jax",
        "this project, tensorflow",
        "plain Keras",
        "PyTorch, eager",
        "PyTorch, compiled",
    ]
    assert sorted(bar.get_width() for bar in axis.patches) == [25, 40, 50, 80, 100, 120]
    assert axis.get_xlabel() == "segments a second"


@pytest.fixture(scope="module")
def growth():
    """Two runs each: in one process time is as tracks are, in two it is half of that."""
    cases = [(tracks, jobs) for tracks in (100, 300, 1000) for jobs in (1, 2)]
    return pd.DataFrame(
        [
            {
                "tracks": tracks,
                "jobs": jobs,
                "storing": tracks / 50,
                "training": tracks / jobs,
                "memory": 2**30,
            }
            for tracks, jobs in cases
        ]
    )


def test_cost_is_drawn_against_tracks(growth):
    time, memory = growing_cost(growth).axes
    lines = {line.get_label(): line for line in time.lines}
    assert set(lines) == {"1 process", "2 processes", "the store"}
    np.testing.assert_array_equal(lines["2 processes"].get_xydata()[-1], (1000, 500))
    assert [line.get_ydata()[0] for line in memory.lines] == [1, 1]
    assert time.get_ylabel() == "time [s]"
    assert memory.get_ylabel().endswith("[GiB]")


def test_a_store_of_noise_is_measured(tmp_path):
    write_noise(tmp_path / "audio", 20, seconds=6)
    found = measure_store(tmp_path / "audio", tmp_path / "cache")
    assert (found["tracks"], found["segments"]) == (20, 20)
    assert found["memory"] > 2**20
    assert min(found["reading"], found["storing"]) > 0


def test_what_fits_the_device_is_chosen_where_nothing_is_given(monkeypatch):
    for device, width in ((Device("GPU", True), 1.0), (Device(), 0.125)):
        monkeypatch.setattr(devices, "find_device", lambda device=device: device)
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


class Grower:
    """Keeps more than a pool would let a worker keep, had it no state that is needed."""

    def __init__(self, profile, store):
        self.kept = []

    def train(self, batch_size, n_batches):
        self.kept.append(np.ones(50_000_000))
        time.sleep(1.2)
        return len(self.kept)


def test_a_rival_keeps_what_it_holds_however_much_that_is():
    process = Process(Rival("this project", Grower), PAPER, None)
    try:
        assert [process.measure("train", 32, 1) for _ in range(3)] == [
            (1, None),
            (2, None),
            (3, None),
        ]
    finally:
        process.close()


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
