"""Work in threads keeps its order, and its errors are raised."""

import time

import pytest

from genre_lib.progress import thread_map


def test_results_come_in_the_order_of_the_items_whichever_ends_first(capsys):
    def add(number, other):
        time.sleep(0.05 * (number == 0))  # the first item takes longest
        return number + other

    found = thread_map(add, range(8), range(8), desc="Adding", unit="sum", progress=False)
    assert found == list(range(0, 16, 2))
    assert capsys.readouterr().err == ""


def test_a_bar_counts_the_items_if_it_is_wanted(capsys):
    thread_map(abs, [-1, -2, -3], desc="Taking", unit="value", progress=True)
    assert "Taking: 100%" in (shown := capsys.readouterr().err)
    assert "3/3" in shown


def test_the_error_of_an_item_is_raised():
    with pytest.raises(ZeroDivisionError):
        thread_map(lambda n: 1 / n, [1, 0, 2], desc="Dividing", unit="n", progress=False)
