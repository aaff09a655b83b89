"""Every sound file is read exactly, read as far as it goes, or left out with a reason.

`test_fuzz.py` has the files that nobody thought of.
"""

import re

import numpy as np
import pytest
import soundfile
from tones import write_tone

from genre_lib.corpus import load_corpus, read_audio
from genre_lib.faults import check_corpus
from genre_lib.waveform import FULL_SCALE, SAMPLE_RATE, WINDOW

NOISE = np.random.default_rng(0).integers(-20_000, 20_000, 6 * SAMPLE_RATE).astype(np.int16)
FLOATS = NOISE / FULL_SCALE


def sound(samples=NOISE, rate=SAMPLE_RATE, **options):
    """Write these samples."""
    return lambda path: soundfile.write(path, samples, rate, **options)


def channels(number, **options):
    return sound(np.repeat(FLOATS[:, np.newaxis], number, axis=1), subtype="PCM_24", **options)


def tone(rate, seconds=6.0, **options):
    return lambda path: write_tone(path, seconds, rate=rate, **options)


def content(data):
    return lambda path: path.write_bytes(data)


def changed(write, change):
    """Write a sound, then change its bytes."""

    def both(path):
        write(path)
        path.write_bytes(change(path.read_bytes()))

    return both


def with_value(value):
    samples = FLOATS.copy()
    samples[7] = value
    return sound(samples, subtype="FLOAT")


def first(share):
    return lambda whole: whole[: int(share * len(whole))]


def without_middle(whole):
    half = len(whole) // 2
    return whole[:half] + bytes(200) + whole[half + 200 :]


HTML = b"<!DOCTYPE html><html><body>404: no such song</body></html>\n" * 50
SECONDS = SAMPLE_RATE  # samples

# name: how it is written, its suffix, and its status with its detail, or the samples that are read:
# an array where they are exact, else their number or the least and the most of it.
FILES = {
    "zero bytes": (content(b""), "wav", ("undecodable", "not recognised")),
    "a header of 20 bytes": (
        changed(sound(), lambda whole: whole[:20]),
        "wav",
        ("undecodable", "fmt "),
    ),
    "a header and no data": (
        changed(sound(), lambda whole: whole[:44]),
        "wav",
        ("empty", "no samples"),
    ),
    "a wav that is cut off": (
        changed(sound(), lambda whole: whole[: 44 + 2 * 120_000]),
        "wav",
        NOISE[:120_000],
    ),
    "an au that is cut off": (
        changed(sound(), lambda whole: whole[: 24 + 2 * 120_000]),
        "au",
        NOISE[:120_000],
    ),
    "a flac that is cut off": (changed(sound(), first(0.5)), "flac", ("undecodable", "lost sync")),
    "an ogg that is cut off": (
        changed(tone(SAMPLE_RATE, 12.0), first(0.6)),
        "ogg",
        (110_250, 240_000),
    ),
    "an mp3 that is cut off": (
        changed(tone(SAMPLE_RATE, 12.0), first(0.6)),
        "mp3",
        (110_250, 240_000),
    ),
    "an mp3 with a broken frame": (
        changed(tone(SAMPLE_RATE), without_middle),
        "mp3",
        (125_000, 132_300),
    ),
    "a flac with a broken frame": (
        changed(sound(), without_middle),
        "flac",
        ("undecodable", "flac decoder"),
    ),
    "a page called wav": (content(HTML), "wav", ("undecodable", "not recognised")),
    "a page called mp3": (content(HTML), "mp3", ("undecodable", "no sound is found in it")),
    "a page called au": (content(HTML), "au", ("undecodable", "no header")),
    "a flac called wav": (sound(format="FLAC"), "wav", NOISE),
    "a wav called mp3": (sound(format="WAV", subtype="PCM_16"), "mp3", NOISE),
    "8 bit": (sound((NOISE >> 8 << 8), subtype="PCM_U8"), "wav", NOISE >> 8 << 8),
    "24 bit": (sound(NOISE.astype(np.int32) << 16, subtype="PCM_24"), "wav", NOISE),
    "32 bit": (sound(NOISE.astype(np.int32) << 16, subtype="PCM_32"), "wav", NOISE),
    "float": (sound(FLOATS, subtype="FLOAT"), "wav", NOISE),
    "double": (sound(FLOATS, subtype="DOUBLE"), "wav", NOISE),
    "NaN": (with_value(np.nan), "wav", ("not finite", "NaN or infinite")),
    "infinity": (with_value(-np.inf), "wav", ("not finite", "NaN or infinite")),
    "floats of 1e38 in 8 channels": (
        sound(np.full((9000, 8), 1e38), subtype="FLOAT"),
        "wav",
        ("not finite", "NaN or infinite"),
    ),
    "8 kHz": (tone(8_000), "wav", 6 * SECONDS),
    "11.025 kHz": (tone(11_025), "wav", 6 * SECONDS),
    "44.1 kHz": (tone(44_100), "wav", 6 * SECONDS),
    "96 kHz": (tone(96_000), "wav", 6 * SECONDS),
    "192 kHz": (tone(192_000), "wav", 6 * SECONDS),
    "1 Hz": (sound(rate=1), "wav", ("undecodable", "rate of 1 Hz, expected 1000 to 768000")),
    "2 GHz": (sound(rate=2_000_000_000), "wav", ("undecodable", "rate of 2000000000 Hz")),
    **{f"{number} channels": (channels(number), "wav", NOISE) for number in range(1, 9)},
    "6 channels, extensible": (channels(6, format="WAVEX"), "wav", NOISE),
    "an offset": (sound(NOISE // 4 + 20_000), "wav", NOISE // 4 + 20_000),
    "all zeros": (sound(np.zeros(len(NOISE), np.int16)), "wav", ("silent", "132300 samples are 0")),
    "all the same": (sound(np.full(9, 7, np.int16)), "wav", ("silent", "9 samples are 7")),
    "one sample": (sound(NOISE[:1]), "wav", ("silent", "all 1 samples")),
    "0.5 s": (sound(NOISE[:11_025]), "wav", ("too short", "11025 samples, .* needs 110250")),
    "4.999 s": (sound(NOISE[:110_227]), "wav", ("too short", "110227 samples, .* needs 110250")),
    "a sample too few": (sound(NOISE[: WINDOW - 1]), "wav", ("too short", "110249 samples")),
    "one window": (sound(NOISE[:WINDOW]), "wav", NOISE[:WINDOW]),
    "10 minutes": (sound(np.tile(NOISE, 100)), "flac", np.tile(NOISE, 100)),
    "an upper-case suffix": (sound(format="WAV", subtype="PCM_16"), "WAV", NOISE),
}


@pytest.mark.parametrize(("write", "suffix", "promised"), FILES.values(), ids=FILES)
def test_a_file_is_left_out_with_a_reason_or_read_exactly(tmp_path, write, suffix, promised):
    path = tmp_path / "rock" / f"song.{suffix}"
    path.parent.mkdir()
    write(path)
    (track,) = load_corpus(tmp_path, progress=False).itertuples()
    if isinstance(promised, tuple) and isinstance(promised[0], str):
        status, detail = promised
        assert track.status == status
        assert re.search(detail, track.detail)
        return
    assert (track.status, track.detail) == ("ok", "")
    samples = read_audio(path)
    assert track.n_samples == len(samples)
    if isinstance(promised, np.ndarray):
        np.testing.assert_array_equal(samples, promised)
    elif isinstance(promised, tuple):
        assert promised[0] < len(samples) < promised[1]
        np.testing.assert_array_equal(samples, read_audio(path))
    else:
        assert len(samples) == promised


REMARKS = {
    "a wav that is cut off": "bytes fewer than its header announces",
    "an au that is cut off": "bytes fewer than its header announces",
    "an mp3 that is cut off": "samples fewer than its header announces",
    "an mp3 with a broken frame": "samples fewer than its header announces",
    "an ogg that is cut off": "its last page is not marked as the end",
}


@pytest.mark.parametrize(("name", "detail"), REMARKS.items(), ids=REMARKS)
def test_a_file_that_is_used_as_far_as_it_goes_is_named_by_the_check(tmp_path, name, detail):
    write, suffix, _ = FILES[name]
    (tmp_path / "rock").mkdir()
    write(tmp_path / "rock" / f"song.{suffix}")
    write_tone(tmp_path / "rock" / "one.mp3", 6.0, frequency=300)
    write_tone(tmp_path / "rock" / "other.ogg", 6.0, frequency=400)
    facts = check_corpus(tmp_path, progress=False)
    assert facts["usable"] == 3
    (fault,) = facts["faults"]
    assert (fault["file"], fault["fault"]) == (f"rock/song.{suffix}", "cut short")
    assert detail in fault["detail"]
