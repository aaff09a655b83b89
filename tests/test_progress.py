"""Bars are for terminals; work in threads keeps its order, and its errors are raised."""

import contextlib
import io
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from genre_lib.progress import name_running, progress_bar, thread_map


class Terminal(io.StringIO):
    """Something to print to that says it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in ("TQDM_DISABLE", "GENRE_VERBOSE"):
        monkeypatch.delenv(name, raising=False)


def printed(to, **look):
    """What a bar prints that counts three things, naming each: all lines that it ever shows."""
    with contextlib.redirect_stderr(to), progress_bar(total=3, progress=True, **look) as bar:
        for name in "abc":
            name_running(bar, name)
            bar.update()
    return to.getvalue().replace("\r", "\n").strip("\n").split("\n")


def test_on_a_terminal_only_a_main_bar_stays_when_it_is_done():
    assert printed(Terminal())[-1].strip() == ""
    assert "3/3" in printed(Terminal(), main=True)[-1]


def test_on_a_terminal_a_bar_names_what_is_running():
    assert all(f", {name}]" in " ".join(printed(Terminal(), main=True)) for name in "abc")


def test_in_a_log_a_main_bar_is_its_beginning_and_its_end():
    assert printed(io.StringIO()) == [""]
    first, last = printed(io.StringIO(), main=True)
    assert ("0/3" in first, "3/3" in last) == (True, True)


def test_whoever_asks_for_everything_sees_every_bar_in_a_log(monkeypatch):
    monkeypatch.setenv("GENRE_VERBOSE", "1")
    assert "3/3" in printed(io.StringIO())[-1]


def test_results_come_in_the_order_of_the_items_whichever_ends_first(capsys):
    def add(number, other):
        time.sleep(0.05 * (number == 0))  # the first item takes longest
        return number + other

    found = thread_map(add, range(8), range(8), desc="Adding", unit="sum", progress=False)
    assert found == list(range(0, 16, 2))
    assert capsys.readouterr().err == ""


def test_a_bar_counts_the_items_if_it_is_wanted():
    with contextlib.redirect_stderr(Terminal()) as terminal:
        thread_map(abs, [-1, -2, -3], desc="Taking", unit="value", progress=True)
    assert "Taking:" in (shown := terminal.getvalue())
    assert "0/3" in shown


def test_the_error_of_an_item_is_raised():
    with pytest.raises(ZeroDivisionError):
        thread_map(lambda n: 1 / n, [1, 0, 2], desc="Dividing", unit="n", progress=False)


def test_in_threads_linear_algebra_uses_one_of_its_own():
    def count(n):
        assert np.eye(n) @ np.ones(n) == pytest.approx(1)  # this loads what is counted
        found = (library for library in threadpool_info() if library["user_api"] == "blas")
        return {library["num_threads"] for library in found}

    before = count(1)
    found = thread_map(count, range(1, 4), desc="Counting", unit="", progress=False)
    assert found == [{1}] * 3
    assert count(1) == before
