"""Decode one audio file to mono int16 samples at 22 050 Hz, or say why it cannot be used."""

import io
import mmap
import os
import re
import stat
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile
import soxr

from genre_lib.waveform import FULL_SCALE, SAMPLE_RATE

# libsndfile's name for the format of each suffix; empty if it cannot read that format.
AUDIO_SUFFIXES = {
    ".wav": "WAV", ".w64": "W64", ".au": "AU", ".snd": "AU", ".flac": "FLAC", ".mp3": "MP3",
    ".mp2": "MP3", ".ogg": "OGG", ".oga": "OGG", ".opus": "OGG", ".aif": "AIFF", ".aiff": "AIFF",
    ".aifc": "AIFF", ".caf": "CAF",
    **dict.fromkeys([".3gp", ".aac", ".ac3", ".amr", ".ape", ".dff", ".dsf", ".m4a", ".m4b"], ""),
    **dict.fromkeys([".mka", ".mp4", ".mpc", ".ra", ".tta", ".webm", ".wma", ".wv"], ""),
}  # fmt: skip

# A file of a few bytes can announce years of sound, and a compressed one can hold them.
LONGEST = 3_600  # seconds
LOWEST_RATE, HIGHEST_RATE = 1_000, 768_000  # Hz; a header with another rate is damaged

# Samples decoded at a time, over all channels. A long multi-channel file is mixed down and
# converted block by block, so it is never in memory as stored.
_BLOCK = 1 << 18

# How a sound begins, by libsndfile's format. In joined files, these bytes also occur inside, and
# libsndfile stops before them. (It refuses joined wav and aiff files.)
_BEGINNINGS = {
    "FLAC": re.compile(rb"fLaC[\0\x80]\0\0\x22"),
    "OGG": re.compile(rb"OggS\0\x02"),
    "AU": re.compile(rb"\.snd\0\0\0"),
}
_TOGETHER = 1 << 10  # bytes; closer beginnings belong to parts of one Ogg stream
_MP3_FRAME = re.compile(rb"\xff[\xe2\xe3\xf2-\xf7\xfa-\xfd][\x10-\xeb]")
_MP3_HEADER = re.compile(rb"Xing|Info")  # at most 36 bytes into the first frame
_MP3_TRIES = 10  # so many places in a file may look like a frame without being one
_FAR = 1 << 40  # bytes
_PADDING = SAMPLE_RATE // 10  # an mp3 encoder adds less than that to the length in its header


class AudioError(ValueError):
    """A file without usable audio: its `path`, the `reason` and the `detail` (what was found).

    The reason is ``"undecodable"``, ``"empty"``, ``"not finite"`` or ``"too long"``.
    """

    def __init__(self, path, reason, detail):
        self.path, self.reason, self.detail = Path(path), reason, detail
        super().__init__(
            f"{path}: {reason} ({detail}). Expected audio as wav, au, flac, ogg or mp3; "
            "replace the file, or remove it to continue without this track."
        )


class _Sound(soundfile.SoundFile):
    """A sound that is read once, from its beginning to its end."""

    def seekable(self):
        # Otherwise soundfile seeks after each block: an mp3 decoder then forgets what it needs for
        # the next, and a FLAC file that was written into a pipe, without its length, fails.
        return False


class _Endless(io.BytesIO):
    """The bytes of an mp3 file without a header, whose end seems to be far away."""

    # libsndfile estimates a length from the size and the first frame, and stops there.
    def seek(self, offset, whence=os.SEEK_SET):
        return super().seek(offset + (_FAR if whence == os.SEEK_END else 0), whence)

    def readinto(self, buffer):
        if self.tell() < _FAR // 2:
            return super().readinto(buffer)
        buffer[:] = bytes(len(buffer))  # libsndfile reads the end, in search of a tag
        return len(buffer)


def open_sounds(path):
    """Yield the sounds of a regular file, nearly always one; read each before asking for the next.

    Raises OSError or SoundFileError.
    """
    # libsndfile reports a missing or unreadable file as "System error", and waits for ever on a
    # named pipe.
    path = Path(path)
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(None, "not a regular file", str(path))
    path.open("rb").close()
    # File names on POSIX systems are bytes, and need not be UTF-8.
    with _Sound(os.fsencode(path) if os.name == "posix" else path) as sound:
        kind = sound.format
        if kind != "MP3":
            yield sound
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as content:
        if kind == "MP3":
            yield from _mp3_sounds(content)
        elif kind in _BEGINNINGS:
            places = [found.start() for found in _BEGINNINGS[kind].finditer(content)]
            for last, begin in pairwise(places):
                if begin - last > _TOGETHER:
                    with _Sound(io.BytesIO(content[begin:])) as sound:
                        yield sound


def _mp3_sounds(content):
    end, tries, sounds = 0, _MP3_TRIES, 0
    if content[:3] == b"ID3":  # a picture in it may look like a frame
        end = 10 + sum(byte << 7 * place for place, byte in enumerate(content[9:5:-1]))
    while tries and (found := _MP3_FRAME.search(content, end)):
        begin = found.start()
        has_length = _MP3_HEADER.search(content, begin, begin + 64)
        stream = (io.BytesIO if has_length else _Endless)(content[begin:])
        try:
            with _Sound(stream) as sound:
                yield sound
                end, sounds = begin + stream.tell(), sounds + 1
        except soundfile.SoundFileError:
            tries, end = tries - 1, begin + 1
    if not sounds:
        raise soundfile.SoundFileError("it contains no sound")


def read_audio(path):
    """Read a file as mono int16 samples at 22 050 Hz, or raise an `AudioError`.

    Channels are averaged, and other rates are converted with soxr's high-quality setting. A mono
    16-bit file at 22 050 Hz, such as GTZAN's, is read bit for bit. A file shorter than its
    header says is read as far as it goes, and a file of several joined sounds to its end.
    """
    parts = []
    try:
        for sound in open_sounds(path):
            part = np.concatenate([np.zeros(0, np.int16), *_mono_int16(path, sound)])
            if not parts or len(part) >= _PADDING:
                parts.append(part)
            if sum(map(len, parts)) > LONGEST * SAMPLE_RATE:
                raise AudioError(path, "too long", f"more than {LONGEST} s")
    except OSError as error:
        raise AudioError(path, "undecodable", error.strerror or str(error)) from error
    except soundfile.SoundFileError as error:
        raise AudioError(path, "undecodable", _reason(path, error)) from error
    if not any(map(len, parts)):
        raise AudioError(path, "empty", "the file has no samples")
    return np.concatenate(parts)


def _reason(path, error):
    if AUDIO_SUFFIXES.get(suffix := Path(path).suffix.lower()) == "":
        return f"{suffix} files are not supported; convert it to wav, flac, ogg or mp3"
    # libsndfile's message repeats the path; the reason follows the last colon.
    reason = str(error).rsplit(": ", 1)[-1].rstrip(".")
    # It says this of an mp3 file without mp3 frames; `open_sounds` has checked that it exists.
    return "it contains no sound" if reason.startswith("File does not exist") else reason


def _check_header(path, file):
    if file.format == "RAW":
        # libsndfile takes any .au file without a header for mu-law.
        raise AudioError(path, "undecodable", "it has no header")
    if not LOWEST_RATE <= file.samplerate <= HIGHEST_RATE:
        rate = f"a sample rate of {file.samplerate} Hz, expected {LOWEST_RATE} to {HIGHEST_RATE}"
        raise AudioError(path, "undecodable", rate)


def _blocks(path, file, dtype):
    # Not file.blocks(): if a file is shorter than its header says, it fills the last block with
    # uninitialised memory. Not all at once either: a false header may announce any length.
    frames, size = 0, max(1, _BLOCK // file.channels)
    # What follows the announced length may be another sound, on which the decoder would stumble.
    while len(block := file.read(min(size, file.frames - frames), dtype, always_2d=True)):
        frames += len(block)
        if frames > LONGEST * file.samplerate:
            raise AudioError(path, "too long", f"more than {LONGEST} s")
        yield block


def _mono_int16(path, file):
    _check_header(path, file)
    if (file.channels, file.samplerate, file.subtype) == (1, SAMPLE_RATE, "PCM_16"):
        yield from (block[:, 0] for block in _blocks(path, file, "int16"))
        return
    convert = soxr.ResampleStream(file.samplerate, SAMPLE_RATE, 1).resample_chunk
    for block in _blocks(path, file, "float32"):
        with np.errstate(over="ignore", invalid="ignore"):  # `_finite` sees the result
            mono = block.mean(axis=1)
        yield _to_int16(path, convert(_finite(path, mono)))
    yield _to_int16(path, convert(np.zeros(0, np.float32), last=True))


def _to_int16(path, samples):
    scaled = np.rint(np.clip(_finite(path, samples), -1.0, 1.0) * float(FULL_SCALE))
    return np.minimum(scaled, FULL_SCALE - 1).astype(np.int16)


def _finite(path, samples):
    if not np.isfinite(samples).all():
        raise AudioError(path, "not finite", "some samples are NaN or infinite")
    return samples
