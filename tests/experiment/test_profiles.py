import dataclasses

import pytest

from genre_lib.experiment import DEMO, LAPTOP, PAPER, SMOKE


def test_paper_is_what_the_original_reports():
    assert (PAPER.window, PAPER.hop, PAPER.max_segments) == (110_250, 27_562, 21)
    assert (PAPER.width, PAPER.n_partitions, PAPER.rotations) == (1.0, 6, 6)
    assert (PAPER.batch_size, PAPER.epochs, PAPER.patience) == (32, 100, 5)
    assert PAPER.accumulated_batch_size == 8 * PAPER.micro_batch_size == 80
    assert PAPER.l2_lambdas == (0.01, 0.001, 0.0001)


def test_runs_that_were_kept_under_the_profiles_are_found_again():
    # A run lies in a folder of this name. A digest that changes orphans every kept run.
    digests = {profile.name: profile.digest() for profile in (SMOKE, DEMO, LAPTOP, PAPER)}
    assert digests == {
        "smoke": "fc4b7924",
        "demo": "e1480e32",
        "laptop": "4f25492b",
        "paper": "44136fa3",
    }


def test_what_shapes_a_run_changes_the_digest_and_nothing_else_does():
    digest = DEMO.digest()
    for change in ({"width": 0.5}, {"epochs": 11}, {"bn_momentum": 0.7}, {"partition_seed": 1}):
        assert dataclasses.replace(DEMO, **change).digest() != digest
    for change in (
        {"name": "mine"},
        {"seeds": (1, 2)},
        {"other_rotations": 3},
        {"variants": ()},
        {"improvements": ("improved",)},
        {"protocols": ("original",)},
        {"l2_lambdas": ()},
    ):
        assert dataclasses.replace(DEMO, **change).digest() == digest
    assert dataclasses.replace(PAPER, train_partitions=(1, 3)).digest() == PAPER.digest()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_partitions": 2}, "n_partitions=2"),
        ({"rotations": 7}, "1 to n_partitions=6"),
        ({"rotations": 0, "other_rotations": 0}, "1 to n_partitions=6"),
        ({"micro_batch_size": 81}, "larger than accumulated_batch_size"),
        ({"variants": ("patience", "patience")}, "variants.*each once"),
        ({"train_partitions": (2, 4)}, "train_partitions.*1 the first"),
        ({"train_partitions": (1, 5)}, r"train_partitions=\(1, 5\): of n_partitions=6, one val"),
    ],
)
def test_choices_that_cannot_be_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(PAPER, **change)
