"""A small band that plays ten genres: the sound of the demo corpus.

A genre is a recipe of tempo, rhythm, harmony and timbre: a row of ``recipes.csv``. Each of its
bands has a sound of its own, and each track of a band differs a little. Both are drawn at random,
so that a genre has to be learned, and a band can be recognised instead.
"""

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy  # which imports its parts when they are used: every notebook imports this module

from genre_lib.waveform import FULL_SCALE, SAMPLE_RATE

# The columns of a recipe:
# - slowest, fastest: tempo, in beats per minute;
# - chords: one per bar, as semitones above the key, a colon, and a symbol from CHORDS;
# - comp (the chords), bass, kick, snare, hat: patterns of sixteen steps, a bar of 4/4, in which x
#   plays and . rests; an instrument without a pattern does not play;
# - octave, rolloff of the chords: octave 4 begins at middle C; overtone n has the amplitude
#   n**-rolloff, so a small one is bright;
# - attack, decay: seconds in which a note reaches its amplitude, and in which it falls to 1/e;
# - drive: gain before the chords saturate, 0 is clean; swing: delay of every second eighth, in
#   sixteenths; drums: their level; ring: seconds in which a cymbal falls to 1/e.
_TABLE = pd.read_csv(Path(__file__).with_name("recipes.csv"), keep_default_na=False)
RECIPES = {recipe.genre: recipe for recipe in _TABLE.itertuples(index=False, name="Recipe")}

# Semitones above the root, by the symbol of the chord.
CHORDS = {
    "": (0, 4, 7), "m": (0, 3, 7), "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11), "m7": (0, 3, 7, 10), "5": (0, 7, 12),
}  # fmt: skip


class Band(NamedTuple):
    """What the tracks of a synthetic artist have in common: its own recipe and its mixing."""

    recipe: tuple
    chords: float
    echo: float  # seconds
    wet: float
    noise: float  # decades below the music
    top: float  # Hz
    peak: float  # dB below full scale


def form_band(recipe, rng):
    """Form a band that plays a recipe in its own way, which `rng` draws."""
    recipe = recipe._replace(
        rolloff=recipe.rolloff * rng.lognormal(0, 0.13),
        decay=recipe.decay * rng.lognormal(0, 0.22),
        drive=recipe.drive * rng.lognormal(0, 0.22),
        drums=recipe.drums * rng.lognormal(0, 0.25),
        ring=recipe.ring * rng.lognormal(0, 0.15),
    )
    mixing = [rng.lognormal(0, 0.25), rng.uniform(0.03, 0.12), rng.uniform(0.05, 0.35)]
    mixing += [rng.uniform(2, 3.5), rng.uniform(4500, 9500), rng.uniform(2, 13)]
    return Band(recipe, *mixing)


def play(band, seconds, rng):
    """Play a track: int16, shape (seconds * 22 050,); `rng` draws what differs within a band."""
    recipe, vary = band.recipe, functools.partial(rng.lognormal, 0, 0.05)
    recipe = recipe._replace(
        rolloff=recipe.rolloff * vary(), decay=recipe.decay * vary(), drive=recipe.drive * vary()
    )
    n_samples = round(seconds * SAMPLE_RATE)
    onsets = _onsets(recipe, seconds, rng)
    chords = _chords(recipe, onsets, n_samples, rng)
    if recipe.drive:
        chords = np.tanh(recipe.drive * chords)
    mix = band.chords * vary() * chords
    mix += recipe.drums * vary() * _drums(recipe, onsets, n_samples, rng)
    mix = _room(mix, band, rng)
    mix += 10**-band.noise * np.std(mix) * rng.standard_normal(n_samples)
    low_pass = scipy.signal.butter(2, band.top, fs=SAMPLE_RATE, output="sos")
    mix = scipy.signal.sosfilt(low_pass, mix)
    peak = 10 ** ((rng.uniform(-1, 1) - band.peak) / 20)
    return np.rint((FULL_SCALE - 1) * peak * mix / np.abs(mix).max()).astype(np.int16)


def _onsets(recipe, seconds, rng):
    """Return the time of each sixteenth: an array of shape (bars, 16), in seconds."""
    sixteenth = 15 / rng.uniform(recipe.slowest, recipe.fastest)
    bars = int(np.ceil(seconds / (16 * sixteenth))) + 1
    steps = np.arange(16 * bars, dtype=np.float64).reshape(bars, 16)
    steps[:, 2::4] += recipe.swing
    steps[:, 3::4] += recipe.swing / 2
    return (steps - rng.integers(16)) * sixteenth


def _hits(pattern, onsets, rng):
    """Yield the bar and time of each note; one in twelve is missed, and a few are added."""
    plays = np.array([step == "x" for step in pattern]) if pattern else np.zeros(16, bool)
    chance = np.where(plays, 0.92, 0.03 if pattern else 0.0)
    for bar, step in zip(*np.nonzero(rng.random(onsets.shape) < chance), strict=True):
        yield bar, onsets[bar, step] + rng.normal(0, 0.004)


def _chords(recipe, onsets, n_samples, rng):
    progression = [chord.split(":") for chord in recipe.chords.split()]
    key, first = rng.integers(-5, 7), rng.integers(len(progression))
    voices, out = {}, np.zeros(n_samples)
    low = recipe._replace(rolloff=2.0, attack=0.005, decay=0.3)
    for pattern, sound, level in ((recipe.comp, recipe, 0.4), (recipe.bass, low, 0.7)):
        for bar, time in _hits(pattern, onsets, rng):
            offset, sign = progression[(bar + first) % len(progression)]
            root = 12 * (recipe.octave + 1) + key + int(offset)
            notes = [root + n for n in CHORDS[sign]] if sound is recipe else [24 + root % 12 + 12]
            for note in notes:
                name = (sound is recipe, note)
                if name not in voices:
                    voices[name] = _note(440 * 2 ** ((note - 69) / 12), sound)
                _add(out, level * rng.uniform(0.7, 1) * voices[name], time)
    return out


def _note(frequency, recipe):
    time = np.arange(int(min(4 * recipe.decay, 3) * SAMPLE_RATE)) / SAMPLE_RATE
    # The powers of one decaying phasor are all overtones; each falls faster than the one below.
    phasor = np.exp((2j * np.pi * frequency - 0.4 / recipe.decay) * time)
    partial = phasor * np.exp(-0.6 * time / recipe.decay)
    tone = np.zeros(len(time))
    for number in range(1, min(24, int(0.45 * SAMPLE_RATE / frequency)) + 1):
        tone += number**-recipe.rolloff * partial.imag
        partial *= phasor
    return tone * np.minimum(1, time / recipe.attack)


def _drums(recipe, onsets, n_samples, rng):
    time = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    noise = rng.standard_normal(len(time))
    sweep = 2 * np.pi * (48 * time + 2.2 * (1 - np.exp(-time / 0.03)))
    kick = np.sin(sweep) * np.exp(-time / 0.11)
    snare = (0.5 * noise + 0.6 * np.sin(2 * np.pi * 185 * time)) * np.exp(-time / 0.07)
    # Differenced noise is brighter than noise: a cymbal.
    hat = 0.35 * np.diff(noise, prepend=0) * np.exp(-time / recipe.ring)
    out = np.zeros(n_samples)
    for pattern, sound in ((recipe.kick, kick), (recipe.snare, snare), (recipe.hat, hat)):
        for _, begin in _hits(pattern, onsets, rng):
            _add(out, rng.uniform(0.6, 1) * sound, begin)
    return out


def _add(out, sound, time):
    begin = round(time * SAMPLE_RATE)
    sound, begin = sound[max(0, -begin) :], max(0, begin)
    part = out[begin : begin + len(sound)]
    part += sound[: len(part)]


def _room(dry, band, rng):
    time = np.arange(int(0.4 * SAMPLE_RATE)) / SAMPLE_RATE
    echo = rng.standard_normal(len(time)) * np.exp(-time / band.echo)
    wet = scipy.signal.fftconvolve(dry, echo / np.sqrt(np.sum(echo**2)))[: len(dry)]
    return dry + band.wet * wet
