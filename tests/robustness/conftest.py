"""What the tests of robustness share: a run to keep, and a copy of the library."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genre_lib.experiment import KeptRuns
from genre_lib.files import ROOT


@pytest.fixture
def parts():
    """What `KeptRuns.save` takes of a run: here, one of one epoch and two segments."""
    return {
        "facts": {"rotation": 0, "seed": 0, "seconds": 1.0, "versions": {"keras": "2.0.0"}},
        "history": pd.DataFrame(
            [[1, 2.0, 0.1, 2.1, 0.2, 3.0]],
            columns=["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds"],
        ),
        "segments": pd.DataFrame(
            {"split": ["test", "valid"], "track_id": ["a", "b"], "segment": 0, "label": [0, 1]}
        ),
        "probabilities": np.full((2, 2), 0.5, np.float32),
        "save_model": lambda path: Path(path).write_bytes(b"a network"),
    }


@pytest.fixture
def kept(tmp_path):
    """The kept runs of a corpus: none yet."""
    return KeptRuns(tmp_path / "runs", "corpus")


@pytest.fixture(scope="session")
def copy_library():
    """A function that copies the library into a folder, which makes that a project of its own."""

    def copy(folder):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "genre_lib", folder / "genre_lib", ignore=ignored)

    return copy
