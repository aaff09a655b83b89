"""Gradient accumulation: one update from a large batch, in the memory of a small one.

Only the training step is written here; loss, metrics and optimizer are Keras' own. Keras'
`gradient_accumulation_steps=8` with batches of 10 agrees only if every update consists of 8 full
batches: it counts on across epochs, never applies the batches left over at the end, gives a smaller
batch full weight, and runs schedules and callbacks per batch of 10.
"""

import keras
import numpy as np


@keras.saving.register_keras_serializable(package="genre_lib")
class GradientAccumulationModel(keras.Model):
    """A Keras model that runs each batch in micro-batches and makes one update from it.

    The batch size given to `fit` is the effective one; only the activations of one micro-batch are
    in memory at a time. With B examples in a batch and n_i in micro-batch i, the gradient is the
    sum over i of (n_i / B) times the gradient of (mean loss of micro-batch i + penalties). An
    uneven last batch is exact and makes its own update, and a penalty counts once per update.
    Batch normalisation sees one micro-batch at a time, and each moves the moving statistics.

    Parameters
    ----------
    inputs, outputs : KerasTensor, or a structure of them
        Of the network. An existing model's can be given; the two then share their weights.
    micro_batch_size : int
        Examples in a micro-batch; the last of a batch may be smaller.
    reduction : {"mean", "sum"}
        "mean" is the gradient above. "sum" adds up the micro-batches' gradients instead: the steps
        of SGD grow by their number, those of Adam change only through its epsilon.
    **kwargs
        `name` and `trainable`, passed on to `keras.Model`.

    Raises
    ------
    ValueError
        If an argument is out of range or, in training, a loss is not a mean over the batch.

    Examples
    --------
    >>> inputs, outputs = network.inputs, network.outputs  # doctest: +SKIP
    >>> model = GradientAccumulationModel(inputs, outputs, micro_batch_size=10)  # doctest: +SKIP
    """

    def __init__(self, inputs, outputs, micro_batch_size=10, reduction="mean", **kwargs):
        # `Model.inputs` is a list even if there is one input, whose data is an array.
        given = inputs, outputs
        given = [t[0] if isinstance(t, list | tuple) and len(t) == 1 else t for t in given]
        super().__init__(*given, **kwargs)
        if not isinstance(micro_batch_size, int | np.integer) or micro_batch_size < 1:
            raise ValueError(f"micro_batch_size={micro_batch_size!r}: expected a positive integer.")
        if reduction not in ("mean", "sum"):
            raise ValueError(f"reduction={reduction!r}: expected one of mean, sum.")
        self.micro_batch_size, self.reduction = int(micro_batch_size), reduction

    def train_step(self, *args):
        """Make one update from one batch: `data` on TensorFlow, `state, data` on JAX."""
        steps = {"tensorflow": self.tensorflow_step, "jax": self.jax_step}
        backend = keras.backend.backend()
        if backend not in steps:
            raise NotImplementedError(
                f"Gradient accumulation needs KERAS_BACKEND={' or '.join(steps)}; it is {backend}."
            )
        for loss in keras.tree.flatten(self.loss):
            over_batch = getattr(loss, "reduction", "mean")
            if over_batch not in ("mean", "sum_over_batch_size"):
                raise ValueError(
                    f"{loss.name}: reduction={over_batch!r} was given; micro-batches add up only "
                    "if the loss is the mean, reduction='sum_over_batch_size'."
                )
        return steps[backend](*args)

    def _objective(self, micro_batch, n_micro_batches):
        """Run a micro-batch forward, update the metrics and return the scaled loss."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(micro_batch)
        y_pred = self(x, training=True)
        loss = self.compute_loss(x, y, y_pred, sample_weight, training=True)
        self._loss_tracker.update_state(loss, sample_weight=_size(micro_batch))
        self.compute_metrics(x, y, y_pred, sample_weight)
        if self.reduction == "sum":
            penalties = [v.regularizer(v) for v in self.trainable_variables if v.regularizer]
            loss = n_micro_batches * loss - (n_micro_batches - 1) * sum(penalties)
        # The scale keeps small gradients from vanishing in half precision. The optimizer divides by
        # it again, and skips the update if a gradient overflowed.
        return self.optimizer.scale_loss(loss)

    def tensorflow_step(self, data):
        import tensorflow as tf

        size, micro_size = _size(data), self.micro_batch_size
        n_full, n_left = size // micro_size, size % micro_size
        n_micro_batches = tf.cast(-(-size // micro_size), "float32")
        variables = self.trainable_variables
        if not self.optimizer.built:  # the loop reads a loss scale from it
            self.optimizer.build(variables)

        def add_gradients(gradients, micro_batch):
            with tf.GradientTape() as tape:
                objective = self._objective(micro_batch, n_micro_batches)
            new = tape.gradient(objective, variables, unconnected_gradients="zero")
            return _add(gradients, new, _size(micro_batch) / size)

        def full(i, gradients):
            rows = i * micro_size + tf.range(micro_size)
            micro_batch = _map(lambda t: tf.gather(t, rows), data)
            return i + 1, add_gradients(gradients, micro_batch)

        def rest(gradients):
            micro_batch = _map(lambda t: t[n_full * micro_size :], data)
            return add_gradients(gradients, micro_batch)

        gradients = [tf.zeros(v.shape, v.dtype) for v in variables]
        # Micro-batches in parallel would all hold their activations. The loop
        # is the graph's: when that is made, the size of a batch is not known.
        _, gradients = tf.while_loop(
            lambda i, _: i < n_full, full, (0, gradients), parallel_iterations=1
        )
        if not isinstance(n_left, int):
            gradients = tf.cond(n_left > 0, lambda: rest(gradients), lambda: gradients)
        elif n_left:
            gradients = rest(gradients)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return self.get_metrics_result()

    def jax_step(self, state, data):
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
            gradients, *variables = carried
            new, variables = differentiate(trainable, *variables, micro_batch)
            return (_add(gradients, new, _size(micro_batch) / size), *variables), None

        differentiate = jax.grad(objective, has_aux=True)
        carried = ([jax.numpy.zeros_like(v) for v in trainable], non_trainable, metrics)
        end = n_full * micro_size
        if n_full:
            full = _map(lambda t: t[:end].reshape(n_full, micro_size, *t.shape[1:]), data)
            carried, _ = jax.lax.scan(add_gradients, carried, full)
        if end < size:
            carried, _ = add_gradients(carried, _map(lambda t: t[end:], data))
        gradients, non_trainable, metrics = carried
        trainable, optimizer = self.optimizer.stateless_apply(optimizer, gradients, trainable)
        with self._scope(trainable, non_trainable, optimizer, metrics):
            logs = self.get_metrics_result()
        return logs, (trainable, non_trainable, optimizer, metrics)

    def _scope(self, trainable, non_trainable, optimizer, metrics):
        variables = [*self.trainable_variables, *self.non_trainable_variables]
        variables += [*self.optimizer.variables, *self.metrics_variables]
        values = [*trainable, *non_trainable, *optimizer, *metrics]
        return keras.StatelessScope(list(zip(variables, values, strict=True)), collect_losses=True)

    def get_config(self):
        network = keras.Model(self.input, self.output, name=self.name)
        settings = {"micro_batch_size": self.micro_batch_size, "reduction": self.reduction}
        return {"network": keras.saving.serialize_keras_object(network), **settings}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        network = keras.saving.deserialize_keras_object(config.pop("network"), custom_objects)
        return cls(network.input, network.output, name=network.name, **config)


def _add(totals, gradients, share):
    """Return the totals with a share of the gradients added."""
    pairs = zip(totals, gradients, strict=True)
    return [total + keras.ops.cast(share, total.dtype) * gradient for total, gradient in pairs]


def _map(function, data):
    """Apply a function to every array of ``(x, y, sample_weight)``; None stays None."""
    return keras.tree.map_structure(lambda t: None if t is None else function(t), data)


def _size(data):
    """Return the number of examples: an int, or a scalar tensor in a TensorFlow graph."""
    return keras.ops.shape(next(t for t in keras.tree.flatten(data) if t is not None))[0]
