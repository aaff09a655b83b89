import dataclasses

from made_runs import run_with
from tones import TINY

from genre_lib.experiment import (
    ACCUMULATION,
    Run,
    compare_reductions,
    measure_statistics,
    measure_updates,
    split_segments,
)
from genre_lib.experiment.models import build_model


def test_an_update_is_measured_in_three_ways_and_once(tmp_path):
    table = measure_updates(TINY, tmp_path, progress=False)
    assert list(table["update"]) == ["2.66667 x 3", "1 x 8", "1 x 8, rematerialised"]
    assert (table["memory"] >= 0).all()
    assert (table["seconds"] > 0).all()
    # A second measurement would have other times.
    assert measure_updates(TINY, tmp_path, progress=False).equals(table)


def test_only_the_mean_agrees_with_whole_batches_whatever_the_size_of_an_epoch():
    table = compare_reductions()
    assert list(table) == ["optimizer", "examples in an epoch", "mean", "sum", "keras"]
    table = table.set_index(["optimizer", "examples in an epoch"])
    assert (table["mean"] < 1e-4).all()
    # 400 are five full batches; the 27 left over of 427 Keras carries into the next epoch.
    assert (table.xs(400, level=1)["keras"] < 1e-4).all()
    assert (table.xs(427, level=1)["keras"] > 0.1).all()
    assert (table.loc["SGD", "sum"] > 1).all()
    assert table.loc[("Adam", 400), "sum"] < 0.01


def test_statistics_of_micro_batches_are_measured_on_a_batch_of_the_training_segments(
    tone_store, tmp_path
):
    run = Run(TINY, ACCUMULATION, 1)
    build_model(run, 2).save(tmp_path / "model.keras")
    result = dataclasses.replace(run_with([1], rotation=1), folder=tmp_path)
    few, parts, whole = (
        measure_statistics(dataclasses.replace(TINY, **sizes), result, tone_store)
        for sizes in (
            {},
            {"accumulated_batch_size": 4, "micro_batch_size": 2},
            {"accumulated_batch_size": 4, "micro_batch_size": 4},
        )
    )
    assert list(parts["layer"]) == ["norm_in", "norm_out"]
    assert list(parts["segments"]) == list(whole["segments"]) == [4, 4]
    # An epoch may have fewer segments than a batch.
    assert set(few["segments"]) == {len(split_segments(run, tone_store)["train"])} < set(range(8))
    errors = ["mean", "deviation"]
    assert (parts[errors] > 10 * whole[errors]).all(axis=None)
