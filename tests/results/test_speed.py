import json

import pytest

from genre_lib.results.speed import (
    compare_rates,
    describe_device,
    read_detectors,
    read_published,
    tabulate_limits,
    tabulate_rates,
)
from tests.benchmarks.speed.derived import figure_row
from tests.benchmarks.speed.output import save

SPEED = {
    "device": "CPU",
    "machine": {},
    "options": {},
    "figures": [
        figure_row("training", "this project, jax", [90.0, 100.0, 110.0], "segments/s", 32),
        figure_row("training", "this project, tensorflow", [50.0], "segments/s", 32),
        figure_row("training", "plain Keras", [20.0, 25.0, 30.0], "segments/s", 32),
        figure_row("training", "PyTorch, eager", [40.0], "segments/s", 32),
        figure_row("training", "PyTorch, compiled", [80.0], "segments/s", 32),
        figure_row("training", "this project, jax", [120.0], "segments/s", 80),
        figure_row("training", "PyTorch, eager", [], "segments/s", 80, "out of memory"),
        figure_row("inference", "this project, jax", [7.0], "tracks/s", 84),
        figure_row("store", "1000 tracks", [40.0], "tracks/s"),
    ],
}


def test_what_was_kept_is_read_again(tmp_path):
    assert read_published("speed", tmp_path / "nothing") == []
    save(SPEED, tmp_path)
    assert read_published("speed", tmp_path) == [SPEED]
    assert read_published("growth", tmp_path) == []
    growing = {"device": "CPU", "machine": {}, "growth": []}
    save(growing, tmp_path)
    assert read_published("growth", tmp_path) == [growing]


@pytest.mark.parametrize("content", ["[", '{"figures": []}'])
def test_a_file_that_the_benchmark_did_not_write_is_named(content, tmp_path):
    (tmp_path / "speed-zz.json").write_text(content)
    with pytest.raises(ValueError, match=r"speed-zz\.json.*Measure again"):
        read_published("speed", tmp_path)


def test_rates_are_set_side_by_side():
    table = tabulate_rates(SPEED).set_index("implementation")
    assert list(table) == ["training, batch 32", "training, batch 80", "inference"]
    assert list(table.loc["this project, jax"]) == [100, 120, 7]
    assert table.loc["PyTorch, eager"].isna().tolist() == [False, True, True]
    assert "1000 tracks" not in table.index


def test_the_comparison_is_with_the_fastest_of_each_kind():
    at_32, at_80 = compare_rates(SPEED).split(". ")
    assert "this project, jax trains 100 segments" in at_32
    assert "4.00 times plain Keras" in at_32
    assert "1.25 times PyTorch, compiled" in at_32
    assert "this project, jax trains 120 segments" in at_80
    assert "times" not in at_80
    assert compare_rates({"figures": []}) == ""


def test_each_precision_is_compared_where_both_were_measured():
    rates = {
        "this project, tensorflow": 100.0,
        "this project, tensorflow, bfloat16": 160.0,
        "plain Keras, tensorflow, float32": 50.0,
        "PyTorch, eager, float32": 80.0,
        "PyTorch, eager, bfloat16": 128.0,
    }
    figures = [figure_row("training", what, [rate], "", 32) for what, rate in rates.items()]
    single, half = compare_rates({"figures": figures}).split(". ")
    assert single.endswith(
        "this project, tensorflow trains 100 segments per second: 2.00 times plain Keras, "
        "tensorflow, float32, and 1.25 times PyTorch, eager, float32"
    )
    assert half.endswith("160 segments per second: 1.25 times PyTorch, eager, bfloat16.")
    figures = figures[:1] + figures[2:]  # as on a GPU, where the precision is chosen
    assert compare_rates({"figures": figures}).endswith("0.78 times PyTorch, eager, bfloat16.")


def test_a_device_is_named_with_its_machine():
    machine = {"processor": "Xeon_E5", "memory": "16 GiB", "cores": 8}
    measured = {"device": "NVIDIA *H100*", "machine": machine}
    assert describe_device(measured) == r"NVIDIA \*H100\* (Xeon\_E5, 16 GiB)"


def test_limits_are_what_is_not_a_rate():
    table = tabulate_limits(SPEED)
    assert table.to_dict("records") == [
        {"figure": "store", "what": "1000 tracks", "batch": None, "value": 40, "unit": "tracks/s"}
    ]


def test_measured_detectors_are_tables_by_name(tmp_path):
    rows = [{"second track": "gain -12 dB", "recall": 1.0}]
    content = {"same recordings": rows, "distortions": rows * 2, "versions": {"numpy": "2.4"}}
    (tmp_path / "detectors.json").write_text(json.dumps(content))
    tables = read_detectors(tmp_path)
    assert {name: len(table) for name, table in tables.items()} == {
        "same recordings": 1,
        "distortions": 2,
    }
    assert tables["same recordings"].to_dict("records") == rows
    assert {"same recordings", "distortions"} <= set(read_detectors())
