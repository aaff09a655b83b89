import dataclasses
import gc

import keras
import numpy as np
import pytest
from tones import TINY

from genre_lib.experiment import ACCUMULATION, NORMAL, Phase, Run, l2_phase, variant_phases
from genre_lib.experiment.models import Networks, build_model, compile_model
from genre_lib.network import Augmentation


def state(model):
    variables = [*model.variables, *model.optimizer.variables]
    return [keras.ops.convert_to_numpy(variable) for variable in variables]


def assert_equal(arrays, expected):
    for one, other in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_phases_are_what_they_say():
    plain, penalised, accumulated = (
        build_model(Run(TINY, phase, 0), 2) for phase in (NORMAL, l2_phase(0.01), ACCUMULATION)
    )
    assert plain.losses == []
    assert len(penalised.losses) > 0
    assert accumulated.micro_batch_size == TINY.micro_batch_size
    for model in (plain, penalised, accumulated):
        assert isinstance(model.optimizer, keras.optimizers.Adam)


def test_what_a_phase_says_of_the_network_overrides_the_profile():
    profile = dataclasses.replace(TINY, variants=("momentum",))
    varied = variant_phases(profile)["momentum"][0]
    momenta = [
        compile_model(profile, phase, 2).get_layer("norm_in").momentum for phase in (NORMAL, varied)
    ]
    assert momenta == [0.9, 0.99]


def test_the_initial_weights_follow_from_the_seed_alone():
    first = build_model(Run(TINY, NORMAL, 0, seed=1), 2).get_weights()
    keras.utils.set_random_seed(7)
    assert_equal(build_model(Run(TINY, NORMAL, 2, seed=1), 2).get_weights(), first)
    other = build_model(Run(TINY, NORMAL, 0, seed=2), 2).get_weights()
    assert any((one != two).any() for one, two in zip(first, other, strict=True))


MIXED = Phase("mixed", augmentation=Augmentation(mixup=0.4), averages=0.9)


@pytest.mark.parametrize("phase", [NORMAL, ACCUMULATION, MIXED], ids=lambda phase: phase.name)
def test_the_first_update_creates_no_variables(phase, small_network, monkeypatch):
    monkeypatch.setattr("genre_lib.experiment.models.build_resnet1d", small_network)
    # TensorFlow traces an update that creates some a second time.
    model = build_model(Run(TINY, phase, 0), 10)
    before = [v.path for v in (*model.optimizer.variables, *model.metrics_variables)]
    labels = np.eye(10)[:4] if phase.mixes else np.arange(4)
    model.fit(np.zeros((4, TINY.window), np.int16), labels, batch_size=4, verbose=0)
    assert [v.path for v in (*model.optimizer.variables, *model.metrics_variables)] == before


def test_the_loss_is_scaled_in_sixteen_bits_of_which_few_are_the_exponents():
    scaled = {
        precision: isinstance(
            compile_model(dataclasses.replace(TINY, precision=precision), NORMAL, 2).optimizer,
            keras.optimizers.LossScaleOptimizer,
        )
        for precision in ("float32", "mixed_bfloat16", "mixed_float16")
    }
    assert scaled == {"float32": False, "mixed_bfloat16": False, "mixed_float16": True}


def test_a_network_that_is_given_again_is_as_new_with_its_loss_scale():
    phase = Phase("dropout", network={"dropout": 0.3}, averages=0.9)
    run = Run(dataclasses.replace(TINY, precision="mixed_float16"), phase, 0, seed=3)
    networks = Networks()
    model = networks.give(run, 2)
    new = state(model)
    for variable in [*model.variables, *model.optimizer.variables]:
        variable.assign(keras.ops.ones(variable.shape, variable.dtype))
    assert networks.give(run, 2) is model
    assert_equal(state(model), new)


def test_phases_that_compile_the_same_network_share_it():
    networks = Networks()
    patient = dataclasses.replace(NORMAL, name="patient", label="", patience_in_updates=True)
    model = networks.give(Run(TINY, NORMAL, 0), 2)
    assert networks.give(Run(TINY, patient, 1, seed=1), 2) is model
    assert networks.give(Run(TINY, l2_phase(0.01), 0), 2) is not model


def test_a_network_that_is_forgotten_leaves_no_graph_behind(small_network, monkeypatch):
    monkeypatch.setattr("genre_lib.experiment.models.build_resnet1d", small_network)

    def graphs():
        gc.collect()
        return sum(type(thing).__name__ == "FuncGraph" for thing in gc.get_objects())

    if keras.backend.backend() != "tensorflow":
        pytest.skip("the graphs are TensorFlow's")
    networks = Networks()
    networks.forget()
    before = graphs()
    for phase in (NORMAL, ACCUMULATION):
        samples, labels = np.zeros((4, TINY.window), np.int16), np.zeros(4)
        networks.give(Run(TINY, phase, 0), 2).fit(samples, labels, batch_size=4, verbose=0)
        assert graphs() > before
    networks.forget()
    assert graphs() <= before


def test_a_loss_is_computed_in_single_precision_whatever_keras_json_says(keras_json):
    samples, labels = np.zeros((2, TINY.window, 1), np.int16), np.zeros(2)
    expected = compile_model(TINY, NORMAL, 3).evaluate(samples, labels, verbose=0)
    keras_json(floatx="float16")
    assert compile_model(TINY, NORMAL, 3).evaluate(samples, labels, verbose=0) == expected
