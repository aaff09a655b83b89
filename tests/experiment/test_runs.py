import dataclasses

import pytest

from genre_lib.experiment import (
    ACCUMULATION,
    NORMAL,
    PAPER,
    Phase,
    Run,
    plan,
    protocol_phase,
    variant_phases,
    with_more_data,
)

WHOLE = Phase("whole", whole_batch=True)


def test_the_plan_of_the_paper_is_thirty_runs():
    runs = plan(PAPER)
    assert len(set(runs)) == 30
    assert [run.rotation for run in runs[:6]] == list(range(6))
    assert list(dict.fromkeys(run.phase.name for run in runs)) == [
        "normal",
        "l2-0.01",
        "l2-0.001",
        "l2-0.0001",
        "accumulation",
    ]


def test_seeds_multiply_the_plan():
    assert len(plan(dataclasses.replace(PAPER, seeds=(0, 1, 2)))) == 90


def test_each_kind_of_phase_has_its_rotations():
    assert len(plan(PAPER, protocol_phase("fault_filtered"))) == 1
    assert len(plan(PAPER, protocol_phase("artist_filtered"), ACCUMULATION)) == 12
    patience = variant_phases(PAPER)["patience"][0]
    assert len(plan(PAPER, patience)) == 1
    assert len(plan(dataclasses.replace(PAPER, variant_rotations=6), patience)) == 6
    assert len(plan(dataclasses.replace(PAPER, other_rotations=5), with_more_data(NORMAL, 4))) == 5
    few = dataclasses.replace(PAPER, rotations=3, other_rotations=2)
    assert len(plan(few, NORMAL, ACCUMULATION)) == 3 + 2


@pytest.mark.parametrize(
    ("phase", "batch_size", "step_setting", "step_size"),
    [
        (NORMAL, 32, "batch_size", 32),
        (ACCUMULATION, 80, "micro_batch_size", 10),
        (WHOLE, 80, "accumulated_batch_size", 80),
    ],
)
def test_a_run_knows_its_batches(phase, batch_size, step_setting, step_size):
    run = Run(PAPER, phase, 0)
    assert (run.batch_size, run.step_setting, run.step_size) == (
        batch_size,
        step_setting,
        step_size,
    )


def test_patience_in_updates_is_as_many_updates_as_the_normal_phase_waits_for():
    assert Run(PAPER, NORMAL, 0).patience == 5
    assert Run(PAPER, ACCUMULATION, 0).patience == 5
    patient = dataclasses.replace(ACCUMULATION, patience_in_updates=True)
    assert Run(PAPER, patient, 0).patience == 13  # 12.5 epochs of 80 have updates like 5 of 32
    assert Run(PAPER, dataclasses.replace(NORMAL, patience_in_updates=True), 0).patience == 5


def test_a_run_is_told_as_people_count():
    assert str(Run(PAPER, ACCUMULATION, rotation=1, seed=3)) == "accumulation, rotation 2, seed 3"
