"""Every choice that cannot be is refused before anything is made, and named."""

import dataclasses
import os
import subprocess
import sys

import pytest

from genre_lib.experiment import PAPER
from genre_lib.waveform import SHORTEST_WINDOW
from genre_lib.workspace import open_workspace

CHOICES = {
    "a lambda below 0": ({"l2_lambdas": (0.01, -0.1)}, r"l2_lambdas=\(0.01, -0.1\): expected"),
    "a lambda that is no number": ({"l2_lambdas": (float("nan"),)}, "l2_lambdas"),
    "a lambda twice": ({"l2_lambdas": (0.1, 0.1)}, "l2_lambdas.*each once"),
    "a lambda without its tuple": ({"l2_lambdas": 0.01}, "l2_lambdas=0.01: expected a tuple"),
    "a micro-batch larger than the batch": (
        {"micro_batch_size": 81},
        "micro_batch_size=81 is larger than accumulated_batch_size=80",
    ),
    "no segment in a batch": ({"batch_size": 0}, "batch_size=0: expected a whole number from 1"),
    "half a segment in a micro-batch": ({"micro_batch_size": 0.5}, "micro_batch_size=0.5"),
    "no epoch": ({"epochs": 0}, "epochs=0"),
    "a patience below 0": ({"patience": -1}, "patience=-1"),
    "no filters": ({"width": 0}, "width=0: expected a number above 0"),
    "a momentum of 1": ({"bn_momentum": 1.0}, "bn_momentum=1.0: expected a number .* below 1"),
    "a rate below 0": ({"learning_rate": -1e-3}, "learning_rate=-0.001"),
    "a window shorter than the network": (
        {"window": SHORTEST_WINDOW - 1},
        "window=59048: expected a whole number from 59049",
    ),
    "no segments": ({"max_segments": 0}, "max_segments=0"),
    "two partitions": ({"n_partitions": 2}, "n_partitions=2.* use 3 or more"),
    "more rotations than partitions": ({"rotations": 7}, "expected 1 to n_partitions=6"),
    "no seed": ({"seeds": ()}, r"seeds=\(\): expected .* one at least"),
    "half a rotation": ({"rotations": 1.5}, "rotations=1.5: expected a whole number"),
    "a yes as a number": ({"epochs": True}, "epochs=True: expected a whole number from 1"),
    "an unknown precision": ({"precision": "float16"}, "precision='float16': expected one of auto"),
    "an unknown compilation": ({"jit_compile": "yes"}, "jit_compile='yes': expected one of auto"),
    "a list of protocols in a tuple": ({"protocols": (["original"],)}, "protocols"),
    "a name that leaves its folder": ({"name": "../paper"}, "name='../paper': expected 1 to 60"),
    "a name that formats text": ({"name": "my*profile*"}, "name="),
    "no name": ({"name": ""}, "name=''"),
    "an unknown protocol": ({"protocols": ("orignal",)}, "protocols.*from original, no_rep"),
    "an unknown variant": ({"variants": ("momentun",)}, "variants.*from l2-mean"),
    "an unknown improvement": ({"improvements": ("mixdown",)}, "improvements.*from crops"),
}


@pytest.mark.parametrize(("change", "message"), CHOICES.values(), ids=CHOICES)
def test_a_choice_that_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(PAPER, **change)


def test_an_unknown_profile_is_told_with_those_that_are_known():
    with pytest.raises(ValueError, match=r"profile 'full' .* expected one of smoke, demo.*own"):
        open_workspace("full")


def test_a_mistake_in_the_file_of_profiles_is_told_in_one_line(copy_library, tmp_path):
    copy_library(tmp_path)
    with (tmp_path / "genre_lib/experiment/profiles.py").open("a") as file:
        file.write('\nMINE = Profile("mine", l2_lambdas=(-1.0,))\n')
    run = subprocess.run(
        [sys.executable, "-m", "genre_lib", "report"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    (line,) = run.stderr.splitlines()
    assert line.startswith("genre_lib/experiment/profiles.py: l2_lambdas=(-1.0,): expected")
