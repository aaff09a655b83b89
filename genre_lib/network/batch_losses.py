"""Compute the loss of a batch whose predictions come in pieces, even if it is not their mean."""

import keras
from keras import layers, losses
from keras.src.backend.common.tensor_attributes import get_tensor_attr, set_tensor_attr

# Means over equally weighted examples. Any other loss is computed from the whole batch.
_MEANS = {
    losses.binary_crossentropy,
    losses.binary_focal_crossentropy,
    losses.categorical_crossentropy,
    losses.categorical_focal_crossentropy,
    losses.categorical_hinge,
    losses.huber,
    losses.kl_divergence,
    losses.mean_absolute_error,
    losses.mean_squared_error,
    losses.poisson,
    losses.sparse_categorical_crossentropy,
}
# What Keras attaches to predictions: a mask and, for TensorFlow's cross-entropies, logits.
_ATTACHED = ["_keras_mask", *["_keras_logits"] * (keras.backend.backend() == "tensorflow")]


def needs_whole_batch(model):
    """Tell whether a batch's loss may differ from the mean loss of its micro-batches."""
    if type(model).compute_loss is not keras.Model.compute_loss or _is_masked(model):
        return True
    # If examples are the only axis, sample weights apply to a loss that is a mean.
    flat = any(len(tensor.shape) < 2 for tensor in model.outputs)
    return flat or not all(map(_is_mean, keras.tree.flatten(model.loss)))


def _is_masked(model):
    # A layer made of others passes masks on, but only when it is called.
    inner = set(model._flatten_layers(include_self=False)) - set(model.layers)
    masking = any(isinstance(x, layers.Masking) or getattr(x, "mask_zero", False) for x in inner)
    return masking or any(get_tensor_attr(x, "_keras_mask") is not None for x in model.outputs)


def _is_mean(loss):
    if loss is None or str(loss).lower() in ("crossentropy", "ce"):
        return True
    loss = losses.get(loss)
    reduction, settings = getattr(loss, "reduction", "mean"), getattr(loss, "_fn_kwargs", {})
    if reduction in (None, "none"):
        raise ValueError(
            f"{loss.name}: reduction={reduction!r} was given; an update needs one number per batch,"
            " as with reduction='sum_over_batch_size'."
        )
    by_keras = not isinstance(loss, losses.Loss) or type(loss).__module__.startswith("keras.")
    every_example = settings.get("axis", -1) == -1 and settings.get("ignore_class") is None
    known = by_keras and getattr(loss, "fn", loss) in _MEANS
    return known and every_example and reduction in ("mean", "sum_over_batch_size")


def check_added_losses(model):
    """Raise an error if a layer adds a loss that is not known to be a mean over the examples."""
    known = keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2
    for layer in model._flatten_layers(include_self=False):
        if layer._get_own_losses() and type(layer.activity_regularizer) not in known:
            raise ValueError(
                f"{layer.name}: a loss was added inside this layer, which micro-batches cannot add "
                "up without knowing whether it is a mean over the examples or their sum. Expected: "
                "an output of the model with a loss of its own in `compile`."
            )


def take_apart(y_pred):
    """Return predictions, each with what Keras attached to it, or None."""
    attached = (
        keras.tree.map_structure(lambda t, name=name: get_tensor_attr(t, name), y_pred)
        for name in _ATTACHED
    )
    return [y_pred, *attached]


def put_together(parts):
    """Attach masks and logits to predictions again, and return these."""

    def attach(tensor, *attached):
        for name, value in zip(_ATTACHED, attached, strict=True):
            if value is not None:
                set_tensor_attr(tensor, name, value)
        return tensor

    return keras.tree.map_structure(attach, *parts)


def pull(parts, slopes):
    """Return a number whose gradient by the predictions equals the slopes of the batch's loss."""
    pairs = zip(keras.tree.flatten(parts), keras.tree.flatten(slopes), strict=True)
    floats = keras.config.floatx()
    return sum(
        keras.ops.sum(keras.ops.cast(part, floats) * keras.ops.cast(slope, floats))
        for part, slope in pairs
        if slope is not None
    )


def map_arrays(function, data):
    """Apply a function to every array of a structure; None stays None."""
    return keras.tree.map_structure(lambda t: None if t is None else function(t), data)


def count_examples(data):
    """Return the number of examples: an int, or a scalar tensor in a TensorFlow graph."""
    return keras.ops.shape(next(t for t in keras.tree.flatten(data) if t is not None))[0]
