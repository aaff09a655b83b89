"""The network of a kept run, read back."""

import zipfile

import keras

# Imported for what it does: it tells Keras of the layers and the model of this project.
from genre_lib import accumulation, resnet1d  # noqa: F401

_UNREADABLE = (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile)


def load_network(result):
    """Load the network of a kept run. No code that its file may hold is run.

    Parameters
    ----------
    result : RunResult
        As from `genre_lib.runs.load_run`.

    Returns
    -------
    keras.Model

    Raises
    ------
    ValueError
        If the file is none of this project's networks: damaged, or with a layer that brings code
        of its own.
    """
    path = result.folder / "model.keras"
    try:
        return keras.saving.load_model(path, safe_mode=True)
    except _UNREADABLE as error:
        raise ValueError(
            f"{path}: is not loaded ({str(error).splitlines()[0]}). Expected a network of this "
            "project, which holds no code: what code a file brings is never run. Remove "
            f"{result.folder} and call again, and the run is made anew."
        ) from error
