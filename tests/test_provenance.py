import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from genre_lib.provenance import commit, describe_computations, machine, versions, without_home


def kept(device, precision, compiled):
    computation = {"device": device, "backend": "jax", "precision": precision, "compiled": compiled}
    return SimpleNamespace(facts={"computation": computation})


def test_runs_are_described_by_what_computed_them():
    gpu, cpu = kept("NVIDIA H100", "mixed_bfloat16", True), kept("CPU", "float32", False)
    assert describe_computations([cpu, gpu, gpu]) == (
        "NVIDIA H100: jax, mixed_bfloat16, compiled (2 runs); "
        "CPU: jax, float32, not compiled (1 run)"
    )


def test_runs_that_were_kept_before_say_their_backend():
    earlier = SimpleNamespace(facts={"backend": "tensorflow"})
    assert describe_computations([earlier]) == "tensorflow (1 run)"
    assert describe_computations([]) == "no run"


def test_versions_are_those_that_are_installed():
    found = versions()
    assert found["numpy"] == np.__version__
    assert "python" in found


def test_the_commit_is_that_of_the_checkout():
    head = subprocess.run(
        ["git", "-C", Path(__file__).parent, "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    found = commit().removesuffix(" (changed)")
    assert head.startswith(found) if head else found == "unknown"


def test_nothing_says_whose_machine_it_is():
    home = str(Path.home())
    assert home not in " ".join(machine().values())
    assert without_home(f"{home}/music: is not there") == "~/music: is not there"
