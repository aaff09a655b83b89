import numpy as np
import pytest

from genre_lib.corpus.synthesis import CHORDS, RECIPES, play
from genre_lib.waveform import FULL_SCALE, SAMPLE_RATE


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_recipe_can_be_played(recipe):
    for pattern in (recipe.comp, recipe.bass, recipe.kick, recipe.snare, recipe.hat):
        assert len(pattern) in (0, 16)
        assert set(pattern) <= {"x", "."}
    assert {chord.split(":")[1] for chord in recipe.chords.split()} <= set(CHORDS)
    samples = play(recipe, 2.0, np.random.default_rng(0))
    assert (samples.dtype, samples.shape) == (np.int16, (2 * SAMPLE_RATE,))
    # The peak is between -14 and -1 dB of full scale: audible, and never clipped.
    peak = 20 * np.log10(np.abs(samples.astype(float)).max() / FULL_SCALE)
    assert -14.1 < peak < -0.9


def test_a_track_depends_on_the_generator_alone():
    first, again, other = (
        play(RECIPES["rock"], 1.0, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.9
