import dataclasses

from genre_lib.experiment.phases import ACCUMULATION, NORMAL, phases, protocol_phase, variant_phases
from genre_lib.experiment.profiles import DEMO, PAPER, VARIANTS
from genre_lib.experiment.runs import plan


def test_a_variant_changes_one_thing_of_a_phase():
    default = dataclasses.asdict(NORMAL)
    changed = {
        name: [
            {k for k, v in dataclasses.asdict(phase).items() if k != "name" and v != default[k]}
            for phase in found
        ]
        for name, found in variant_phases(PAPER).items()
    }
    assert changed == {
        "l2-mean": [{"l2", "l2_reading"}],
        "whole-batch": [{"whole_batch"}],
        "group-norm": [{"accumulates", "normalization"}],
        "momentum": [{"bn_momentum"}, {"accumulates", "bn_momentum"}],
        "statistics": [{"reestimates"}, {"accumulates", "reestimates"}],
        "patience": [{"accumulates", "patience_in_updates"}],
    }


def test_the_momentum_is_varied_away_from_that_of_the_profile():
    assert variant_phases(PAPER)["momentum"][0].bn_momentum == 0.9
    assert variant_phases(DEMO)["momentum"][0].bn_momentum == 0.99


def test_a_profile_chooses_its_variants():
    few = dataclasses.replace(PAPER, variants=("patience",))
    assert list(variant_phases(few)) == ["patience"]
    assert set(variant_phases(PAPER)) == set(VARIANTS)
    assert variant_phases(dataclasses.replace(PAPER, l2_lambdas=()))["l2-mean"] == []


def test_all_phases_have_names_of_their_own():
    variants = [phase for found in variant_phases(PAPER).values() for phase in found]
    everything = [*phases(PAPER), *variants, protocol_phase("no_repetitions")]
    assert len({phase.name for phase in everything}) == len(everything)


def test_each_kind_of_phase_has_its_rotations():
    assert len(plan(PAPER, protocol_phase("fault_filtered"))) == 1
    assert len(plan(PAPER, protocol_phase("artist_filtered"), ACCUMULATION)) == 12
    patience = variant_phases(PAPER)["patience"][0]
    assert len(plan(PAPER, patience)) == 1
    assert len(plan(dataclasses.replace(PAPER, variant_rotations=6), patience)) == 6
