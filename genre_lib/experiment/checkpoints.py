"""The state of a training after each epoch, from which one that was killed goes on."""

import contextlib
import hashlib
import io
import json
import os
import time
import warnings

import keras
import numpy as np

_DIGEST_SIZE = hashlib.sha256().digest_size


class Checkpoints(keras.callbacks.Callback):
    """Keeps the state of a training after each epoch, and goes on from it.

    A training that was interrupted and goes on ends with the weights of one that was not, bit for
    bit where the same processor computes with the same number of threads.

    Parameters
    ----------
    path : Path
        Of the state: one file, which is whole or not there.
    made_from : dict
        What shapes the training, as can be written as JSON. A state made from anything else is
        ignored.
    stopping : keras.callbacks.EarlyStopping
        Of the same training, before this one among its callbacks. Its state is kept, too.

    Attributes
    ----------
    history : list of dict
        One an epoch: ``loss``, ``accuracy``, ``val_loss``, ``val_accuracy``, ``seconds``.
    seconds : float
        That were spent on the training, all calls together.
    stopped : bool
        Whether training has been stopped early.

    Notes
    -----
    The state is that of the weights, the moving statistics, the optimizer, the history and the
    early stopping. The order of the segments follows from the seed and the epoch alone.
    """

    def __init__(self, path, made_from, stopping):
        super().__init__()
        self.path, self.stopping = path, stopping
        self.made_from = json.loads(json.dumps(made_from))
        self.history, self.seconds, self.stopped = [], 0.0, False
        self._resumed = None
        self._since = time.perf_counter()

    def restore(self, model):
        """Bring back the state that is kept, if there is one that can be used.

        Parameters
        ----------
        model : keras.Model
            Compiled, with its first weights.

        Returns
        -------
        int
            Epochs that are done.

        Warns
        -----
        UserWarning
            If there is a state that cannot be used; training then begins anew.
        """
        if not self.path.exists():
            return 0
        if not model.optimizer.built:  # one that scales the loss would add to its variables
            model.optimizer.build(model.trainable_variables)
        try:
            facts, arrays = _read(self.path)
            if facts["made_from"] != self.made_from:
                raise ValueError("it was made by other versions, or from other choices")
            state, best = arrays[: facts["n_state"]], arrays[facts["n_state"] :]
            _check_shapes(state, _variables(model))
            _check_shapes(best, model.weights)
        except (OSError, ValueError, KeyError) as error:
            warnings.warn(
                f"{self.path}: the state of an interrupted training cannot be used ({error}). The "
                "training begins anew.",
                stacklevel=2,
            )
            return 0
        for variable, value in zip(_variables(model), state, strict=True):
            variable.assign(value)
        self.history, self.stopped = facts["history"], facts["stopped"]
        self.seconds = facts["seconds"]
        self._resumed = facts["stopping"] | {"best_weights": best}
        return len(self.history)

    def on_train_begin(self, logs=None):
        """Hand the early stopping its state; it has just begun anew."""
        for name, value in (self._resumed or {}).items():
            setattr(self.stopping, name, value)

    def on_epoch_begin(self, epoch, logs=None):
        """Note when the epoch begins."""
        self._begin = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        """Keep the state."""
        now = time.perf_counter()
        self.history.append({**(logs or {}), "seconds": round(now - self._begin, 3)})
        self.seconds += now - self._since
        self._since = now
        self.stopped = self.model.stop_training
        state = [keras.ops.convert_to_numpy(variable) for variable in _variables(self.model)]
        facts = {
            "made_from": self.made_from,
            "history": self.history,
            "seconds": self.seconds,
            "stopped": self.stopped,
            "stopping": {
                name: getattr(self.stopping, name)
                for name in ("best", "best_epoch", "wait", "stopped_epoch")
            },
            "n_state": len(state),
        }
        _write(self.path, facts, state + self.stopping.best_weights)


def _variables(model):
    return [*model.weights, *model.optimizer.variables]


def _check_shapes(arrays, variables):
    if [array.shape for array in arrays] != [tuple(variable.shape) for variable in variables]:
        raise ValueError("it is that of another network")


def _write(path, facts, arrays):
    content = io.BytesIO()
    names = {f"array_{number:04d}": array for number, array in enumerate(arrays)}
    np.savez(content, facts=json.dumps(facts), **names)
    beside = path.with_name(f"{path.name}.partial")
    try:
        with beside.open("wb") as file:
            file.write(hashlib.sha256(content.getbuffer()).digest())
            file.write(content.getbuffer())
            file.flush()
            # Else a file system may rename before it writes, and keep neither through a power cut.
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def _read(path):
    content = path.read_bytes()
    digest, content = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError("it is damaged")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        names = sorted(name for name in arrays.files if name != "facts")
        return json.loads(str(arrays["facts"])), [arrays[name] for name in names]
