"""Decode one audio file to mono int16 samples at 22 050 Hz, or say why it cannot be used."""

import os
import stat
from pathlib import Path

import numpy as np
import soundfile
import soxr

from genre_lib.waveform import FULL_SCALE, SAMPLE_RATE

AUDIO_SUFFIXES = frozenset({".wav", ".au", ".flac", ".ogg", ".mp3"})

# A file of a few bytes can announce years of sound, and a compressed one can hold them.
LONGEST = 3_600  # seconds
LOWEST_RATE, HIGHEST_RATE = 1_000, 768_000  # Hz; a header with another rate is damaged

# Samples decoded at a time, over all channels. A long multi-channel file is mixed down and
# converted block by block, so it is never in memory as stored.
_BLOCK = 1 << 18


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


def open_sound(path):
    """Open a regular file as a `soundfile.SoundFile`; raise OSError or SoundFileError."""
    # libsndfile reports a missing or unreadable file as "System error", and waits forever at a
    # named pipe.
    path = Path(path)
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(None, "not a regular file", str(path))
    path.open("rb").close()
    # File names on POSIX systems are bytes, and need not be UTF-8.
    return soundfile.SoundFile(os.fsencode(path) if os.name == "posix" else path)


def read_audio(path):
    """Read a file as mono int16 samples at 22 050 Hz, or raise an `AudioError`.

    Channels are averaged, and other rates are converted with soxr's high-quality setting. A mono
    16-bit file at 22 050 Hz, such as GTZAN's, is read bit for bit. A file that ends before its
    header says so is read as far as it goes.
    """
    try:
        with open_sound(path) as file:
            _check_header(path, file)
            if (file.channels, file.samplerate, file.subtype) == (1, SAMPLE_RATE, "PCM_16"):
                blocks = [block[:, 0] for block in _blocks(path, file, "int16")]
            else:
                blocks = list(_mono_int16(path, file))
    except OSError as error:
        raise AudioError(path, "undecodable", error.strerror or str(error)) from error
    except soundfile.SoundFileError as error:
        raise AudioError(path, "undecodable", _reason(error)) from error
    samples = np.concatenate(blocks or [np.zeros(0, np.int16)])
    if samples.size == 0:
        raise AudioError(path, "empty", "the file has no samples")
    return samples


def _reason(error):
    # libsndfile's message repeats the path; the reason follows the last colon.
    reason = str(error).rsplit(": ", 1)[-1].rstrip(".")
    # This is what it says of an mp3 file without mp3 frames; `open_sound` has seen that it exists.
    return "no sound is found in it" if reason.startswith("File does not exist") else reason


def _check_header(path, file):
    if file.format == "RAW":
        # libsndfile takes any file called .au without a header for mu-law.
        raise AudioError(path, "undecodable", "no header of a sound file")
    if not LOWEST_RATE <= file.samplerate <= HIGHEST_RATE:
        rate = f"a sample rate of {file.samplerate} Hz, expected {LOWEST_RATE} to {HIGHEST_RATE}"
        raise AudioError(path, "undecodable", rate)


def _blocks(path, file, dtype):
    # Not file.blocks(): if a file ends before its header says so, that fills the last block with
    # uninitialised memory. And not all at once: the header, true or not, decides how much that is.
    frames = 0
    size = max(1, _BLOCK // file.channels)
    while len(block := file.read(size, dtype=dtype, always_2d=True)):
        frames += len(block)
        if frames > LONGEST * file.samplerate:
            raise AudioError(path, "too long", f"more than {LONGEST} s")
        yield block


def _mono_int16(path, file):
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
