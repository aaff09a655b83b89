"""What the phases are, and that a new one takes a single place."""

import dataclasses

import keras
import numpy as np
import pytest
from tones import TINY

from genre_lib.experiment import (
    DEMO,
    IMPROVEMENTS,
    NORMAL,
    PAPER,
    PROTOCOLS,
    SMOKE,
    VARIANTS,
    Phase,
    fit_runs,
    improvement_phases,
    l2_phase,
    load_network,
    main_phases,
    plan,
    protocol_phase,
    variant_phases,
    with_more_data,
)


def test_a_variant_changes_one_thing_of_a_phase():
    default = dataclasses.asdict(NORMAL)
    changed = {
        name: [
            {k for k, v in dataclasses.asdict(p).items() if v != default[k]} - {"name", "label"}
            for p in found
        ]
        for name, found in variant_phases(PAPER).items()
    }
    assert changed == {
        "l2-mean": [{"network"}],
        "whole-batch": [{"whole_batch"}],
        "group-norm": [{"accumulates", "network"}],
        "momentum": [{"network"}],
        "accumulation-momentum": [{"accumulates", "network"}],
        "statistics": [{"reestimates"}, {"accumulates", "reestimates"}],
        "patience": [{"accumulates", "patience_in_updates"}],
    }
    assert variant_phases(PAPER)["l2-mean"][0].network == {"l2": 0.01, "l2_reading": "mean"}
    assert variant_phases(PAPER)["group-norm"][0].network == {"normalization": "group"}


def test_the_momentum_is_varied_away_from_that_of_the_profile():
    for name in ("momentum", "accumulation-momentum"):
        assert variant_phases(PAPER)[name][0].network == {"bn_momentum": 0.9}
    assert variant_phases(DEMO)["momentum"][0].network == {"bn_momentum": 0.99}


def test_a_profile_chooses_its_variants():
    few = dataclasses.replace(PAPER, variants=("patience",))
    assert list(variant_phases(few)) == ["patience"]
    assert set(variant_phases(PAPER)) == set(VARIANTS)
    assert variant_phases(dataclasses.replace(PAPER, l2_lambdas=()))["l2-mean"] == []


def test_all_phases_have_names_and_labels_of_their_own():
    variants = [phase for found in variant_phases(PAPER).values() for phase in found]
    protocols = [protocol_phase(protocol) for protocol in PROTOCOLS[1:]]
    protocols += [protocol_phase(protocol, 4) for protocol in PROTOCOLS[:3]]
    phases = [*main_phases(PAPER), *variants, *protocols, *improvement_phases(PAPER)]
    for attribute in ("name", "label"):
        assert len({getattr(phase, attribute) for phase in phases}) == len(phases)
    # Kept runs lie under these names.
    assert {phase.name for phase in phases} == {
        "normal",
        "l2-0.01",
        "l2-0.001",
        "l2-0.0001",
        "accumulation",
        "l2-mean-0.01",
        "batch-80",
        "accumulation-group-norm",
        "normal-momentum-0.9",
        "accumulation-momentum-0.9",
        "normal-statistics",
        "accumulation-statistics",
        "accumulation-patience",
        "normal-no-repetitions",
        "normal-artist-filtered",
        "normal-fault-filtered",
        "crops",
        "gain-6-polarity",
        "mixup-0.4",
        "dropout-0.3",
        "levels-4",
        "averages-0.98-cosine",
        "improved",
        "normal-4-partitions",
        "normal-no-repetitions-4-partitions",
        "normal-artist-filtered-4-partitions",
    }


def test_the_improved_phase_is_all_improvements_together():
    default = dataclasses.asdict(NORMAL)

    def changes(phase):
        nested = {"network": phase.network, **dataclasses.asdict(phase)}
        found = {k: v for k, v in nested.items() if v != default[k]}
        flat = found.pop("network", {}) | found.pop("augmentation", {})
        flat = {k: v for k, v in flat.items() if v}
        return {k: v for k, v in (found | flat).items() if k not in ("name", "label", "epochs")}

    *alone, improved = map(changes, improvement_phases(PAPER))
    assert [set(change) for change in alone] == [
        {"crops"},
        {"gain_db", "polarity"},
        {"mixup"},
        {"dropout"},
        {"levels"},
        {"averages", "cosine"},
    ]
    assert improved == {name: value for change in alone for name, value in change.items()}


def test_a_profile_chooses_its_improvements():
    assert improvement_phases(DEMO) == []
    assert len(improvement_phases(PAPER)) == len(IMPROVEMENTS)
    runs = [run.phase.name for run in plan(PAPER, *improvement_phases(PAPER))]
    assert runs.count("improved") == PAPER.other_rotations
    assert runs.count("crops") == PAPER.variant_rotations


def test_the_original_protocol_is_the_normal_phase_itself():
    assert protocol_phase("original") is NORMAL
    assert protocol_phase("artist_filtered").protocol == "artist_filtered"


def test_any_phase_can_train_on_more_data():
    assert with_more_data(NORMAL, 1) is NORMAL
    more = with_more_data(l2_phase(0.01), 4)
    assert (more.name, more.label) == ("l2-0.01-4-partitions", "L2, λ = 0.01, 4 partitions")
    assert (more.network, more.train_partitions) == ({"l2": 0.01}, 4)


@pytest.mark.parametrize(("epochs", "expected"), [(1, [3, 2, 1]), (100, [60, 30, 15])])
def test_the_improved_phase_makes_as_many_updates_on_more_data(epochs, expected):
    improved = IMPROVEMENTS["improved"](dataclasses.replace(PAPER, epochs=epochs))
    assert [with_more_data(improved, size).epochs for size in (1, 2, 4)] == expected


def assert_trained(phases, profile, store, folder):
    results = fit_runs(plan(profile, *phases), store, folder, progress=False)
    names = [result.facts["phase"]["name"] for result in results.values()]
    assert names == [phase.name for phase in phases]
    assert all(np.isfinite(result.history["loss"]).all() for result in results.values())


def test_the_variants_that_the_smallest_report_leaves_out_train(
    tone_store, small_network, tmp_path, monkeypatch
):
    monkeypatch.setattr("genre_lib.experiment.models.build_resnet1d", small_network)
    # Another penalty or momentum is a number in a network that the report trains.
    missing = set(VARIANTS) - {*SMOKE.variants, "l2-mean", "momentum", "accumulation-momentum"}
    assert missing == {"statistics", "whole-batch", "patience"}
    profile = dataclasses.replace(TINY, variants=tuple(sorted(missing)))
    phases = [phase for found in variant_phases(profile).values() for phase in found]
    assert_trained(phases, profile, tone_store, tmp_path)


def test_all_improvements_train_together(tone_store, tmp_path):
    profile = dataclasses.replace(TINY, improvements=("improved",))
    assert_trained(improvement_phases(profile), profile, tone_store, tmp_path)


def test_an_entry_among_the_variants_is_all_that_a_new_phase_takes(
    tone_store, tmp_path, monkeypatch
):
    new = Phase("dropout-0.3", "dropout 0.3", network={"dropout": 0.3})
    monkeypatch.setitem(VARIANTS, "dropout", lambda _: [new])
    profile = dataclasses.replace(TINY, variants=("dropout",))
    assert profile.digest() == TINY.digest()  # what is kept stays valid
    runs = plan(profile, *variant_phases(profile)["dropout"])
    (result,) = fit_runs(runs, tone_store, tmp_path, progress=False).values()
    assert result.folder.parent.name == "dropout-0.3"
    dropout = load_network(result).get_layer("dropout")
    assert isinstance(dropout, keras.layers.Dropout)
    assert dropout.rate == pytest.approx(0.3)
    assert list(fit_runs(runs, tone_store, tmp_path, progress=False)) == runs
