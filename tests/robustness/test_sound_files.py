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


def headerless(whole):
    """Take the first frame from an mp3 file, which states the length and holds no sound."""
    return whole[whole.index(whole[:2], 4) :]


def of_unknown_length(whole):
    """Set the number of samples of a FLAC file to 0, as it is when it is written into a pipe."""
    return whole[:21] + bytes([whole[21] & 0xF0]) + bytes(4) + whole[26:]


def twice(whole):
    return whole + whole


def vbr(path):
    """Write 3 s of noise and 9 s of a tone as mp3, whose bit rate falls to a fraction."""
    time = np.arange(9 * SAMPLE_RATE) / SAMPLE_RATE
    samples = np.concatenate([FLOATS[: 3 * SAMPLE_RATE], 0.3 * np.sin(3000 * time)])
    quality = {"bitrate_mode": "VARIABLE", "compression_level": 0.5}
    soundfile.write(path, samples, SAMPLE_RATE, format="MP3", **quality)


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
    "a page called mp3": (content(HTML), "mp3", ("undecodable", "it contains no sound")),
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
    "a VBR mp3": (vbr, "mp3", 12 * SECONDS),
    "a VBR mp3 without a header": (changed(vbr, headerless), "mp3", (264_600, 267_000)),
    "an mp3 behind other data": (changed(vbr, lambda whole: bytes(3000) + whole), "mp3", 264_600),
    "an mp3 with a long tag behind it": (
        changed(vbr, lambda whole: whole + b"APETAGEX" + NOISE.tobytes()[:50_000]),
        "mp3",
        264_600,
    ),
    "an mp3 with a picture of frames before it": (
        changed(vbr, lambda whole: b"ID3\3\0\0\0\0\x20\0" + (whole[:2] + b"\xa0\0") * 1024 + whole),
        "mp3",
        264_600,
    ),
    "two mp3s joined": (changed(vbr, twice), "mp3", 24 * SECONDS),
    "two mp3s without headers joined": (
        changed(vbr, lambda whole: twice(headerless(whole))),
        "mp3",
        (529_200, 533_000),
    ),
    "a flac from a pipe": (changed(sound(), of_unknown_length), "flac", NOISE),
    "two flacs joined": (changed(sound(), twice), "flac", np.tile(NOISE, 2)),
    "two flacs from pipes joined": (
        changed(sound(), lambda whole: twice(of_unknown_length(whole))),
        "flac",
        ("undecodable", "lost sync"),
    ),
    "two oggs joined": (changed(tone(SAMPLE_RATE), twice), "ogg", 12 * SECONDS),
    "two aus joined": (changed(sound(subtype="PCM_16"), twice), "au", np.tile(NOISE, 2)),
    "two wavs joined": (changed(sound(), twice), "wav", ("undecodable", "RIFF")),
    "an opus": (tone(48_000, format="OGG", subtype="OPUS"), "opus", 6 * SECONDS),
    "an aiff": (sound(format="AIFF", subtype="PCM_16"), "aif", NOISE),
    "a caf": (sound(format="CAF", subtype="PCM_16"), "caf", NOISE),
    "an m4a": (
        content(b"\0\0\0\x20ftypM4A " + bytes(5000)),
        "m4a",
        ("undecodable", "m4a .* convert"),
    ),
    "an mp3 called m4a": (vbr, "m4a", 12 * SECONDS),
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


def test_the_blocks_of_an_mp3_file_fit_together(tmp_path):
    # Constant noise has no clicks: those of a decoder that seeks after each block would stand out.
    path, samples = tmp_path / "song.mp3", np.tile(NOISE / FULL_SCALE / 4, (2, 4)).T
    soundfile.write(path, samples, SAMPLE_RATE, bitrate_mode="VARIABLE", compression_level=0.5)
    whole = soundfile.read(path, always_2d=True)[0].mean(axis=1) * FULL_SCALE
    assert len(whole) > 1 << 18
    assert np.abs(read_audio(path) - whole).max() <= 1


@pytest.mark.parametrize(
    "name", ["an mp3 behind other data", "a VBR mp3 without a header", "a flac from a pipe"]
)
def test_a_link_to_a_file_without_a_suffix_is_read_under_its_own_name(tmp_path, name):
    write, suffix, _ = FILES[name]
    (tmp_path / "data/rock").mkdir(parents=True)
    write(tmp_path / f"sound.{suffix}")
    expected = read_audio(tmp_path / f"sound.{suffix}")
    (tmp_path / f"sound.{suffix}").rename(tmp_path / "5f2a")
    (tmp_path / f"data/rock/song.{suffix}").symlink_to(tmp_path / "5f2a")
    facts = check_corpus(tmp_path / "data", progress=False)
    assert (facts["usable"], facts["faults"]) == (1, [])
    assert facts["longest"]["seconds"] == len(expected) / SAMPLE_RATE


WHOLE = [
    "a VBR mp3 without a header",
    "an mp3 behind other data",
    "an mp3 with a long tag behind it",
    "two mp3s joined",
]


@pytest.mark.parametrize("name", WHOLE)
def test_an_mp3_without_an_exact_length_is_not_called_cut_short(tmp_path, name):
    (tmp_path / "rock").mkdir()
    FILES[name][0](tmp_path / "rock/song.mp3")
    tone(44_100, bitrate_mode="CONSTANT", format="MP3")(tmp_path / "rock/constant.mp3")
    path = tmp_path / "rock/constant.mp3"
    path.write_bytes(headerless(path.read_bytes()) + b"TAG" + bytes(125))
    assert check_corpus(tmp_path, progress=False)["faults"] == []
