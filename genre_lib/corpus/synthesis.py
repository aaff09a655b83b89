"""A small band that plays ten genres: the sound of the demo corpus.

Each genre is a `Recipe`, data and no code: tempo, rhythm, harmony, timbre. What differs from one
track to the next inside a genre is drawn at random, so that a genre has to be learned.
"""

import dataclasses

import numpy as np
from scipy.signal import butter, fftconvolve, sosfilt

from genre_lib.waveform import FULL_SCALE, SAMPLE_RATE

CHORDS = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10),
    "5": (0, 7, 12),
}
"""Semitones above the root, by the sign of the chord."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a genre sounds.

    Patterns have sixteen steps, a bar of 4/4: ``x`` plays, ``.`` rests.

    Parameters
    ----------
    tempo : tuple of float
        Slowest and fastest, in beats a minute.
    chords : tuple of str
        One a bar: semitones above the key, and a sign of `CHORDS` behind a colon.
    comp, bass, kick, snare, hat : str
        Patterns of the chords, the bass and the drums; empty where it does not play.
    octave : int
        Of the chords; 4 begins at middle C.
    rolloff : float
        How fast the overtones fall, as a power of their number; small is bright.
    attack, decay : float
        Seconds until a note is there, and until it has fallen to 1/e.
    drive : float
        Gain in front of a saturation of the chords; 0 is clean.
    swing : float
        How far every second eighth is late, as a share of an eighth.
    drums : float
        Level of the drums.
    ring : float
        Seconds that a cymbal rings.
    """

    tempo: tuple[float, float]
    chords: tuple[str, ...]
    comp: str
    bass: str = ""
    kick: str = ""
    snare: str = ""
    hat: str = ""
    octave: int = 4
    rolloff: float = 1.5
    attack: float = 0.005
    decay: float = 0.4
    drive: float = 0.0
    swing: float = 0.0
    drums: float = 1.0
    ring: float = 0.03


RECIPES = {
    "blues": Recipe(
        (75, 105), ("0:7", "0:7", "5:7", "0:7", "7:7", "5:7"), "x...x...x...x...",
        bass="x.x.x.x.x.x.x.x.", kick="x.......x.......", snare="....x.......x...",
        hat="x.x.x.x.x.x.x.x.", octave=3, rolloff=1.2, decay=0.25, drive=2.0, swing=0.6, drums=0.5,
    ),
    "classical": Recipe(
        (60, 90), ("0:", "5:", "7:", "0:", "9:m", "2:m", "7:"), "x.......x.......",
        octave=4, rolloff=1.6, attack=0.12, decay=1.6,
    ),
    "country": Recipe(
        (95, 130), ("0:", "0:", "5:", "7:"), "..x...x...x...x.", bass="x.......x.......",
        kick="x.......x.......", snare="..x...x...x...x.", octave=4, rolloff=0.9, decay=0.15,
        drums=0.25,
    ),
    "disco": Recipe(
        (112, 128), ("0:m7", "5:m7", "0:m7", "7:m7"), "..xx..x...xx..x.",
        bass="x.x.x.x.x.x.x.x.", kick="x...x...x...x...", snare="....x.......x...",
        hat="..x...x...x...x.", octave=4, rolloff=1.1, decay=0.12, ring=0.12,
    ),
    "hiphop": Recipe(
        (82, 98), ("0:m", "0:m", "8:", "7:m"), "x...............", bass="x.....x...x.....",
        kick="x.....x...x.....", snare="....x.......x...", hat="x.x.x.x.x.x.x.xx", octave=3,
        rolloff=2.4, decay=0.7, drums=1.6, ring=0.02,
    ),
    "jazz": Recipe(
        (110, 160), ("2:m7", "7:7", "0:maj7", "9:m7"), "x.....x.........",
        bass="x...x...x...x...", hat="x...x.x.x...x.x.", octave=4, rolloff=2.2, decay=0.5,
        swing=0.6, drums=0.5, ring=0.3,
    ),
    "metal": Recipe(
        (130, 180), ("0:5", "0:5", "1:5", "3:5"), "x.xxx.xxx.xxx.xx",
        bass="x.xxx.xxx.xxx.xx", kick="x.x.x.x.x.x.x.x.", snare="....x.......x...",
        hat="x...x...x...x...", octave=2, rolloff=0.7, decay=0.3, drive=14.0, drums=0.9, ring=0.2,
    ),
    "pop": Recipe(
        (98, 122), ("0:", "7:", "9:m", "5:"), "x...x...x...x...", bass="x..x..x.x..x..x.",
        kick="x.......x.x.....", snare="....x.......x...", hat="x.x.x.x.x.x.x.x.", octave=5,
        rolloff=1.8, attack=0.03, decay=0.6, drums=0.8, ring=0.05,
    ),
    "reggae": Recipe(
        (66, 84), ("0:m", "5:m", "0:m", "7:m"), "....x.......x...", bass="x..x..x...x..x..",
        kick="........x.......", snare="........x.......", hat="x.x.x.x.x.x.x.x.", octave=4,
        rolloff=1.3, decay=0.08, swing=0.3, drums=0.6,
    ),
    "rock": Recipe(
        (105, 145), ("0:", "10:", "5:", "0:"), "x.x.x.x.x.x.x.x.", bass="x.x.x.x.x.x.x.x.",
        kick="x......xx.......", snare="....x.......x...", hat="x.x.x.x.x.x.x.x.", octave=3,
        rolloff=1.0, decay=0.4, drive=5.0, drums=0.9, ring=0.08,
    ),
}  # fmt: skip
"""The ten genres of GTZAN, as far as a page of parameters can tell them."""


def play(recipe, seconds, rng):
    """Play a track.

    Parameters
    ----------
    recipe : Recipe
        The genre.
    seconds : float
        How long.
    rng : numpy.random.Generator
        What differs from track to track: tempo, key, where in the progression it begins, the
        balance of the instruments, brightness, missed and added notes, room, noise, level.

    Returns
    -------
    numpy.ndarray
        int16, shape (seconds * 22 050,).
    """
    recipe = dataclasses.replace(
        recipe,
        rolloff=recipe.rolloff * rng.lognormal(0, 0.18),
        decay=recipe.decay * rng.lognormal(0, 0.3),
        drive=recipe.drive * rng.lognormal(0, 0.3),
    )
    n_samples = round(seconds * SAMPLE_RATE)
    onsets = _onsets(recipe, seconds, rng)
    chords = _chords(recipe, onsets, n_samples, rng)
    if recipe.drive:
        chords = np.tanh(recipe.drive * chords)
    mix = rng.lognormal(0, 0.25) * chords
    mix += recipe.drums * rng.lognormal(0, 0.35) * _drums(recipe, onsets, n_samples, rng)
    mix = _room(mix, rng)
    mix += 10 ** rng.uniform(-3.5, -2) * np.std(mix) * rng.standard_normal(n_samples)
    top = rng.uniform(4500, 9500)
    mix = sosfilt(butter(2, top, fs=SAMPLE_RATE, output="sos"), mix)
    peak = 10 ** (rng.uniform(-14, -1) / 20)
    return np.rint((FULL_SCALE - 1) * peak * mix / np.abs(mix).max()).astype(np.int16)


def _onsets(recipe, seconds, rng):
    """Return the time of each sixteenth: an array of shape (bars, 16), in seconds."""
    sixteenth = 15 / rng.uniform(*recipe.tempo)
    bars = int(np.ceil(seconds / (16 * sixteenth))) + 1
    steps = np.arange(16 * bars, dtype=np.float64).reshape(bars, 16)
    steps[:, 2::4] += 2 * recipe.swing / 2
    steps[:, 3::4] += recipe.swing / 2
    return (steps - rng.integers(16)) * sixteenth


def _hits(pattern, onsets, rng):
    """Yield bar and time of what is played; one note in twelve is missed, a few are added."""
    plays = np.array([step == "x" for step in pattern]) if pattern else np.zeros(16, bool)
    chance = np.where(plays, 0.92, 0.03 if pattern else 0.0)
    for bar, step in zip(*np.nonzero(rng.random(onsets.shape) < chance), strict=True):
        yield bar, onsets[bar, step] + rng.normal(0, 0.004)


def _chords(recipe, onsets, n_samples, rng):
    key, first = rng.integers(-5, 7), rng.integers(len(recipe.chords))
    voices, out = {}, np.zeros(n_samples)
    low = dataclasses.replace(recipe, rolloff=2.0, attack=0.005, decay=0.3)
    for pattern, sound, level in ((recipe.comp, recipe, 0.4), (recipe.bass, low, 0.7)):
        for bar, time in _hits(pattern, onsets, rng):
            offset, sign = recipe.chords[(bar + first) % len(recipe.chords)].split(":")
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
    # One turning and falling phasor, multiplied by itself, gives all overtones; each falls faster
    # than the one below.
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
    # The difference of noise is brighter than noise: a cymbal.
    hat = 0.35 * np.diff(noise, prepend=0) * np.exp(-time / (recipe.ring * rng.lognormal(0, 0.2)))
    out = np.zeros(n_samples)
    for pattern, sound in ((recipe.kick, kick), (recipe.snare, snare), (recipe.hat, hat)):
        for _, begin in _hits(pattern, onsets, rng):
            _add(out, rng.uniform(0.6, 1) * sound, begin)
    return out


def _add(out, sound, time):
    begin = round(time * SAMPLE_RATE)
    if begin < 0:
        sound, begin = sound[-begin:], 0
    end = min(len(out), begin + len(sound))
    if end > begin:
        out[begin:end] += sound[: end - begin]


def _room(dry, rng):
    time = np.arange(int(0.4 * SAMPLE_RATE)) / SAMPLE_RATE
    echo = rng.standard_normal(len(time)) * np.exp(-time / rng.uniform(0.03, 0.12))
    wet = fftconvolve(dry, echo / np.sqrt(np.sum(echo**2)))[: len(dry)]
    return dry + rng.uniform(0.05, 0.35) * wet
