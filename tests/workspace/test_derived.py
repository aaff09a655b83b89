import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from genre_lib.workspace.derived import keep_derived, read_derived, read_table, write_table


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"track_id": ["1960.1", "1960.10"], "genre": ["1960", "1960"], "x": [1, 2]}),
        pd.DataFrame({"group": ["", np.nan, "NA"], "verdict": [True, False, True]}),
        pd.DataFrame({"file": ['a,b"\n', "ü", "x"], "level": [1 / 3, 1e-300, np.nan]}),
        pd.DataFrame({"verdict": [True], "offset_s": [0.5]}).iloc[:0],
    ],
    ids=["digits", "missing", "strange", "empty"],
)
def test_a_table_comes_back_as_it_was(table, tmp_path):
    write_table(table, tmp_path / "table.csv")
    pd.testing.assert_frame_equal(read_table(tmp_path / "table.csv"), table)


def test_what_is_kept_under_a_name_replaces_what_was(tmp_path):
    for number in (1, 2):
        keep_derived(tmp_path, "facts", pd.DataFrame({"number": [number]}))
    assert read_derived(tmp_path, "facts")["number"].tolist() == [2]


def test_a_figure_is_kept_as_png_and_closed(tmp_path):
    figure = plt.figure(figsize=(1, 1))
    keep_derived(tmp_path, "picture", figure)
    assert read_derived(tmp_path, "picture").startswith(b"\x89PNG")
    assert not plt.fignum_exists(figure.number)


def test_a_name_is_a_name(tmp_path):
    with pytest.raises(ValueError, match="expected a name"):
        keep_derived(tmp_path, "../facts", pd.DataFrame())
    with pytest.raises(FileNotFoundError, match="loudness"):
        read_derived(tmp_path, "loudness")
