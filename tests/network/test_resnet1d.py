import warnings

import keras
import numpy as np
import pytest

from genre_lib.network import Res1D, build_resnet1d, list_layers, resnet1d
from genre_lib.network.resnet1d import RESIDUAL_FILTERS, max_pool
from genre_lib.waveform import SHORTEST_WINDOW

# The table of the original: steps and filters after the first convolution, those in each block and
# after its pooling, and those after the last convolution.
TABLE = [
    (36_750, 128),
    *[(36_750, 128), (12_250, 128)],
    *[(12_250, 128), (4_083, 128)],
    *[(4_083, 256), (1_361, 256)],
    *[(1_361, 256), (453, 256)],
    *[(453, 256), (151, 256)],
    *[(151, 256), (50, 256)],
    *[(50, 256), (16, 256)],
    *[(16, 256), (5, 256)],
    *[(5, 512), (1, 512)],
    (1, 512),
]

N_PENALISED = 3_801_088


def small(**kwargs):
    """The whole depth with a few filters, the same weights each time."""
    keras.utils.set_random_seed(1)
    return build_resnet1d(SHORTEST_WINDOW, 3, **{"width": 0.03, **kwargs})


@pytest.fixture(scope="module")
def samples():
    random = np.random.default_rng(0)
    return random.integers(-32_768, 32_768, (12, SHORTEST_WINDOW), dtype=np.int16)


@pytest.fixture(scope="module")
def original():
    return build_resnet1d(l2=0.01)


def count(variables):
    return sum(int(np.prod(variable.shape)) for variable in variables)


def penalised(model):
    return [variable for variable in model.trainable_variables if variable.regularizer]


def test_it_has_the_parameters_and_the_shapes_of_the_original(original):
    assert count(original.trainable_variables) == 4_086_794
    assert original.input_shape == (None, 110_250, 1)
    assert original.output_shape == (None, 10)
    assert original.get_layer("conv_out").output.shape == (None, *TABLE[-1])


def test_the_layers_are_listed_as_in_the_table_of_the_original(original):
    listed = list_layers(original)
    outputs = [f"{filters:,} \N{MULTIPLICATION SIGN} {steps:,}" for steps, filters in TABLE]
    assert list(listed["output"]) == [*outputs, "10"]
    first, block, pool = listed.iloc[0], listed.iloc[1], listed.iloc[2]
    assert (first["layer"], first["filters"], first["kernel"], first["stride"]) == (
        "Conv1D",
        128,
        3,
        3,
    )
    assert (block["layer"], block["filters"], block["kernel"], block["stride"]) == (
        "Res1D",
        128,
        3,
        1,
    )
    assert (pool["layer"], pool["pool"], pool["stride"]) == ("MaxPooling1D", 3, 3)
    assert listed["parameters"].iloc[-1] == 512 * 10 + 10


def test_group_normalisation_has_as_many_parameters_and_no_statistics():
    model = build_resnet1d(normalization="group")
    assert count(model.trainable_variables) == 4_086_794
    assert model.non_trainable_variables == []


def test_the_penalty_is_on_the_convolution_kernels_of_the_blocks_and_nothing_else(original):
    expected = set()
    for number, filters in enumerate(RESIDUAL_FILTERS, start=1):
        kernels = {"conv1", "conv2"}
        if filters != (128, *RESIDUAL_FILTERS)[number - 1]:
            kernels.add("shortcut_conv")
        expected |= {f"res1d_{number}/{kernel}/kernel" for kernel in kernels}
    assert len(expected) == 20
    assert {variable.path for variable in penalised(original)} == expected
    assert count(penalised(original)) == N_PENALISED
    assert penalised(build_resnet1d(width=0.1)) == []


def test_the_readings_of_the_penalty_are_sum_and_mean_of_the_squares():
    for width in (0.03, 0.1):
        for reading, reduce in {"sum": np.sum, "mean": np.mean}.items():
            model = small(width=width, l2=0.01, l2_reading=reading)
            weights = np.concatenate([np.ravel(variable) for variable in penalised(model)])
            assert float(sum(model.losses)) == pytest.approx(
                0.01 * reduce(weights.astype("float64") ** 2), rel=1e-5
            )


def test_sum_is_the_number_of_penalised_weights_times_mean(original):
    mean = build_resnet1d(l2=0.01, l2_reading="mean")
    for of_sum, of_mean in zip(penalised(original), penalised(mean), strict=True):
        assert of_sum.regularizer.l2 / of_mean.regularizer.l2 == pytest.approx(N_PENALISED)


def test_of_the_shortest_window_one_step_is_left_before_the_output():
    assert small().get_layer("res1d_9").output.shape[1] == 1
    assert small().get_layer("res1d_8").output.shape[1] == 3


@pytest.mark.parametrize("input_samples", [SHORTEST_WINDOW - 1, 22_050, 0])
def test_an_input_that_is_too_short_is_refused(input_samples):
    with pytest.raises(ValueError, match=f"input_samples={input_samples} was given.*59049"):
        build_resnet1d(input_samples)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("n_classes", 1),
        ("width", 0),
        ("l2", -0.1),
        ("dropout", 1.0),
        ("bn_momentum", 1.0),
        ("l2_reading", "median"),
        ("normalization", "layer"),
    ],
)
def test_an_argument_out_of_range_is_refused(argument, value):
    with pytest.raises(ValueError, match=f"{argument}={value!r}"):
        build_resnet1d(**{argument: value})


def test_the_width_scales_the_filters_and_no_layer_loses_its_last(original):
    half, tiny = build_resnet1d(width=0.5), build_resnet1d(width=1e-6)
    for model, factor in ((half, 0.5), (tiny, 0)):
        *inner, _ = list_layers(model)["output"]
        assert [int(output.split()[0]) for output in inner] == [
            max(1, factor * filters) for _, filters in TABLE
        ]


def test_integers_and_floats_of_the_same_samples_give_the_same_probabilities(samples):
    model, few = small(), samples[:4]
    probabilities = np.asarray(model(few))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    for same in (few.astype("float32"), few[..., np.newaxis]):
        np.testing.assert_array_equal(np.asarray(model(same)), probabilities)
    np.testing.assert_allclose(model.predict(few, verbose=0), probabilities, rtol=1e-4)


def test_the_loudest_sample_is_scaled_to_one():
    scale = small().get_layer("scale")
    np.testing.assert_array_equal(scale(np.array([-32_768, 16_384], "float32")), [-1, 0.5])


def test_dropout_works_in_training_only(samples):
    model, without = small(dropout=0.5), small()
    assert model.get_layer("dropout").rate == 0.5
    assert "dropout" not in {layer.name for layer in without.layers}
    few = samples[:2].astype("float32")
    np.testing.assert_array_equal(model(few), model(few))
    features = np.ones((1, 1000), "float32")
    dropped = np.asarray(model.get_layer("dropout")(features, training=True))
    assert set(np.unique(dropped)) == {0, 2}


@pytest.mark.tensorflow
def test_group_normalisation_does_not_look_at_the_rest_of_the_batch(samples):
    few = samples[:4].astype("float32")
    for normalization, same in {"group": True, "batch": False}.items():
        model = small(normalization=normalization)
        whole = np.asarray(model(few, training=True))
        half = np.asarray(model(few[:2], training=True))
        assert np.allclose(whole[:2], half, rtol=1e-3, atol=1e-5) is same


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"rematerialize": True, "l2": 0.01, "l2_reading": "mean"},
        {"normalization": "group", "dropout": 0.1},
    ],
    ids=["original", "rematerialized", "group"],
)
def test_a_loaded_model_predicts_bit_for_bit_the_same(settings, samples, tmp_path):
    model = small(**settings)
    random = np.random.default_rng(2)
    model.set_weights([w + random.uniform(0, 0.01, w.shape) for w in model.get_weights()])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_layer("res1d_1").get_config() == model.get_layer("res1d_1").get_config()
    assert [v.path for v in penalised(loaded)] == [v.path for v in penalised(model)]
    np.testing.assert_array_equal(
        loaded.predict(samples[:4], verbose=0), model.predict(samples[:4], verbose=0)
    )


@pytest.mark.parametrize(
    "settings", [{"image_data_format": "channels_first"}, {"floatx": "float16"}]
)
def test_the_network_is_the_same_whatever_keras_json_says(settings, samples, tmp_path, keras_json):
    model = small()
    model.save(tmp_path / "model.keras")
    expected = model.predict(samples[:2], verbose=0)
    keras_json(**settings)
    assert small().get_config() == model.get_config()
    for again in (small(), keras.saving.load_model(tmp_path / "model.keras")):
        found = again.predict(samples[:2], verbose=0)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)


def test_a_block_refuses_an_unknown_normalization():
    with pytest.raises(ValueError, match=r"normalization='layer'.*'batch' or 'group'"):
        Res1D(8, normalization="layer")


def blocks(normalization, rematerialize):
    """Two residual blocks, one with a convolution in its shortcut, on a short input."""
    keras.utils.set_random_seed(1)
    settings = {"normalization": normalization, "rematerialize": rematerialize}
    inputs = keras.Input((30, 4))
    x = Res1D(4, l2=0.01, bn_momentum=0.9, **settings)(inputs)
    x = Res1D(8, l2=0.01, bn_momentum=0.9, **settings)(x)
    x = keras.layers.GlobalAveragePooling1D()(x)
    outputs = keras.layers.Dense(3, activation="softmax")(x)
    return keras.Model(inputs, outputs)


def biases_without_effect(model):
    """Which weights are biases before a normalisation: their gradient is nothing but rounding."""
    return [v.path.endswith("bias") and "conv" in v.path for v in model.weights]


@pytest.mark.parametrize(
    ("normalization", "jit_compile"), [("batch", False), ("batch", True), ("group", False)]
)
def test_rematerialized_blocks_learn_the_same_from_batches_of_80(normalization, jit_compile):
    random = np.random.default_rng(0)
    x = random.normal(size=(160, 30, 4)).astype("float32")
    y = random.integers(0, 3, 160)
    plain, again = blocks(normalization, False), blocks(normalization, True)
    for model in (plain, again):
        optimizer = keras.optimizers.SGD(0.05, momentum=0.9)
        model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=jit_compile)
        model.fit(x, y, batch_size=80, epochs=3, shuffle=False, verbose=0)
    pairs = zip(plain.weights, plain.get_weights(), again.get_weights(), strict=True)
    moved = 0
    for (variable, a, b), noise in zip(pairs, biases_without_effect(plain), strict=True):
        if noise and normalization == "batch":
            np.testing.assert_allclose(a, b, atol=1e-6)
        else:
            assert np.linalg.norm(a - b) <= 1e-5 * np.linalg.norm(a), variable.path
        moved += "moving_mean" in variable.path and np.any(a != 0)
    assert moved == (5 if normalization == "batch" else 0)


def test_rematerialized_the_whole_network_makes_the_same_update(samples):
    labels = np.arange(len(samples)) % 3
    plain, again = small(bn_momentum=0.9), small(bn_momentum=0.9, rematerialize=True)
    losses = []
    for model in (plain, again):
        model.compile(keras.optimizers.SGD(0.001), "sparse_categorical_crossentropy")
        losses.append(model.train_on_batch(samples, labels))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    weights = zip(plain.get_weights(), again.get_weights(), strict=True)
    for (a, b), noise in zip(weights, biases_without_effect(plain), strict=True):
        assert noise or np.linalg.norm(a - b) <= 1e-5 * np.linalg.norm(a)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_biases_that_batch_normalisation_takes_away_stay_and_the_rest_learns_as_before(
    jit_compile, samples, monkeypatch
):
    def trained():
        model = small(bn_momentum=0.9)
        settings = {"loss": "sparse_categorical_crossentropy", "jit_compile": jit_compile}
        model.compile(keras.optimizers.SGD(0.001), **settings)
        before = model.get_weights()
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Keras warns of weights without a gradient
            model.train_on_batch(samples, np.arange(len(samples)) % 3)
        return model, before

    model, before = trained()
    monkeypatch.setattr(resnet1d, "Conv1D", keras.layers.Conv1D)
    plain, _ = trained()
    weights = zip(before, model.get_weights(), plain.get_weights(), strict=True)
    for (old, new, expected), bias in zip(weights, biases_without_effect(model), strict=True):
        if bias:
            np.testing.assert_array_equal(new, old)
        else:
            # Offsets begin at zero: they are one update, a rounded sum over all samples.
            assert np.linalg.norm(new - expected) <= 1e-4 * np.linalg.norm(expected)


@pytest.mark.tensorflow
def test_biases_before_group_normalisation_learn(samples):
    model = small(normalization="group")
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", jit_compile=False)
    model.train_on_batch(samples, np.arange(len(samples)) % 3)
    assert all(np.any(layer.bias) for layer in model.layers if hasattr(layer, "bias"))


@pytest.mark.parametrize("kept", [{}, {"rematerialize": True}, {"normalization": "group"}])
def test_a_block_that_pools_is_the_block_and_the_pooling_after_it(kept):
    keras.utils.set_random_seed(0)
    inputs = np.random.default_rng(0).normal(size=(3, 20, 4)).astype("float32")
    blocks = [Res1D(6, pool_size=size, **kept) for size in (3, 1)]
    for block in blocks:
        block.build(inputs.shape)
    blocks[1].set_weights(blocks[0].get_weights())
    for training in (True, False):
        pooled, whole = (block(inputs, training=training) for block in blocks)
        expected = np.asarray(whole)[:, :18].reshape(3, 6, 3, 6).max(axis=2)
        np.testing.assert_allclose(np.asarray(pooled), expected, rtol=1e-5, atol=1e-6)
        assert pooled.shape == blocks[0].compute_output_shape(inputs.shape)


def test_ties_and_negative_zeros_are_pooled_alike_before_and_after_the_activation():
    x = np.array([-0.0, 0.0, -1.0, 2.0, 2.0, -3.0, -5.0, -5.0, -4.0, 9.0], np.float32)
    x = x.reshape(1, 10, 1)
    first = np.asarray(keras.ops.leaky_relu(max_pool(x, 3), 0.3)).ravel()
    last = np.asarray(max_pool(keras.ops.leaky_relu(x, 0.3), 3)).ravel()
    np.testing.assert_array_equal(first, last)
    np.testing.assert_allclose(first, [0.0, 2.0, -1.2], rtol=1e-6)


def test_a_pooling_apart_from_its_block_is_listed_alike():
    inputs = keras.Input((20, 4))
    joined = keras.Model(inputs, Res1D(6, pool_size=3)(inputs))
    apart = keras.Model(inputs, keras.layers.MaxPooling1D(3)(Res1D(6)(inputs)))
    assert list_layers(joined).equals(list_layers(apart))
