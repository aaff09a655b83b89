from types import SimpleNamespace

from genre_lib.provenance import describe_computations


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
