import subprocess
import sys
import warnings

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
        {"font.family": "serif", "font.sans-serif": ["DejaVu Serif"]},
        {"savefig.pad_inches": 2, "savefig.transparent": True, "savefig.facecolor": "red"},
        dict(plt.style.library["dark_background"]),
    ],
    ids=["usetex", "sizes", "colours", "fonts", "saving", "dark"],
)
@pytest.mark.parametrize("name", DRAWINGS)
def test_what_a_user_has_set_changes_no_figure(name, settings, expected):
    with plt.rc_context(settings):
        assert figure_png(DRAWINGS[name]()) == expected[name]


@pytest.mark.parametrize("name", DRAWINGS)
def test_every_text_is_set_in_the_font_that_comes_with_matplotlib(name):
    texts = DRAWINGS[name]().findobj(matplotlib.text.Text)
    assert {tuple(text.get_fontfamily()) for text in texts} == {("DejaVu Sans",)}


def named(genre):
    return confusion_matrices(
        {"normal": COUNTS.set_axis([genre, "rock"]).set_axis([genre, "rock"], axis=1)}
    )


def test_a_name_in_another_script_is_shown_in_an_installed_font(font_of_triangles):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert figure_png(named("中文")) == figure_png(named("文中")) != figure_png(named("ab"))


def test_characters_that_no_font_has_are_told_once(recwarn):
    for _ in range(2):
        figure_png(named("\N{CUNEIFORM SIGN A} \N{LINEAR A SIGN AB001} \u2028"))
    (told,) = (str(warning.message) for warning in recwarn)
    assert "\N{CUNEIFORM SIGN A}" in told
    assert "(CUNEIFORM, LINEAR)" in told
    assert "\n" not in told


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
