"""Predict and validate without normalisations, folded into the convolutions before them."""

import functools

import keras
import numpy as np

from genre_lib.network.batches import feed
from genre_lib.network.resnet1d import LAYOUT, SLOPE, Res1D
from genre_lib.waveform import FULL_SCALE


def predict(model, batches):
    """Predict the probabilities of a network: float32, shape (n_segments, n_classes).

    The result is that of `keras.Model.predict`, up to rounding. In inference, batch normalisation
    is a factor and an offset per filter, which the convolution before it can include; TensorFlow
    then runs convolution, bias and activation as one kernel.
    """
    forward = fold(model)
    if forward is None:
        return model.predict(batches, verbose=0)
    found = [forward(batches[index][0]) for index in range(len(batches))]
    return np.concatenate([keras.ops.convert_to_numpy(part) for part in found])


def evaluate(model, batches):
    """Return the loss, penalties included, and the accuracy of a network: a dict.

    The result is that of `keras.Model.evaluate`, up to rounding. The loss is the crossentropy of
    genres (integers) or of shares of genres.
    """
    forward = _fold(model)
    if forward is None:
        return model.evaluate(feed(batches), verbose=0, return_dict=True)
    ops, losses, hits = keras.ops, [], []
    # Behind a softmax, Keras finds the logits on TensorFlow only; on JAX, it limits probabilities.
    from_logits = keras.backend.backend() == "tensorflow"
    for samples, labels in (batches[index] for index in range(len(batches))):
        logits = forward(samples)
        outputs = logits if from_logits else ops.softmax(logits)
        if labels.ndim > 1:
            losses.append(ops.categorical_crossentropy(labels, outputs, from_logits))
            labels = labels.argmax(axis=1)
        else:
            losses.append(ops.sparse_categorical_crossentropy(labels, outputs, from_logits))
        hits.append(ops.convert_to_numpy(logits).argmax(axis=1) == labels)
    losses = [ops.convert_to_numpy(part) for part in losses]
    loss = float(np.concatenate(losses).mean(dtype=float)) + float(sum(model.losses))
    return {"accuracy": float(np.concatenate(hits).mean()), "loss": loss}


def fold(model):
    """Return a network as a compiled function of samples, or None if it cannot be folded."""
    forward = _fold(model)
    return forward and (lambda samples: keras.ops.softmax(forward(samples)))


def _fold(model):
    # The function that it returns computes logits.
    layers = {layer.name: layer for layer in model.layers}
    blocks = [layer for layer in model.layers if isinstance(layer, Res1D)]
    if not isinstance(layers.get("norm_in"), keras.layers.BatchNormalization):
        return None
    stem = _folded(layers["conv_in"], layers["norm_in"])
    last = _folded(layers["conv_out"], layers["norm_out"])
    # In the precision of the network's layers; that of the output layer is always float32.
    convert = functools.partial(keras.ops.convert_to_tensor, dtype=layers["conv_in"].compute_dtype)
    folded = stem, [_folded_block(block) for block in blocks], last
    dense = keras.tree.map_structure(keras.ops.convert_to_tensor, layers["output"].weights)
    weights = *keras.tree.map_structure(convert, folded), dense
    compiled = _compile(tuple(tuple(array.shape) for array in keras.tree.flatten(weights)))
    return lambda samples: compiled(samples, *weights)


@functools.cache
def _compile(shapes):
    # Compiled once for all runs of a process with weights of these shapes: they are arguments.
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(_forward, reduce_retracing=True, autograph=False)
    import jax

    return jax.jit(_forward)


def _forward(samples, stem, blocks, last, dense):
    # As images of height 1, which TensorFlow's kernel requires.
    x = keras.ops.expand_dims(keras.ops.cast(samples, stem[0].dtype), 1) / FULL_SCALE
    x = keras.ops.leaky_relu(_convolve(x, *stem, stride=3), SLOPE)
    outputs = []
    for first, second, shortcut in blocks:
        inner = keras.ops.leaky_relu(_convolve(x, *first), SLOPE)
        x = _convolve(inner, *second) + (_convolve(x, *shortcut) if shortcut else x)
        # The activation rises strictly, so it may follow the pooling, which leaves fewer values.
        x = keras.ops.leaky_relu(keras.ops.max_pool(x, (1, 3), (1, 3), **LAYOUT), SLOPE)
        outputs.append(x)
    levels = [keras.ops.leaky_relu(_convolve(x, *last), SLOPE)]
    while sum(level.shape[-1] for level in levels) < dense[0].shape[0]:  # that the output reads
        levels.insert(0, outputs.pop())
    features = keras.ops.concatenate([keras.ops.mean(x, axis=(1, 2)) for x in levels], axis=-1)
    return keras.ops.cast(features, dense[0].dtype) @ dense[0] + dense[1]


def _folded_block(block):
    shortcut = (block.shortcut_conv and _folded(block.shortcut_conv, block.shortcut_norm)) or ()
    return _folded(block.conv1, block.norm1), _folded(block.conv2, block.norm2), shortcut


def _folded(convolution, norm):
    """Return the kernel and bias of one convolution that is equivalent to both layers."""
    kernel, bias, gamma, beta, mean, variance = map(
        keras.ops.convert_to_numpy, [*convolution.weights, *norm.weights]
    )
    factor = gamma / np.sqrt(variance + norm.epsilon)
    return (kernel * factor)[np.newaxis], (bias - mean) * factor + beta


def _convolve(x, kernel, bias, stride=1):
    padding = "same" if stride == 1 else "valid"
    if keras.backend.backend() != "tensorflow":
        return keras.ops.conv(x, kernel, (1, stride), padding, **LAYOUT) + bias
    import tensorflow as tf

    # Keras adds a bias as an ordinary sum, which TensorFlow does not fuse.
    return tf.nn.bias_add(tf.nn.conv2d(x, kernel, (1, stride), padding.upper()), bias)
