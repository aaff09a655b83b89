"""What the tests of figures share."""

import matplotlib
import matplotlib.pyplot as plt
import pytest

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture
def texts():
    """A function: what stands at the axes of a figure, after it was drawn."""

    def find_texts(figure):
        figure.canvas.draw()
        found = {text.get_text() for legend in figure.legends for text in legend.texts}
        for axis in figure.axes:
            found |= {axis.get_title(), axis.get_xlabel(), axis.get_ylabel()}
            labels = [*axis.get_xticklabels(), *axis.get_yticklabels()]
            legend = axis.get_legend()
            found |= {text.get_text() for text in [*labels, *(legend.texts if legend else [])]}
        return found

    return find_texts
