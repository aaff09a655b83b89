"""Save the state of training after each epoch, so that an interrupted run can resume."""

import hashlib
import io
import json
import time
import warnings

import keras
import numpy as np

from genre_lib.experiment.models import variables
from genre_lib.files import whole_file

_DIGEST_SIZE = hashlib.sha256().digest_size
_OF_STOPPING = ("best", "best_epoch", "wait", "stopped_epoch")


class Checkpoints(keras.callbacks.Callback):
    """Saves the state of training to one file after each epoch, and restores it."""

    # The state comprises the weights (with moving statistics), dropout, the optimizer, the history
    # and early stopping; the order and augmentation of the segments depend only on seed and epoch.
    # So an interrupted run ends with the same weights as an uninterrupted one: bit for bit, if the
    # same processor computes with as many threads. A state that was made from anything but
    # `made_from` is ignored.
    # Among the callbacks, `stopping` (a `keras.callbacks.EarlyStopping`) must come before this one.

    def __init__(self, path, made_from, stopping):
        super().__init__()
        self.path, self.stopping = path, stopping
        self.made_from = json.loads(json.dumps(made_from))  # tuples become lists, as in the file
        self.history, self.stopped = [], False  # one dict per epoch; whether it stopped early
        self._resumed = {}

    def restore(self, model):
        """Restore the saved state, if there is a usable one, and return the number of epochs done.

        A state that cannot be used causes a warning, and training starts again.
        """
        if not self.path.exists():
            return 0
        if not model.optimizer.built:  # an optimizer that scales the loss would add variables later
            model.optimizer.build(model.trainable_variables)
        known = variables(model)
        try:
            facts, arrays = _read(self.path)
            if facts["made_from"] != self.made_from:
                raise ValueError("it was made by other versions or with other choices")
            shapes = [tuple(variable.shape) for variable in [*known, *model.weights]]
            if [array.shape for array in arrays] != shapes:
                raise ValueError("it belongs to another network")
        except (OSError, ValueError, KeyError) as error:
            warnings.warn(
                f"{self.path}: the state of an interrupted run cannot be used ({error}). "
                "Training starts again.",
                stacklevel=2,
            )
            return 0
        for variable, value in zip(known, arrays, strict=False):
            variable.assign(value)
        self.history, self.stopped = facts["history"], facts["stopped"]
        self._resumed = facts["stopping"] | {"best_weights": arrays[len(known) :]}
        return len(self.history)

    def on_train_begin(self, logs=None):
        """Restore early stopping, which has just reset itself, and start the clock."""
        for name, value in self._resumed.items():
            setattr(self.stopping, name, value)
        self._since = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        """Save the state."""
        since, self._since = self._since, time.perf_counter()
        self.history.append({**(logs or {}), "seconds": round(self._since - since, 3)})
        self.stopped = self.model.stop_training
        state = [keras.ops.convert_to_numpy(variable) for variable in variables(self.model)]
        facts = {
            "made_from": self.made_from,
            "history": self.history,
            "stopped": self.stopped,
            "stopping": {name: getattr(self.stopping, name) for name in _OF_STOPPING},
        }
        _write(self.path, facts, state + self.stopping.best_weights)


def _write(path, facts, arrays):
    content = io.BytesIO()
    names = {f"array_{number:04d}": array for number, array in enumerate(arrays)}
    np.savez(content, facts=json.dumps(facts), **names)
    with whole_file(path) as beside, beside.open("wb") as file:
        file.write(hashlib.sha256(content.getbuffer()).digest())
        file.write(content.getbuffer())


def _read(path):
    content = path.read_bytes()
    digest, content = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError("it is damaged")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        names = sorted(name for name in arrays.files if name != "facts")
        return json.loads(str(arrays["facts"])), [arrays[name] for name in names]
