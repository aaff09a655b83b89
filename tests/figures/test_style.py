import subprocess
import sys

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
import pytest

from genre_lib.display import figure_png
from genre_lib.figures import confusion_matrices, learning_curves, residual_block

HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "loss": [2.0, 1.5, 1.0],
        "val_loss": [2.1, 1.8, 1.7],
        "accuracy": [0.2, 0.4, 0.6],
        "val_accuracy": [0.2, 0.3, 0.35],
    }
)
COUNTS = pd.DataFrame([[3, 1], [0, 4]], ["$x$", "rock_n_roll"], ["$x$", "rock_n_roll"])
DRAWINGS = {
    "curves": lambda: learning_curves([HISTORY], "Normal"),
    "matrix": lambda: confusion_matrices({"normal": COUNTS}),
    "diagram": residual_block,
}


@pytest.fixture(scope="module")
def expected():
    return {name: figure_png(draw()) for name, draw in DRAWINGS.items()}


@pytest.mark.parametrize(
    "settings",
    [
        {"text.usetex": True},
        {"font.size": 20, "axes.grid": False, "figure.figsize": (2, 2), "figure.dpi": 30},
        {"axes.prop_cycle": plt.cycler(color=["red"]), "lines.linewidth": 8, "image.cmap": "jet"},
        dict(plt.style.library["dark_background"]),
    ],
    ids=["usetex", "sizes", "colours", "dark"],
)
@pytest.mark.parametrize("name", DRAWINGS)
def test_what_a_user_has_set_changes_no_figure(name, settings, expected):
    with plt.rc_context(settings):
        assert figure_png(DRAWINGS[name]()) == expected[name]


def test_a_figure_leaves_the_settings_as_they_were():
    with plt.rc_context({"font.size": 17, "axes.facecolor": "black"}):
        before = dict(matplotlib.rcParams)
        residual_block()
        assert dict(matplotlib.rcParams) == before


def test_the_settings_are_as_they_were_after_a_failure():
    before = dict(matplotlib.rcParams)
    with pytest.raises(KeyError):
        learning_curves([HISTORY.drop(columns="loss")], "Normal")
    assert dict(matplotlib.rcParams) == before


def test_an_import_changes_no_setting():
    code = (
        "import matplotlib; matplotlib.use('agg'); before = dict(matplotlib.rcParams)\n"
        "from genre_lib.figures import corpus, faults, network, results, speed\n"
        "assert dict(matplotlib.rcParams) == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
