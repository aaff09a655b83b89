"""Gradient accumulation: one update from a large batch, in the memory of a small one.

The gradient of a mean over 80 examples is the mean of the gradients over 8 x 10 of them, so ten
examples' activations at a time are enough for the update of the whole batch. The loss, the
metrics and the optimizer are Keras' own; only the training step is written here, once for each
backend.
"""

import keras
import numpy as np

REDUCTIONS = ("mean", "sum")


@keras.saving.register_keras_serializable(package="genre_lib")
class GradientAccumulationModel(keras.Model):
    """A Keras model whose training step runs through its batch in micro-batches.

    The batch that `fit` hands over is the effective batch: it makes one update. Its micro-batches
    are run one after the other, and the activations of one of them are in memory at a time.

    Parameters
    ----------
    inputs, outputs : KerasTensor, or a structure of them
        As for `keras.Model`; those of a model that exists can be given, which shares its weights.
    micro_batch_size : int
        Examples in a micro-batch, 1 or more. A smaller one ends a batch that does not divide
        evenly; a batch no larger than this is run in one piece.
    reduction : {"mean", "sum"}
        "mean" gives the gradient of the loss over the whole batch. "sum" adds up the gradients of
        the mean losses of the micro-batches: as many times "mean" as there are micro-batches.
        SGD then takes as many times larger steps, whereas Adam, which divides a gradient by its
        own size, notices only through its epsilon. Loss and metrics are reported alike.
    **kwargs
        As for `keras.Model`: `name`, `trainable`.

    Raises
    ------
    ValueError
        If `micro_batch_size` or `reduction` is out of range, and in training if a loss is not a
        mean over the batch, as the losses of Keras are by default.

    Notes
    -----
    With B examples in a batch and n_i of them in micro-batch i, the gradient of the update is
    the sum over i of (n_i / B) times the gradient of (mean loss of micro-batch i + penalties).
    The weights n_i / B add up to one, so that

    - the uneven last batch of an epoch is exact, all of it makes an update of its own, and
      nothing is carried into the next epoch;
    - regularisation losses count once an update, with "sum" too.

    Keras' own `gradient_accumulation_steps=8` on an optimizer, fed batches of 10, gives the same
    weights as long as every update is made of 8 full batches. It counts batches on across the end
    of an epoch (the last ones of an epoch make an update together with the first of the next, and
    those of the last epoch make none), gives a smaller batch the weight of a full one, and reads
    learning rate schedules and callbacks per batch of 10.

    Layers that look at a batch as a whole see a micro-batch: batch normalisation is computed from
    `micro_batch_size` examples, and its moving statistics are updated by each micro-batch in
    turn. Dropout draws a mask for each micro-batch.
    """

    def __init__(self, inputs, outputs, micro_batch_size=10, reduction="mean", **kwargs):
        super().__init__(_unpack(inputs), _unpack(outputs), **kwargs)
        if not isinstance(micro_batch_size, int | np.integer) or micro_batch_size < 1:
            raise ValueError(
                f"micro_batch_size={micro_batch_size!r} was given; expected an integer, 1 or more."
            )
        if reduction not in REDUCTIONS:
            raise ValueError(
                f"reduction={reduction!r} was given; expected one of {', '.join(REDUCTIONS)}."
            )
        self.micro_batch_size = int(micro_batch_size)
        self.reduction = reduction

    def train_step(self, *args):
        """Make one update from one batch; `fit` calls this.

        Parameters
        ----------
        *args
            ``data`` on TensorFlow and ``state, data`` on JAX, where data is a tuple
            ``(x, y, sample_weight)``, as Keras gives them.

        Returns
        -------
        dict of str to scalar, or (dict, state) on JAX
            The loss and the metrics so far in this epoch.
        """
        steps = {"tensorflow": self._tensorflow_train_step, "jax": self._jax_train_step}
        backend = keras.backend.backend()
        if backend not in steps:
            raise NotImplementedError(
                f"Gradient accumulation is written for {' and '.join(steps)}, and the Keras "
                f"backend is {backend}. Set KERAS_BACKEND to one of them."
            )
        self._check_losses()
        return steps[backend](*args)

    def _check_losses(self):
        for loss in keras.tree.flatten(self.loss):
            over_batch = getattr(loss, "reduction", "mean")
            if over_batch not in ("mean", "sum_over_batch_size"):
                raise ValueError(
                    f"The loss {loss.name} has reduction={over_batch!r}; micro-batches add up to "
                    "the batch only with its mean. Use reduction='sum_over_batch_size'."
                )

    def _objective(self, micro_batch, n_micro_batches):
        """Run one micro-batch forward, update the metrics, and return what to differentiate."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(micro_batch)
        y_pred = self(x, training=True)
        loss = self.compute_loss(x, y, y_pred, sample_weight, training=True)
        self._loss_tracker.update_state(loss, sample_weight=_size(micro_batch))
        self.compute_metrics(x, y, y_pred, sample_weight)
        if self.reduction == "sum":
            penalties = [v.regularizer(v) for v in self.trainable_variables if v.regularizer]
            loss = n_micro_batches * loss - (n_micro_batches - 1) * sum(penalties)
        # A loss scale keeps small gradients from vanishing in half precision; the optimizer
        # divides them by it again, and skips the update where one of them overflowed.
        return self.optimizer.scale_loss(loss)

    def _tensorflow_train_step(self, data):
        import tensorflow as tf

        size, micro_size = _size(data), self.micro_batch_size
        n_full = size // micro_size
        n_micro_batches = tf.cast(-(-size // micro_size), "float32")
        variables = self.trainable_variables
        if not self.optimizer.built:
            # Here, so that the loop below reads the loss scale from the optimizer's variable.
            self.optimizer.build(variables)

        def add_gradients(gradients, micro_batch):
            with tf.GradientTape() as tape:
                objective = self._objective(micro_batch, n_micro_batches)
            new = tape.gradient(
                objective, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
            )
            share = tf.cast(_size(micro_batch) / size, "float32")
            return [
                total + tf.cast(share, total.dtype) * gradient
                for total, gradient in zip(gradients, new, strict=True)
            ]

        def full(i, gradients):
            rows = i * micro_size + tf.range(micro_size)
            return i + 1, add_gradients(gradients, _map(lambda t: tf.gather(t, rows), data))

        def rest(gradients):
            return add_gradients(gradients, _map(lambda t: t[n_full * micro_size :], data))

        gradients = [tf.zeros(v.shape, v.dtype) for v in variables]
        # One at a time: run in parallel, the micro-batches would all hold their activations. The
        # loop is the graph's, as the size of a batch is not known when the graph is made.
        _, gradients = tf.while_loop(
            lambda i, _: i < n_full, full, (0, gradients), parallel_iterations=1
        )
        n_left = size - n_full * micro_size
        if not isinstance(n_left, int):
            gradients = tf.cond(n_left > 0, lambda: rest(gradients), lambda: gradients)
        elif n_left:
            gradients = rest(gradients)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return self.get_metrics_result()

    def _jax_train_step(self, state, data):
        import jax

        trainable, non_trainable, optimizer, metrics = state
        size, micro_size = _size(data), self.micro_batch_size
        n_full, n_micro_batches = size // micro_size, -(-size // micro_size)

        def objective(trainable, non_trainable, metrics, micro_batch):
            with self._scope(trainable, non_trainable, optimizer, metrics) as scope:
                loss = self._objective(micro_batch, n_micro_batches)
            after = self.non_trainable_variables, self.metrics_variables
            return loss, [[scope.get_current_value(v) for v in variables] for variables in after]

        def add_gradients(carried, micro_batch):
            gradients, non_trainable, metrics = carried
            new, (non_trainable, metrics) = jax.grad(objective, has_aux=True)(
                trainable, non_trainable, metrics, micro_batch
            )
            share = _size(micro_batch) / size
            gradients = [
                total + share * gradient for total, gradient in zip(gradients, new, strict=True)
            ]
            return (gradients, non_trainable, metrics), None

        carried = ([jax.numpy.zeros_like(v) for v in trainable], non_trainable, metrics)
        full = _map(
            lambda t: t[: n_full * micro_size].reshape(n_full, micro_size, *t.shape[1:]), data
        )
        if n_full:
            carried, _ = jax.lax.scan(add_gradients, carried, full)
        if n_full * micro_size < size:
            carried, _ = add_gradients(carried, _map(lambda t: t[n_full * micro_size :], data))
        gradients, non_trainable, metrics = carried
        trainable, optimizer = self.optimizer.stateless_apply(optimizer, gradients, trainable)
        with self._scope(trainable, non_trainable, optimizer, metrics):
            logs = self.get_metrics_result()
        return logs, (trainable, non_trainable, optimizer, metrics)

    def _scope(self, trainable, non_trainable, optimizer, metrics):
        """Return a scope in which the variables have these values, and none is changed."""
        variables = [
            *self.trainable_variables,
            *self.non_trainable_variables,
            *self.optimizer.variables,
            *self.metrics_variables,
        ]
        values = [*trainable, *non_trainable, *optimizer, *metrics]
        return keras.StatelessScope(list(zip(variables, values, strict=True)), collect_losses=True)

    def get_config(self):
        """Return what `from_config` needs to make the model again."""
        network = keras.Model(self.input, self.output, name=self.name)
        return {
            "network": keras.saving.serialize_keras_object(network),
            "micro_batch_size": self.micro_batch_size,
            "reduction": self.reduction,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Make the model that `get_config` described."""
        network = keras.saving.deserialize_keras_object(
            config["network"], custom_objects=custom_objects
        )
        rest = {name: value for name, value in config.items() if name != "network"}
        return cls(network.input, network.output, name=network.name, **rest)


def _unpack(tensors):
    """Return the tensor of a list of one: `Model.inputs` is a list, and its data an array."""
    return tensors[0] if isinstance(tensors, list | tuple) and len(tensors) == 1 else tensors


def _map(function, data):
    """Apply a function to every array of ``(x, y, sample_weight)``, some of which may be None."""
    return keras.tree.map_structure(lambda t: None if t is None else function(t), data)


def _size(data):
    """Return the number of examples: an int, or a scalar tensor in a TensorFlow graph."""
    return keras.ops.shape(next(t for t in keras.tree.flatten(data) if t is not None))[0]
