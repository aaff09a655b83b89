"""Keep what notebooks derive from audio or weights, by name: tables as CSV, figures as PNG."""

import pandas as pd

from genre_lib.display import figure_png
from genre_lib.files import whole_file

# From 3.1 on, pandas reads floats exactly by default, and warns if it is told to.
_OLD = tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1)
_EXACT = {"float_precision": "round_trip"} if _OLD else {}
_MISSING = "<missing>"  # an empty text is not a missing value
# A column that holds only digits, or no rows, does not show its type.
_TYPES = (
    dict.fromkeys(("track_id", "other_track_id", "genre", "group", "file"), str)
    | dict.fromkeys(("status", "detail", "sha256", "reason", "artist", "title"), str)
    | dict.fromkeys(("label", "n_samples", "matches"), "int64")
    | dict.fromkeys(("score", "share", "offset_s", "overlap_s"), "float64")
    | dict.fromkeys(("clipping", "dropouts", "noise_s", "silence_s"), "float64")
    | {"verdict": bool}
)


def write_table(table, path):
    """Write a table without its index, so that `read_table` returns the same table."""
    text = table.to_csv(index=False, na_rep=_MISSING, lineterminator="\n")
    with whole_file(path) as beside:
        beside.write_bytes(text.encode("utf-8", "surrogateescape"))


def read_table(path):
    """Read a table that `write_table` wrote; floats are exact to the last bit."""
    text = {"keep_default_na": False, "na_values": [_MISSING], "encoding_errors": "surrogateescape"}
    return pd.read_csv(path, dtype=_TYPES, **_EXACT, **text)


def keep_derived(folder, name, value):
    """Keep a table or a figure under a name, replacing what was there; a figure is closed."""
    if not name.isidentifier():
        raise ValueError(f"{name!r}: expected a name of letters, digits and underscores.")
    if isinstance(value, pd.DataFrame):
        write_table(value, folder / f"{name}.csv")
        return
    with whole_file(folder / f"{name}.png") as path:
        path.write_bytes(figure_png(value))


def read_derived(folder, name):
    """Return the table or the PNG bytes kept under a name."""
    table, picture = (folder / f"{name}.{suffix}" for suffix in ("csv", "png"))
    return read_table(table) if table.is_file() else picture.read_bytes()
