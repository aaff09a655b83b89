"""Accumulate gradients: make one update from a large batch, in the memory of a small one.

Only the training step is written here; loss, metrics and optimizer are Keras' own. Keras'
`gradient_accumulation_steps=8` with batches of 10 agrees only if every update consists of 8 full
batches: it keeps counting across epochs, never applies the batches left over at the end, gives a
smaller batch full weight, and runs schedules and callbacks per batch of 10.
"""

import functools

import keras
import numpy as np

from genre_lib.network.batch_losses import (
    check_added_losses,
    count_examples,
    map_arrays,
    needs_whole_batch,
    pull,
    put_together,
    take_apart,
)


@keras.saving.register_keras_serializable(package="genre_lib")
class GradientAccumulationModel(keras.Model):
    """A Keras model that runs each batch in micro-batches and makes one update from it.

    The batch size given to `fit` is the effective one; memory holds the predictions of a batch, but
    the activations of only one micro-batch at a time. With B examples in a batch and n_i in
    micro-batch i, the gradient is the sum over i of (n_i / B) times the gradient of (mean loss of
    micro-batch i + penalties). An uneven last batch is exact and makes its own update, and a
    penalty counts once per update. Batch normalisation sees one micro-batch at a time, and each
    updates the moving statistics.

    A loss that is not known to be a mean over the examples (one with a mask or `ignore_class`, or a
    function of your own) is first differentiated with respect to the predictions of the whole
    batch. These take one more forward pass, about a third of the time. Metrics see whole batches.

    Parameters
    ----------
    inputs, outputs : KerasTensor, or a structure of them
        Those of the network. If they belong to an existing model, the two share their weights.
    micro_batch_size : int
        Examples in a micro-batch; the last one of a batch may be smaller.
    reduction : {"mean", "sum"}
        "mean" is the gradient above. "sum" adds up the micro-batches' gradients instead: the steps
        of SGD grow by their number, those of Adam change only through its epsilon.
    **kwargs
        `name` and `trainable`, passed on to `keras.Model`.

    Raises
    ------
    ValueError
        If an argument is out of range or, in training, a layer adds a loss to the model that is
        not known to be a mean over the examples.

    Examples
    --------
    >>> inputs, outputs = network.inputs, network.outputs  # doctest: +SKIP
    >>> model = GradientAccumulationModel(inputs, outputs, micro_batch_size=10)  # doctest: +SKIP
    """

    def __init__(self, inputs, outputs, micro_batch_size=10, reduction="mean", **kwargs):
        # `Model.inputs` is a list even for a single input, whose data is an array.
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
        backend = keras.backend.backend()
        if backend not in ("tensorflow", "jax"):
            raise NotImplementedError(
                f"Gradient accumulation needs KERAS_BACKEND=tensorflow or jax, not {backend}."
            )
        return self._jax_update()(*args) if backend == "jax" else self.tensorflow_step(*args)

    def make_train_function(self, force=False):
        """Make what `fit` calls for each update."""
        is_made = self.train_function is not None and not force
        super().make_train_function(force)
        on_jax = keras.backend.backend() == "jax" and not is_made
        if on_jax and (update := self._jax_update()).is_better_in_parts():
            self.train_function = self._make_function(update.compiled())

    def _jax_update(self):
        from genre_lib.network.jax_update import JaxUpdate  # which imports JAX

        return JaxUpdate(self)

    def objective(self, micro_batch, share, n_micro_batches):
        """Return a micro-batch's parts of the loss, of the layers' losses, and of predictions."""
        x, _, _, *slopes = micro_batch
        y_pred = self(x, training=True)
        losses, scale = self.losses, self.optimizer.scale_loss
        check_added_losses(self)
        parts = take_apart(y_pred)
        share = keras.ops.cast(share, keras.config.floatx())
        added = share * sum(map(keras.ops.sum, losses))
        # The scale keeps small gradients from vanishing in half precision. The optimizer divides by
        # it again, and skips the update if a gradient overflowed.
        if slopes:
            objective = pull(parts, slopes[0]) + scale(self._aggregate_additional_loss(added))
        else:
            # The metrics are updated later, with the whole batch.
            with keras.StatelessScope([(v, v.value) for v in self.metrics_variables]):
                loss = self.batch_loss(micro_batch, y_pred, losses)
            objective = scale(share * loss)
        if self.reduction == "sum":
            penalties = [v.regularizer(v) for v in self.trainable_variables if v.regularizer]
            penalty = self._aggregate_additional_loss(share * sum(penalties))
            n_micro_batches = keras.ops.cast(n_micro_batches, objective.dtype)
            objective = n_micro_batches * objective - (n_micro_batches - 1) * scale(penalty)
        return objective, added, parts

    def batch_loss(self, data, y_pred, losses):
        """Return the loss of predictions, including the losses that layers added."""
        x, y, sample_weight, *_ = data
        self._losses_override = losses
        try:
            return self.compute_loss(x, y, y_pred, sample_weight, training=True)
        finally:
            self._losses_override = []

    def report(self, data, loss, y_pred):
        """Update the metrics with a batch, and return their values so far."""
        x, y, sample_weight = data
        self._loss_tracker.update_state(loss, sample_weight=count_examples(data))
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def tensorflow_step(self, data):
        import tensorflow as tf

        data = keras.utils.unpack_x_y_sample_weight(data)
        size, variables = count_examples(data), self.trainable_variables
        n_micro_batches, reached = -(-size // self.micro_batch_size), set()
        if not self.optimizer.built:  # the loop reads a loss scale from it
            self.optimizer.build(variables)
        run = functools.partial(_run_micro_batches, self, size)
        predictions = _Predictions(self, data, size)

        def add(totals, new):
            reached.update(i for i, gradient in enumerate(new) if gradient is not None)
            return [t if g is None else t + g for t, g in zip(totals, new, strict=True)]

        def add_micro_batch(carried, rows):
            totals, parts = carried
            micro_batch = map_arrays(lambda t: tf.gather(t, rows), batch)
            share = tf.size(rows) / size
            with tf.GradientTape() as tape:
                objective, added, new_parts = self.objective(micro_batch, share, n_micro_batches)
            gradients = tape.gradient(objective, variables)
            return add(totals, [*gradients, added]), predictions.write(parts, rows, new_parts)

        totals = [tf.zeros(v.shape, v.dtype) for v in variables]
        totals.append(tf.zeros((), keras.config.floatx()))  # losses that layers added
        batch = data
        if needs_whole_batch(self):
            slopes, gradients = self._differentiate_loss(data, run, predictions)
            batch, totals = (*data, slopes), add(totals, [*gradients, None])
        (*totals, added), parts = run(add_micro_batch, (totals, predictions.empty))
        y_pred = put_together(predictions.gather(parts))
        loss = self.batch_loss(data, y_pred, [added])
        loss *= tf.distribute.get_strategy().num_replicas_in_sync
        logs = self.report(data, loss, y_pred)
        gradients = [total if i in reached else None for i, total in enumerate(totals)]
        if variables:
            # In a loop around this step, weights sometimes changed before the loss was computed.
            with tf.control_dependencies([loss]):
                gradients = [g if g is None else tf.identity(g) for g in gradients]
            self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return logs

    def _differentiate_loss(self, data, run, predictions):
        """Differentiate the whole batch's loss with respect to its predictions and the weights."""
        import tensorflow as tf

        def forward(parts, rows):
            x = map_arrays(lambda t: tf.gather(t, rows), data[0])
            return predictions.write(parts, rows, take_apart(self(x, training=True)))

        # Random numbers and statistics are put back, so that the next pass repeats this one.
        before = [tf.identity(v) for v in self.non_trainable_variables]
        parts = run(forward, predictions.empty)
        for variable, value in zip(self.non_trainable_variables, before, strict=True):
            variable.assign(value)
        with tf.GradientTape() as tape, keras.StatelessScope():
            tape.watch([part for part in parts if part.dtype.is_floating])
            y_pred = put_together(predictions.gather(parts))
            loss = self.optimizer.scale_loss(self.batch_loss(data, y_pred, [keras.ops.zeros(())]))
        slopes, gradients = tape.gradient(loss, [parts, self.trainable_variables])
        return predictions.gather(slopes), gradients

    def get_config(self):
        network = keras.Model(self.input, self.output, name=self.name)
        settings = {name: getattr(self, name) for name in ("micro_batch_size", "reduction")}
        settings["trainable"] = self.trainable
        return {"network": keras.saving.serialize_keras_object(network), **settings}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        network = keras.saving.deserialize_keras_object(config.pop("network"), custom_objects)
        return cls(network.input, network.output, name=network.name, **config)


def _run_micro_batches(model, size, function, carried):
    """Carry tensors from one micro-batch to the next, on TensorFlow; each is given its rows."""
    import tensorflow as tf

    # Parallel micro-batches would all keep their activations. The loop is part of the graph,
    # because the batch size is unknown when it is made.
    loop = functools.partial(tf.while_loop, parallel_iterations=1)
    micro_size = model.micro_batch_size
    if not model.jit_compile and not isinstance(size, int):
        # One trace serves the last micro-batch, too, which may be smaller.
        def any_size(first, carried):
            end = tf.minimum(first + micro_size, size)
            return end, function(carried, tf.range(first, end))

        return loop(lambda first, _: first < size, any_size, (0, carried))[1]
    # XLA must know the size of every micro-batch.
    n_full, n_left = size // micro_size, size % micro_size

    def full(i, carried):
        return i + 1, function(carried, i * micro_size + tf.range(micro_size))

    _, carried = loop(lambda i, _: i < n_full, full, (0, carried))
    rest = tf.range(n_full * micro_size, size)
    if not isinstance(n_left, int):
        return tf.cond(n_left > 0, lambda: function(carried, rest), lambda: carried)
    return function(carried, rest) if n_left else carried


class _Predictions:
    """Collects the predictions of micro-batches in the rows of the batch, on TensorFlow."""

    def __init__(self, model, data, size):
        import tensorflow as tf

        # One example shows the shape of predictions, and what is attached to them.
        example = model(map_arrays(lambda t: t[:1], data[0]), training=False)
        self.example = take_apart(example)
        self.empty = [
            tf.zeros(tf.concat([[size], tf.shape(part)[1:]], 0), part.dtype)
            for part in self.present(self.example)
        ]

    @staticmethod
    def present(parts):
        return [part for part in keras.tree.flatten(parts) if part is not None]

    def write(self, into, rows, parts):
        import tensorflow as tf

        pairs = zip(into, self.present(parts), strict=True)
        return [tf.tensor_scatter_nd_update(old, rows[:, None], new) for old, new in pairs]

    def gather(self, written):
        written = iter(written)
        return map_arrays(lambda _: next(written), self.example)
