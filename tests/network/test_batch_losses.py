"""Many kinds of model, each trained as Keras does and in micro-batches, on the same batches."""

import keras
import numpy as np
import pytest
from keras import layers, losses, ops, optimizers

from genre_lib.network import GradientAccumulationModel

# A batch is a micro-batch of seven examples and one of five.
N_EXAMPLES, BATCH, MICRO_BATCH = 12, 12, 7
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(N_EXAMPLES, 6)).astype("float32")
LABELS, ONE = RANDOM.integers(0, 3, N_EXAMPLES), RANDOM.random((N_EXAMPLES, 1))
SHARES = RANDOM.dirichlet(np.ones(3), N_EXAMPLES).astype("float32")
WEIGHTS = RANDOM.random(N_EXAMPLES).astype("float32")
WORDS = RANDOM.integers(1, 9, (N_EXAMPLES, 5))
WORDS[np.arange(5) >= RANDOM.integers(1, 6, (N_EXAMPLES, 1))] = 0
TAGS, STEPS = RANDOM.integers(0, 3, WORDS.shape), RANDOM.random(WORDS.shape).astype("float32")
IGNORING = np.where(WORDS == 0, -1, TAGS)


def classes(x, **kwargs):
    return layers.Dense(3, activation="softmax", **kwargs)(x)


def network(x):
    return classes(layers.Dense(4, activation="tanh")(x))


def penalised(x):
    settings = {"kernel_regularizer": "l2", "activity_regularizer": keras.regularizers.L1L2()}
    return classes(layers.Dense(4, activation="tanh", **settings)(x))


def partly_frozen(x):
    return classes(layers.Dense(4, activation="tanh", trainable=False)(x))


def all_frozen(x):
    return classes(x, trainable=False)


def shared(x):
    layer = layers.Dense(6, activation="tanh")
    return classes(layer(layer(x)))


def tagger(x, masked=True):
    return classes(layers.Embedding(9, 4, mask_zero=masked)(x))


def unmasked_tagger(x):
    return tagger(x, masked=False)


def nested_tagger(x):
    inputs = keras.Input((None,), dtype="int32")
    return keras.Model(inputs, tagger(inputs))(x)


def pooled(x):
    return classes(layers.GlobalAveragePooling1D()(layers.Embedding(9, 4, mask_zero=True)(x)))


def masked_steps(x):
    return layers.Dense(1)(layers.Masking(0.0)(x))


def two(x):
    return [classes(x, name="genre"), layers.Dense(1, name="level")(x)]


def two_by_name(x):
    hidden = layers.Concatenate()([x["left"], x["right"]])
    return {"genre": classes(hidden, name="genre"), "level": layers.Dense(1, name="level")(hidden)}


def two_taggers(x):
    masked, plain = layers.Embedding(9, 4, mask_zero=True)(x), layers.Embedding(9, 4)(x)
    return [classes(masked, name="masked"), classes(plain, name="plain")]


def with_spare(x):
    return {"genre": classes(x, name="genre"), "spare": layers.Dense(2, name="spare")(x)}


def with_decision(x):
    probabilities = classes(x)
    return {"genre": probabilities, "decision": ops.argmax(probabilities, axis=-1)}


def level(x):
    return layers.Flatten()(layers.Dense(1)(x))


def flat_level(x):
    return ops.squeeze(layers.Dense(1)(x), axis=-1)


def certain(x):
    return classes(ops.multiply(x, 200.0))


def raw_embedding(x):
    return layers.Dense(4)(x)


def summed(y, p):
    return ops.sum(losses.sparse_categorical_crossentropy(y, p)) / 8


def mean_of_all(y, p):
    return ops.mean(ops.square(y - p))


def mean_of_each(y, p):
    return ops.mean(ops.square(y - p), axis=-1)


def mean_of_counted(y, p):
    counts = ops.cast(y >= 0, p.dtype)
    each = losses.sparse_categorical_crossentropy(ops.maximum(y, 0), p)
    return ops.sum(each * counts) / ops.sum(counts)


def contrastive(y, p):
    """Each example against all of its batch."""
    p = p / ops.norm(p, axis=-1, keepdims=True)
    alike = ops.cast(ops.expand_dims(y, 0) == ops.expand_dims(y, 1), p.dtype)
    return -ops.mean(alike * ops.log_softmax(ops.matmul(p, ops.transpose(p)), axis=-1), axis=-1)


class RootMeanSquare(losses.Loss):
    def call(self, y_true, y_pred):
        return ops.sqrt(ops.mean(ops.square(y_true - y_pred)))


def share_of_batch(y, p):
    """A metric that is one number, and not one per example."""
    return ops.max(p) - ops.min(p)


sparse, crossentropy = losses.SparseCategoricalCrossentropy, losses.CategoricalCrossentropy
BY_NAME = {"left": X[:, :2], "right": X[:, 2:]}
BOTH = {"genre": LABELS, "level": ONE}
WORDY = {"x": WORDS, "y": TAGS}
REAL = {"y": SHARES}

# What differs from a small classifier with cross-entropy, trained by SGD.
CASES = {
    "sparse cross-entropy": {},
    "cross-entropy, smoothed": {"loss": crossentropy(label_smoothing=0.1), **REAL},
    "cosine similarity": {"loss": "cosine_similarity", **REAL},
    "cross-entropy over another axis": {"loss": losses.BinaryCrossentropy(axis=0), **REAL},
    "no other axis, weighted": {
        "network": flat_level,
        "loss": "mse",
        "y": ONE[:, 0],
        "fit": {"sample_weight": WEIGHTS},
    },
    "certain beyond rounding": {"network": certain, "loss": summed},
    "a mask, in a model within": {"network": nested_tagger, **WORDY},
    "a mask, weighted steps": {
        "network": tagger,
        **WORDY,
        "fit": {"sample_weight": STEPS},
        "weighted": ["accuracy"],
    },
    "a mask that ends before the output": {"network": pooled, "x": WORDS},
    "masked numbers": {
        "network": masked_steps,
        "x": np.where(WORDS[..., None] > 0, STEPS[..., None] + X[:, :1, None], 0),
        "y": STEPS[..., None],
        "loss": "mse",
    },
    "ignored class": {
        "network": unmasked_tagger,
        "x": WORDS,
        "y": IGNORING,
        "loss": sparse(ignore_class=-1),
    },
    "a function that counts": {
        "network": unmasked_tagger,
        "x": WORDS,
        "y": IGNORING,
        "loss": mean_of_counted,
    },
    "a function that sums": {"loss": summed},
    "a function of each example": {"loss": mean_of_each, **REAL, "fit": {"sample_weight": WEIGHTS}},
    "contrastive": {"network": raw_embedding, "loss": contrastive},
    "a root": {"loss": RootMeanSquare(), **REAL},
    "Dice": {"loss": losses.Dice(), **REAL},
    "circle": {"network": raw_embedding, "loss": losses.Circle(gamma=2), "rate": 0.01},
    "sum": {"loss": sparse(reduction="sum"), "rate": 0.01},
    "mean by weight": {
        "loss": sparse(reduction="mean_with_sample_weight"),
        "fit": {"sample_weight": WEIGHTS},
    },
    "class weights": {"fit": {"class_weight": {0: 1.0, 1: 0.1, 2: 7.0}}},
    "two outputs": {"network": two, "loss": ["ce", "mse"], "y": [LABELS, ONE]},
    "two outputs by name, weighted": {
        "network": two_by_name,
        "x": BY_NAME,
        "y": BOTH,
        "loss": {"genre": sparse(), "level": mean_of_all},
        "loss_weights": {"genre": 0.2, "level": 3.0},
        "metrics": {"genre": ["accuracy"], "level": ["mae"]},
    },
    "weights of each output": {
        "network": two,
        "loss": ["ce", "mse"],
        "y": [LABELS, ONE],
        "fit": {"sample_weight": [WEIGHTS, WEIGHTS[::-1]], "batch_size": 8},
    },
    "outputs with a mask and without": {
        "network": two_taggers,
        "x": WORDS,
        "y": [TAGS, TAGS],
        "loss": ["sparse_categorical_crossentropy", sparse(ignore_class=1)],
    },
    "an output without a loss": {
        "network": with_spare,
        "loss": {"genre": sparse()},
        "y": {"genre": LABELS},
        "optimizer": lambda: optimizers.AdamW(0.1, weight_decay=0.1),
    },
    "an output of whole numbers": {
        "network": with_decision,
        "loss": {"genre": summed, "decision": None},
        "y": {"genre": LABELS, "decision": LABELS},
    },
    "penalties": {"network": penalised},
    "partly frozen": {"network": partly_frozen},
    "nothing to train": {"network": all_frozen},
    "a shared layer": {"network": shared},
    "mixed_float16, and a function that sums": {
        "policy": "mixed_float16",
        "loss": summed,
        "rtol": 1e-2,
    },
    "mixed_bfloat16": {"policy": "mixed_bfloat16", "rtol": 5e-2},
    "float64, and a function that sums": {"floatx": "float64", "loss": summed},
    "scaled loss that sums": {
        "loss": summed,
        "network": penalised,
        "optimizer": lambda: optimizers.LossScaleOptimizer(optimizers.SGD(0.1)),
    },
    "clipped": {"optimizer": lambda: optimizers.Adam(0.1, global_clipnorm=0.01)},
    "metrics of the whole batch": {
        "metrics": ["accuracy", share_of_batch],
        "weighted": ["sparse_categorical_crossentropy"],
        "fit": {"sample_weight": WEIGHTS},
    },
    "metrics that count": {
        "loss": "binary_crossentropy",
        "y": SHARES > 0.4,
        "metrics": ["AUC", "Precision", "mse"],
    },
    "two batches at once": {"compile": {"steps_per_execution": 2}, "loss": summed},
    "eagerly": {"compile": {"run_eagerly": True, "jit_compile": False}, "network": tagger, **WORDY},
    "by XLA": {"compile": {"jit_compile": True}, "loss": summed},
    "a batch of one more than a micro-batch": {"fit": {"batch_size": 8}, "loss": summed},
}


@pytest.fixture(autouse=True)
def keras_settings():
    floatx = keras.config.floatx()
    yield
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy("float32")


def train(kind, case, **kwargs):
    """Train a new model of a kind, and return its weights and history."""
    keras.utils.set_random_seed(1)
    keras.config.set_floatx(case.get("floatx", "float32"))
    keras.config.set_dtype_policy(case.get("policy", case.get("floatx", "float32")))
    x, y = case.get("x", X), case.get("y", LABELS)
    if isinstance(x, dict):
        inputs = {name: keras.Input(array.shape[1:], name=name) for name, array in x.items()}
    elif x is WORDS:
        inputs = keras.Input((None,), dtype="int32")
    else:
        inputs = keras.Input(x.shape[1:])
    model = kind(inputs, case.get("network", network)(inputs), **kwargs)
    model.compile(
        case.get("optimizer", lambda: optimizers.SGD(case.get("rate", 0.2), momentum=0.5))(),
        case.get("loss", "sparse_categorical_crossentropy"),
        metrics=case.get("metrics"),
        weighted_metrics=case.get("weighted"),
        loss_weights=case.get("loss_weights"),
        **case.get("compile", {}),
    )
    # Otherwise the first update creates the optimizer's variables, and TensorFlow traces it twice.
    model.optimizer.build(model.trainable_variables)
    settings = {"batch_size": BATCH, "epochs": 3, "shuffle": False, "verbose": 0}
    history = model.fit(x, y, **settings | case.get("fit", {})).history
    return model.get_weights(), history


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore")
def test_micro_batches_give_the_weights_and_the_history_of_the_whole_batch(name):
    case = CASES[name]
    weights, history = train(keras.Model, case)
    found, found_history = train(GradientAccumulationModel, case, micro_batch_size=MICRO_BATCH)
    rtol = case.get("rtol", 2e-5)
    for one, other in zip(found, weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol)
    assert set(found_history) == set(history)
    for metric, values in history.items():
        np.testing.assert_allclose(found_history[metric], values, rtol=rtol, err_msg=metric)
