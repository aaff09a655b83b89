"""If memory does not suffice, the message says what would fit."""

import psutil
import pytest

from genre_lib.network import build_resnet1d, memory
from genre_lib.waveform import SHORTEST_WINDOW

MIB = 2**20


def narrow(**settings):
    """The shortest window, at a sixteenth of the filters."""
    return build_resnet1d(SHORTEST_WINDOW, width=0.0625, **settings)


@pytest.fixture(scope="module")
def model():
    return narrow()


def test_the_estimate_is_what_was_measured(model):
    # What `measure_updates` measured for 80 segments: 735 MiB, and 515 MiB rematerialised.
    assert memory.segment_memory(model) / MIB == pytest.approx(735 / 80, rel=0.1)
    assert memory.segment_memory(narrow(rematerialize=True)) / MIB == pytest.approx(
        515 / 80, rel=0.1
    )


def test_half_precision_takes_half(model):
    half = narrow(dtype="mixed_bfloat16")
    assert memory.segment_memory(half) == pytest.approx(memory.segment_memory(model) / 2, rel=0.05)


@pytest.fixture
def leave(model, monkeypatch):
    """Pretend that there is memory for this many segments."""

    def pretend(segments):
        available = int(segments * memory.segment_memory(model))
        monkeypatch.setattr(memory, "available_memory", lambda: available)

    return pretend


def test_what_fits_is_let_through(model, leave):
    leave(16)
    memory.check_memory(model, "batch_size", 16)


@pytest.mark.parametrize(
    ("setting", "size", "said"),
    [
        (
            "batch_size",
            16,
            r"batch_size=16 takes about 0.1 GiB.* available. batch_size=5, or the phase "
            "accumulation with micro_batch_size=5, fits",
        ),
        ("micro_batch_size", 10, "micro_batch_size=10 takes.* available. micro_batch_size=5 fits"),
        ("accumulated_batch_size", 80, "accumulated_batch_size=80 takes.*micro_batch_size=5, fits"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(setting, size, said, model, leave):
    leave(5.5)
    with pytest.raises(MemoryError, match=said):
        memory.check_memory(model, setting, size)


def test_if_nothing_fits_the_message_says_so(model, leave):
    leave(0)
    with pytest.raises(MemoryError, match="Not one segment fits"):
        memory.check_memory(model, "batch_size", 16)


class ResourceExhaustedError(Exception):
    """The name that TensorFlow uses."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ResourceExhaustedError("failed to allocate"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate"),
    ],
)
def test_an_error_of_a_backend_about_exhausted_memory_is_translated(error):
    with (
        pytest.raises(MemoryError, match=r"batch_size=32\. Try batch_size=16, or the phase"),
        memory.explain_exhaustion("batch_size", 32),
    ):
        raise error


def test_other_errors_pass():
    with pytest.raises(KeyError), memory.explain_exhaustion("batch_size", 32):
        raise KeyError("track")


@pytest.mark.parametrize(("limit", "expected"), [("1000", 600), ("max", None), ("300", 0)])
def test_the_limit_of_the_control_group_counts(limit, expected, tmp_path):
    (tmp_path / "memory.max").write_text(limit)
    (tmp_path / "memory.current").write_text("400")
    available = memory.available_memory(tmp_path)
    assert available == expected if expected is not None else available > 1000
    assert available <= psutil.virtual_memory().total


def test_without_a_control_group_the_memory_of_the_machine_counts(tmp_path):
    assert 1000 < memory.available_memory(tmp_path / "none") <= psutil.virtual_memory().total
