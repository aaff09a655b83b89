"""Where memory does not suffice, the message says what would fit."""

import dataclasses

import psutil
import pytest

from genre_lib.experiment.models import build_model, compile_model
from genre_lib.experiment.phases import ACCUMULATION, NORMAL, Phase
from genre_lib.experiment.profiles import PAPER
from genre_lib.experiment.runs import Run
from genre_lib.network import memory

MIB = 2**20

# The shortest window, at a sixteenth of the filters.
NARROW = dataclasses.replace(PAPER, window=59_049, width=0.0625, batch_size=16)


@pytest.fixture(scope="module")
def model():
    return build_model(Run(NARROW, NORMAL, 0), 10)


def test_the_estimate_is_what_was_measured(model):
    # What `step_memory.measure_updates` gives of 80 segments: 735 MiB, and 515 rematerialised.
    assert memory.segment_memory(model) / MIB == pytest.approx(735 / 80, rel=0.1)
    again = compile_model(NARROW, Phase("whole", whole_batch=True), 10, rematerialize=True)
    assert memory.segment_memory(again) / MIB == pytest.approx(515 / 80, rel=0.1)


def leave(monkeypatch, available):
    monkeypatch.setattr(memory, "available_memory", lambda: available)


def test_what_fits_is_let_through(model, monkeypatch):
    leave(monkeypatch, 16 * memory.segment_memory(model))
    memory.check_memory(model, Run(NARROW, NORMAL, 0))


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        (NORMAL, r"batch_size=16 takes about 0.1 GiB.*batch_size=5, or the phase accumulation"),
        (ACCUMULATION, "micro_batch_size=10 takes.*available. micro_batch_size=5 fits"),
        (Phase("whole", whole_batch=True), "accumulated_batch_size=80 takes.*micro_batch_size=5,"),
    ],
)
def test_what_does_not_is_refused_with_what_would(phase, said, model, monkeypatch):
    leave(monkeypatch, 11 * memory.segment_memory(model) // 2)
    with pytest.raises(MemoryError, match=said):
        memory.check_memory(model, Run(NARROW, phase, 0))


def test_where_nothing_fits_it_says_so(model, monkeypatch):
    leave(monkeypatch, 0)
    with pytest.raises(MemoryError, match="Not even one segment"):
        memory.check_memory(model, Run(NARROW, NORMAL, 0))


class ResourceExhaustedError(Exception):
    """As TensorFlow calls it."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ResourceExhaustedError("failed to allocate"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate"),
    ],
)
def test_what_a_backend_says_of_exhausted_memory_is_translated(error):
    one = Run(dataclasses.replace(NARROW, batch_size=32), NORMAL, 0)
    with (
        pytest.raises(MemoryError, match=r"batch_size=32\. Try batch_size=16, or the phase"),
        memory.explain_exhaustion(one),
    ):
        raise error


def test_other_errors_pass():
    with pytest.raises(KeyError), memory.explain_exhaustion(Run(NARROW, NORMAL, 0)):
        raise KeyError("track")


@pytest.mark.parametrize(("limit", "expected"), [("1000", 600), ("max", None), ("300", 0)])
def test_the_limit_of_the_control_group_counts(limit, expected, tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text(limit)
    (tmp_path / "memory.current").write_text("400")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    if expected is None:
        assert memory.available_memory() > 1000
    else:
        assert memory.available_memory() == expected
    assert memory.available_memory() <= psutil.virtual_memory().total
