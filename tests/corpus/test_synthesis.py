import numpy as np
import pytest

from genre_lib.corpus.synthesis import CHORDS, RECIPES, form_band, play
from genre_lib.waveform import FULL_SCALE, SAMPLE_RATE


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_recipe_can_be_played(recipe):
    for pattern in (recipe.comp, recipe.bass, recipe.kick, recipe.snare, recipe.hat):
        assert len(pattern) in (0, 16)
        assert set(pattern) <= {"x", "."}
    assert {chord.split(":")[1] for chord in recipe.chords.split()} <= set(CHORDS)
    rng = np.random.default_rng(0)
    samples = play(form_band(recipe, rng), 2.0, rng)
    assert (samples.dtype, samples.shape) == (np.int16, (2 * SAMPLE_RATE,))
    # The peak is between -14 and -1 dB of full scale: audible, and never clipped.
    peak = 20 * np.log10(np.abs(samples.astype(float)).max() / FULL_SCALE)
    assert -14.1 < peak < -0.9


def play_rock(band, track):
    recipe = form_band(RECIPES["rock"], np.random.default_rng(band))
    return play(recipe, 1.0, np.random.default_rng(track))


def test_a_track_depends_on_its_generators_alone():
    first = play_rock(band=0, track=1)
    np.testing.assert_array_equal(first, play_rock(band=0, track=1))
    for other in (play_rock(band=0, track=2), play_rock(band=1, track=1)):
        assert (first != other).mean() > 0.9


def test_a_band_has_a_sound_of_its_own():
    spectra = np.array(
        [
            [np.log(np.abs(np.fft.rfft(play_rock(band, track).reshape(-1, 2205))).mean(axis=0) + 1)
             for track in range(5)]
            for band in range(8)
        ]
    )  # fmt: skip
    within = spectra.var(axis=1).mean()
    assert spectra.mean(axis=1).var(axis=0).mean() > 3 * within / 5  # beyond that of mere means
