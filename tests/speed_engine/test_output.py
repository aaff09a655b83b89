import json

from tests.benchmarks.speed.derived import figure_row
from tests.benchmarks.speed.output import save, show

MEASURED = {
    "device": "NVIDIA H100 80GB HBM3",
    "figures": [
        figure_row("training", "this project, jax", [90.0, 100.0, 110.0], "segments/s", 32),
        figure_row("training", "plain Keras", [20.0, 25.0, 30.0], "segments/s", 32),
        figure_row("training", "PyTorch", [], "segments/s", 32, "RuntimeError: no compiler"),
        figure_row("store", "1000 tracks", [40.0], "tracks/s"),
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


def test_what_was_measured_is_kept_by_device(tmp_path):
    path = save(MEASURED, tmp_path / "benchmarks")
    assert path.name == "speed-nvidia-h100-80gb-hbm3.json"
    assert json.loads(path.read_text()) == MEASURED
    assert save(MEASURED, tmp_path / "mine.json").name == "mine.json"
    assert save({"device": "CPU", "growth": []}, tmp_path).name == "growth-cpu.json"
