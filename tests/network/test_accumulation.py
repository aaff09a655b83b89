import subprocess
import sys
import textwrap
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers, optimizers

from genre_lib.network import GradientAccumulationModel, find_device
from genre_lib.network.devices import choose_compilation

# Two batches of 80 and one of 27, which is two micro-batches of 10 and one of 7.
N_EXAMPLES, BATCH, MICRO_BATCH, N_MICRO_BATCHES = 187, 80, 10, 8

OPTIMIZERS = {
    "SGD": lambda: optimizers.SGD(0.1),
    "SGD with momentum": lambda: optimizers.SGD(0.1, momentum=0.9),
    "Adam": lambda: optimizers.Adam(0.01),
    "AdamW": lambda: optimizers.AdamW(0.01, weight_decay=0.01),
}


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(0)
    x = random.normal(size=(N_EXAMPLES, 12, 2)).astype("float32")
    return x, random.integers(0, 3, N_EXAMPLES)


@pytest.fixture
def half_precision():
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy("float32")


def toy(l2=0.01):
    """A network without batch normalisation; the same weights each time."""
    keras.utils.set_random_seed(1)
    penalty = keras.regularizers.L2(l2) if l2 else None
    inputs = keras.Input((12, 2))
    x = layers.Conv1D(4, 3, activation="relu", kernel_regularizer=penalty)(inputs)
    outputs = layers.Dense(3, activation="softmax", dtype="float32")(layers.Flatten()(x))
    return keras.Model(inputs, outputs)


def accumulating(model, **kwargs):
    return GradientAccumulationModel(model.inputs, model.outputs, **kwargs)


def compiled(model, optimizer=None, **kwargs):
    defaults = {
        "loss": "sparse_categorical_crossentropy",
        "jit_compile": choose_compilation("auto", find_device()),
    }
    model.compile(optimizer or optimizers.SGD(0.1), **defaults | kwargs)
    # Otherwise the first update creates the optimizer's variables, and TensorFlow traces it twice.
    model.optimizer.build(model.trainable_variables)
    return model


def fit(model, data, *, batch_size=BATCH, epochs=7, **kwargs):
    """Fit in the order of the data; by default 21 updates, of which 7 with 27 examples."""
    return model.fit(
        *data, batch_size=batch_size, epochs=epochs, shuffle=False, verbose=0, **kwargs
    ).history


def distance(model, other):
    """Return the largest relative distance between two models' variables."""
    pairs = zip(model.get_weights(), other.get_weights(), strict=True)
    return max(np.linalg.norm(a - b) / np.linalg.norm(a) for a, b in pairs)


def change(model, data, **kwargs):
    """Return by how much one update with the first 80 examples changes each variable."""
    before = model.get_weights()
    fit(model, [part[:BATCH] for part in data], epochs=1, **kwargs)
    return [after - w for after, w in zip(model.get_weights(), before, strict=True)]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_accumulation_gives_the_weights_and_the_loss_of_the_full_batch(name, data):
    plain = compiled(toy(), OPTIMIZERS[name](), metrics=["accuracy"])
    model = compiled(accumulating(toy()), OPTIMIZERS[name](), metrics=["accuracy"])
    expected, history = fit(plain, data), fit(model, data)
    assert distance(plain, model) <= 1e-5
    for metric in ("loss", "accuracy"):
        np.testing.assert_allclose(history[metric], expected[metric], rtol=1e-5)


@pytest.mark.parametrize("micro_batch_size", [16, 1000])
def test_any_size_of_micro_batch_gives_the_same_update(micro_batch_size, data):
    plain, model = compiled(toy()), compiled(accumulating(toy(), micro_batch_size=micro_batch_size))
    fit(plain, data, epochs=2)
    fit(model, data, epochs=2)
    assert distance(plain, model) <= 1e-5


def test_every_batch_makes_one_update_and_nothing_is_carried_into_the_next_epoch(data):
    model = compiled(accumulating(toy()))
    fit(model, data, epochs=1)
    assert int(model.optimizer.iterations) == 3
    fit(model, data, epochs=2)
    assert int(model.optimizer.iterations) == 9


def test_compiled_by_xla_it_is_the_same(data):
    plain, model = compiled(toy()), compiled(accumulating(toy()), jit_compile=True)
    fit(plain, data, epochs=2)
    fit(model, data, epochs=2)
    assert distance(plain, model) <= 1e-5


def test_a_single_batch_of_known_size_is_the_same(data):
    plain, model = compiled(toy()), compiled(accumulating(toy()))
    for start, stop in [(0, 80), (80, 87), (87, 120)]:
        batch = [part[start:stop] for part in data]
        assert np.isclose(model.train_on_batch(*batch), plain.train_on_batch(*batch), rtol=1e-5)
    assert distance(plain, model) <= 1e-5


def test_sample_weights_class_weights_and_several_metrics(data):
    weights = np.random.default_rng(1).random(N_EXAMPLES)

    def with_metrics(model):
        return compiled(
            model,
            metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(2, name="top2")],
            weighted_metrics=[keras.metrics.SparseCategoricalCrossentropy(name="entropy")],
        )

    for given in ({"sample_weight": weights}, {"class_weight": {0: 1.0, 1: 0.2, 2: 5.0}}):
        plain, model = with_metrics(toy()), with_metrics(accumulating(toy()))
        expected, history = fit(plain, data, epochs=2, **given), fit(model, data, epochs=2, **given)
        assert distance(plain, model) <= 1e-5
        assert set(history) == {"loss", "accuracy", "top2", "entropy"}
        for metric, values in expected.items():
            np.testing.assert_allclose(history[metric], values, rtol=1e-5)


def test_several_inputs_and_outputs_are_kept_by_name(data, tmp_path):
    x, _ = data
    inputs = {name: keras.Input((2,), name=name) for name in ("left", "right")}
    both = layers.Concatenate()(list(inputs.values()))
    outputs = {name: layers.Dense(1, name=name)(both) for name in ("sum", "product")}
    left, right = x[:, 0], x[:, 1]
    targets = {"sum": (left + right)[:, :1], "product": (left * right)[:, :1]}
    given = {"left": left, "right": right}

    plain, model = keras.Model(inputs, outputs), GradientAccumulationModel(inputs, outputs)
    start = plain.get_weights()
    loss = {"sum": "mse", "product": "mae"}
    fit(compiled(plain, loss=loss), (given, targets), epochs=2)
    expected = plain.get_weights()
    plain.set_weights(start)  # the two share their layers
    fit(compiled(model, loss=loss), (given, targets), epochs=2)
    for weights, expected_weights in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_allclose(weights, expected_weights, rtol=1e-5, atol=1e-7)

    model.save(tmp_path / "model.keras")
    predictions = keras.saving.load_model(tmp_path / "model.keras").predict(given, verbose=0)
    assert set(predictions) == {"sum", "product"}


def test_reduction_sum_multiplies_the_data_and_not_the_penalty(data):
    free, penalised = change(compiled(toy(l2=0)), data), change(compiled(toy(l2=0.05)), data)
    summed = change(compiled(accumulating(toy(l2=0.05), reduction="sum")), data)
    for of_data, of_both, of_sum in zip(free, penalised, summed, strict=True):
        expected = N_MICRO_BATCHES * of_data + (of_both - of_data)
        np.testing.assert_allclose(of_sum, expected, rtol=1e-4, atol=1e-6)


def test_reduction_sum_is_eight_times_the_step_for_sgd_and_the_same_step_for_adam(data):
    def ratio(make_optimizer):
        steps = [
            change(compiled(accumulating(toy(l2=0), reduction=reduction), make_optimizer()), data)
            for reduction in ("sum", "mean")
        ]
        summed, mean = (np.concatenate([part.ravel() for part in step]) for step in steps)
        return np.linalg.norm(summed) / np.linalg.norm(mean)

    assert ratio(lambda: optimizers.SGD(0.1)) == pytest.approx(N_MICRO_BATCHES, rel=1e-3)
    assert ratio(lambda: optimizers.Adam(0.01)) == pytest.approx(1, abs=1e-3)
    # What is left of the factor comes in through Adam's epsilon.
    assert ratio(lambda: optimizers.Adam(0.01, epsilon=1.0)) > 5


def test_keras_own_accumulation_agrees_where_updates_are_made_of_full_batches(data):
    whole = [part[:160] for part in data]
    own = compiled(toy(), optimizers.Adam(0.01, gradient_accumulation_steps=N_MICRO_BATCHES))
    fit(own, whole, batch_size=MICRO_BATCH, epochs=10)
    model = compiled(accumulating(toy()), optimizers.Adam(0.01))
    fit(model, whole, epochs=10)
    assert distance(own, model) <= 1e-5


def test_keras_own_accumulation_differs_at_the_end_of_an_epoch(data):
    own = compiled(toy(), optimizers.SGD(0.1, gradient_accumulation_steps=N_MICRO_BATCHES))
    model = compiled(accumulating(toy()))
    fit(own, data, batch_size=MICRO_BATCH, epochs=1)
    fit(model, data, epochs=1)
    # 19 batches make two updates of 8; the 27 examples of the other three wait for an epoch that
    # does not come.
    assert (int(own.optimizer.iterations), int(model.optimizer.iterations)) == (2, 3)
    assert distance(own, model) > 1e-3
    fit(own, data, batch_size=MICRO_BATCH, epochs=1)
    # 38 batches, and the third update mixed the end of one epoch with the beginning of the next.
    assert int(own.optimizer.iterations) == 4


def test_every_micro_batch_moves_the_statistics_of_batch_normalisation(data):
    keras.utils.set_random_seed(1)
    inputs = keras.Input((12, 2))
    normal = layers.BatchNormalization(momentum=0.9, name="norm")(inputs)
    outputs = layers.Dense(3, activation="softmax")(layers.Flatten()(normal))
    model = compiled(GradientAccumulationModel(inputs, outputs))
    x, y = (part[:27] for part in data)
    model.train_on_batch(x, y)

    mean, variance = np.zeros(2), np.ones(2)
    for micro_batch in (x[:10], x[10:20], x[20:]):
        mean = 0.9 * mean + 0.1 * micro_batch.mean((0, 1))
        variance = 0.9 * variance + 0.1 * micro_batch.var((0, 1))
    norm = model.get_layer("norm")
    np.testing.assert_allclose(norm.moving_mean, mean, rtol=1e-5)
    np.testing.assert_allclose(norm.moving_variance, variance, rtol=1e-5)


def test_loss_scaling_leaves_the_update_as_it_is(data):
    plain = compiled(toy())
    model = compiled(accumulating(toy()), optimizers.SGD(0.1, loss_scale_factor=1024.0))
    fit(plain, data)
    fit(model, data)
    assert distance(plain, model) <= 1e-5


@pytest.mark.usefixtures("half_precision")
def test_mixed_precision_scales_the_loss_and_skips_an_update_that_overflows(data):
    plain, model = compiled(toy()), compiled(accumulating(toy()))
    fit(plain, data)
    fit(model, data)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert distance(plain, model) <= 0.1  # half precision has three digits, and rounds often

    before, scale = model.get_weights(), float(model.optimizer.dynamic_scale)
    x, y = (part[:BATCH].copy() for part in data)
    x[73] = 1e6  # beyond half precision, in the last micro-batch
    model.train_on_batch(x, y)
    assert float(model.optimizer.dynamic_scale) == scale / 2
    for weights, weights_before in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weights, weights_before)


def test_a_loaded_model_predicts_the_same_and_can_be_trained_further(data, tmp_path):
    model = accumulating(toy(), micro_batch_size=20, reduction="sum", name="summed")
    fit(compiled(model, optimizers.Adam(0.01), metrics=["accuracy"]), data, epochs=2)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, GradientAccumulationModel)
    assert (loaded.micro_batch_size, loaded.reduction, loaded.name) == (20, "sum", "summed")
    x, y = data
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert loaded.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    fit(model, data, epochs=2)
    fit(loaded, data, epochs=2)
    assert distance(model, loaded) <= 1e-6


def test_a_network_kept_when_the_library_had_other_modules_predicts_the_same():
    # Two blocks, one of them rematerialised, trained with accumulation to tell loud from quiet.
    network = keras.saving.load_model(Path(__file__).with_name("kept_network.keras"))
    assert isinstance(network, GradientAccumulationModel)
    assert network.micro_batch_size == 3
    assert int(network.optimizer.iterations) == 60
    loudness = 150 * np.arange(1, 9)[:, np.newaxis]
    samples = (loudness * (np.arange(243) % 27 - 13)).astype(np.int16)
    probabilities = network.predict(samples[..., np.newaxis], verbose=0)[:, 1]
    expected = [
        0.1492907,
        0.1842809,
        0.2110745,
        0.2315852,
        0.2548211,
        0.2759834,
        0.2930905,
        0.3096242,
    ]
    np.testing.assert_allclose(probabilities, expected, rtol=1e-4)


@keras.saving.register_keras_serializable(package="tests")
class Watch(layers.Layer):
    """Notes how many examples pass at a time, whenever its Python code runs."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.sizes = []

    def call(self, inputs):
        self.sizes.append(inputs.shape[0])
        return inputs


def watched():
    inputs = keras.Input((12, 2))
    watch = Watch()
    outputs = layers.Dense(3, activation="softmax")(layers.Flatten()(watch(inputs)))
    return watch, GradientAccumulationModel(inputs, outputs)


def test_no_more_than_a_micro_batch_passes_at_a_time(data):
    watch, model = watched()
    compiled(model, run_eagerly=True, jit_compile=False)
    model.train_on_batch(*[part[:27] for part in data])  # makes the metrics, which passes all
    watch.sizes.clear()
    model.train_on_batch(*[part[:27] for part in data])
    assert set(watch.sizes) - {1} == {10, 7}  # one example may tell what predictions look like


class OfManySizes(keras.utils.PyDataset):
    """Batches of which no two have the same size."""

    def __init__(self, data):
        super().__init__()
        self.data = data

    def __len__(self):
        return 5

    def __getitem__(self, index):
        return tuple(part[: 11 * (index + 3)] for part in self.data)


def test_batches_of_other_sizes_are_traced_once(data):
    watch, model = watched()
    compiled(model).fit(OfManySizes(data), epochs=1, verbose=0)
    traced = len(watch.sizes)
    model.fit(OfManySizes(data), epochs=3, verbose=0)
    assert len(watch.sizes) <= traced + 1  # one for the build of the second fit


def test_accumulation_saves_memory():
    code = """
        import threading, time
        import keras, numpy as np, psutil
        from keras import layers
        from genre_lib.network import GradientAccumulationModel

        def memory():
            return psutil.Process().memory_info().rss

        def watch():
            global peak
            while True:
                peak = max(peak, memory())
                time.sleep(0.001)

        peak = memory()
        threading.Thread(target=watch, daemon=True).start()
        inputs = keras.Input((None, 1))
        x = inputs
        for _ in range(6):
            x = layers.Conv1D(16, 3, padding="same", activation="relu")(x)
        outputs = layers.Dense(1)(layers.GlobalAveragePooling1D()(x))
        batch = np.ones((80, 4096, 1), "float32"), np.ones((80, 1), "float32")
        for micro_batch_size in (10, 80):
            model = GradientAccumulationModel(inputs, outputs, micro_batch_size)
            model.compile("sgd", "mse")
            # Tracing the graph takes memory of its own: as many small examples go first.
            model.train_on_batch(*(part[:, :64] for part in batch))
            peak = before = memory()
            model.train_on_batch(*batch)
            print(peak - before)
    """
    output = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    ).stdout
    in_micro_batches, in_one_piece = map(int, output.split())
    activations = 6 * 80 * 4096 * 16 * 4  # bytes, of the whole batch
    assert in_one_piece > activations
    assert in_micro_batches < in_one_piece / 2


@pytest.mark.parametrize("micro_batch_size", [0, -1, 2.5, "10"])
def test_a_micro_batch_has_at_least_one_example(micro_batch_size):
    with pytest.raises(ValueError, match=f"micro_batch_size={micro_batch_size!r}"):
        accumulating(toy(), micro_batch_size=micro_batch_size)


def test_an_unknown_reduction_is_refused():
    with pytest.raises(ValueError, match=r"reduction='max'.*mean, sum"):
        accumulating(toy(), reduction="max")


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="Keras itself refuses it there")
def test_a_loss_without_one_number_per_batch_is_refused(data):
    loss = keras.losses.SparseCategoricalCrossentropy(reduction=None)
    with pytest.raises(ValueError, match=r"reduction=None.*sum_over_batch_size"):
        fit(compiled(accumulating(toy()), loss=loss), data, epochs=1)


@keras.saving.register_keras_serializable(package="tests")
class Adding(layers.Layer):
    """Adds to the loss of the model."""

    def call(self, inputs):
        self.add_loss(keras.ops.sum(inputs))
        return inputs


@pytest.mark.parametrize(
    "layer",
    [
        lambda: Adding(name="here"),
        lambda: layers.Dense(3, activity_regularizer=keras.ops.max, name="here"),
        lambda: keras.Sequential([layers.Dense(3), Adding(name="here")]),
    ],
)
def test_losses_that_layers_add_are_refused_if_they_may_not_be_means(layer, data):
    inputs = keras.Input((12, 2))
    outputs = layers.Dense(3, activation="softmax")(layers.Flatten()(layer()(inputs)))
    model = compiled(GradientAccumulationModel(inputs, outputs))
    with pytest.raises(ValueError, match=r"here: a loss was added.*an output of the model"):
        fit(model, data, epochs=1)


class ExplainsItself(GradientAccumulationModel):
    def compute_loss(self, x, y, y_pred, sample_weight, training=True):
        return keras.ops.std(x[:, 0, :1] - y_pred) + keras.ops.sum(self.trainable_variables[0] ** 2)


def test_a_loss_computed_by_the_model_itself_is_that_of_the_whole_batch(data):
    results = []
    for micro_batch_size in (10, 1000):
        network = toy(l2=0)
        model = ExplainsItself(network.inputs, network.outputs, micro_batch_size)
        results.append((fit(compiled(model), data, epochs=2)["loss"], model))
    (losses, model), (expected, plain) = results
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    assert distance(plain, model) <= 1e-5


def test_a_loss_of_the_whole_batch_moves_random_numbers_and_statistics_once(data):
    def train(loss):
        keras.utils.set_random_seed(1)
        inputs = keras.Input((12, 2))
        x = layers.Dropout(0.5, seed=2)(layers.BatchNormalization(momentum=0.5)(inputs))
        outputs = layers.Dense(3, activation="softmax")(layers.Flatten()(x))
        model = compiled(GradientAccumulationModel(inputs, outputs), loss=loss)
        return fit(model, data, epochs=2)["loss"], model

    def mean(y, p):  # which may be any function
        return keras.ops.mean(keras.losses.sparse_categorical_crossentropy(y, p))

    losses, model = train(mean)
    expected, plain = train("sparse_categorical_crossentropy")
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    for one, other in zip(model.variables, plain.variables, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_whatever_trains_is_kept(data, tmp_path):
    def trainable(model):
        return [layer.trainable for layer in model.layers], len(model.trainable_variables)

    frozen = accumulating(toy(), micro_batch_size=20, trainable=False, name="frozen")
    partly = accumulating(toy(), reduction="sum")
    partly.layers[1].trainable = False
    for model in (frozen, partly):
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        assert trainable(loaded) == trainable(model)
        for name in ("trainable", "name", "micro_batch_size", "reduction"):
            assert getattr(loaded, name) == getattr(model, name)
        policies = [[layer.dtype_policy.name for layer in m.layers] for m in (loaded, model)]
        assert policies[0] == policies[1]


def test_replicas_train_and_report_what_keras_does():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("strategies are TensorFlow's")
    code = """
        import keras, numpy as np, tensorflow as tf
        from keras import layers
        from genre_lib.network import GradientAccumulationModel

        two = [tf.config.LogicalDeviceConfiguration()] * 2
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, two)
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        x = np.random.default_rng(0).normal(size=(44, 8)).astype("float32")
        y = np.arange(44) % 3

        def summed(y, p):
            return keras.ops.sum(keras.losses.sparse_categorical_crossentropy(y, p)) / 16

        for losses in (["sparse_categorical_crossentropy", "mse"], [summed, "mse"]):
            results = []
            for kind in (keras.Model, GradientAccumulationModel):
                keras.utils.set_random_seed(1)
                options = {} if kind is keras.Model else {"micro_batch_size": 5}
                with strategy.scope():
                    inputs = keras.Input((8,))
                    hidden = layers.Dense(4, activation="tanh", kernel_regularizer="l2")(inputs)
                    genre = layers.Dense(3, activation="softmax", name="genre")(hidden)
                    model = kind(inputs, [genre, layers.Dense(1, name="level")(hidden)], **options)
                    optimizer = keras.optimizers.SGD(0.1)
                    model.compile(optimizer, losses, metrics=["accuracy", "mae"])
                targets = [y, x[:, :1]]
                history = model.fit(x, targets, batch_size=32, epochs=2, shuffle=False, verbose=0)
                results.append((history.history, model.get_weights()))
            (expected, weights), (found, found_weights) = results
            assert found.keys() == expected.keys(), (found, expected)
            for name, values in expected.items():
                np.testing.assert_allclose(found[name], values, rtol=1e-5, err_msg=name)
            for one, other in zip(found_weights, weights):
                np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)
