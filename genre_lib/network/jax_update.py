"""Make one update from micro-batches on JAX, where a training step is a function of its state."""

import operator

import jax
import keras

from genre_lib.network.batch_losses import (
    count_examples,
    map_arrays,
    needs_whole_batch,
    put_together,
    take_apart,
)


class JaxUpdate:
    """Updates a `GradientAccumulationModel` once, as a training step of Keras on JAX."""

    def __init__(self, model):
        self.model = model

    def is_better_in_parts(self):
        # On a CPU, convolutions take many times as long in a loop compiled by XLA.
        on_cpu = jax.default_backend() == "cpu" and keras.distribution.distribution() is None
        return on_cpu and self.model.jit_compile and not self.model.run_eagerly

    def compiled(self):
        """Compile the parts of the update, and leave the loop over micro-batches to Python."""
        self.run_forward = jax.jit(self.run_forward)
        self.differentiate_loss = jax.jit(self.differentiate_loss)
        # These two return their result in the memory of their first argument.
        self.add_gradients = jax.jit(self.add_gradients, donate_argnums=0)
        self.finish = jax.jit(self.finish, donate_argnums=0)
        return self

    def __call__(self, state, data):
        data = keras.utils.unpack_x_y_sample_weight(data)
        trainable, non_trainable, optimizer, metrics = state
        constant = trainable, optimizer, metrics
        if needs_whole_batch(self.model):
            # Random numbers and statistics are as before, so that the next pass repeats this one.
            _, parts = self.loop(self.run_forward, non_trainable, constant, data)
            slopes, totals = self.differentiate_loss(state, data, parts)
            batch = *data, slopes
        else:
            batch, totals = data, [jax.numpy.zeros_like(v) for v in trainable]
        carried = [*totals, jax.numpy.zeros((), keras.config.floatx())], non_trainable
        (totals, non_trainable), parts = self.loop(self.add_gradients, carried, constant, batch)
        state = trainable, non_trainable, optimizer, metrics
        return self.finish(state, totals, data, parts)

    def loop(self, function, carried, constant, data):
        """Carry values from one micro-batch to the next, and collect the other results."""
        size, micro_size, first = count_examples(data), self.model.micro_batch_size, 0
        n_full, n_micro_batches, results = size // micro_size, -(-size // micro_size), []

        def step(carried, micro_batch):
            share = count_examples(micro_batch) / size
            return function(carried, constant, micro_batch, share, n_micro_batches)

        if n_full and isinstance(jax.tree.leaves(data)[0], jax.core.Tracer):
            first = n_full * micro_size
            full = map_arrays(lambda t: t[:first].reshape(n_full, micro_size, *t.shape[1:]), data)
            carried, result = jax.lax.scan(step, carried, full)
            results.append(jax.tree.map(lambda t: t.reshape(-1, *t.shape[2:]), result))
        for start in range(first, size, micro_size):
            rows = slice(start, start + micro_size)
            carried, result = step(carried, map_arrays(operator.itemgetter(rows), data))
            results.append(result)
        return carried, results

    def run_forward(self, non_trainable, constant, micro_batch, *_):
        with self.scope(constant, non_trainable) as scope:
            parts = take_apart(self.model(micro_batch[0], training=True))
        return self.after(scope), parts

    def differentiate_loss(self, state, data, results):
        trainable, non_trainable, *others = state

        def loss(parts, trainable):
            with self.scope((trainable, *others), non_trainable):
                loss = self.model.batch_loss(data, put_together(parts), [keras.ops.zeros(())])
                return self.model.optimizer.scale_loss(loss)

        slopes, gradients = jax.grad(loss, (0, 1), allow_int=True)(_join(results), trainable)
        empty = jax.dtypes.float0  # the gradient by whole numbers and truth values
        return jax.tree.map(lambda t: None if t.dtype == empty else t, slopes), gradients

    def add_gradients(self, carried, constant, micro_batch, share, n_micro_batches):
        totals, non_trainable = carried

        def objective(trainable):
            with self.scope((trainable, *constant[1:]), non_trainable) as scope:
                objective, *rest = self.model.objective(micro_batch, share, n_micro_batches)
            return objective, (*rest, self.after(scope))

        new, (added, parts, non_trainable) = jax.grad(objective, has_aux=True)(constant[0])
        totals = [a + b for a, b in zip(totals, [*new, added], strict=True)]
        return (totals, non_trainable), parts

    def finish(self, state, totals, data, results):
        trainable, non_trainable, optimizer, metrics = state
        *gradients, added = totals
        with self.scope((trainable, optimizer, metrics), non_trainable) as scope:
            loss = self.model.batch_loss(data, put_together(_join(results)), [added])
            # On JAX, Keras' metrics ignore masks.
            logs = self.model.report(data, loss, _join(results)[0])
            metrics = [scope.get_current_value(v) for v in self.model.metrics_variables]
        optimize = self.model.optimizer.stateless_apply
        trainable, optimizer = optimize(optimizer, gradients, trainable)
        return logs, (trainable, non_trainable, optimizer, metrics)

    def scope(self, constant, non_trainable):
        model, (trainable, optimizer, metrics) = self.model, constant
        variables = [*model.trainable_variables, *model.non_trainable_variables]
        variables += [*model.optimizer.variables, *model.metrics_variables]
        values = [*trainable, *non_trainable, *optimizer, *metrics]
        mapping = list(zip(variables, values, strict=True))
        return keras.StatelessScope(mapping, collect_losses=True)

    def after(self, scope):
        return [scope.get_current_value(v) for v in self.model.non_trainable_variables]


def _join(results):
    """Concatenate the predictions of micro-batches."""
    return jax.tree.map(lambda *pieces: jax.numpy.concatenate(pieces), *results)
