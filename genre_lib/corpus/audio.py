"""One audio file becomes mono, 22 050 Hz, int16 samples, or the reason why not."""

import os
import stat
from pathlib import Path

import numpy as np
import soundfile
import soxr

from genre_lib.waveform import FULL_SCALE, SAMPLE_RATE

AUDIO_SUFFIXES = frozenset({".wav", ".au", ".flac", ".ogg", ".mp3"})

LONGEST = 3_600
"""Seconds of the longest track that is read; a file of a few bytes can announce, and a compressed
one hold, years of sound.
"""

LOWEST_RATE, HIGHEST_RATE = 1_000, 768_000
"""Sample rates between which a file is read, in Hz; beyond them, the header is damaged."""

# Samples decoded at a time, of all channels together: a long multi-channel file is mixed down and
# converted piece by piece, so that it never stands in memory as it is stored.
_BLOCK = 1 << 18


class AudioError(ValueError):
    """A file that holds no usable audio.

    Parameters
    ----------
    path : Path
        The file.
    reason : str
        ``"undecodable"``, ``"empty"``, ``"not finite"`` or ``"too long"``; the status of the track
        in a corpus.
    detail : str
        What was found, in words.

    Attributes
    ----------
    path, reason, detail
        As given.
    """

    def __init__(self, path, reason, detail):
        self.path, self.reason, self.detail = Path(path), reason, detail
        super().__init__(
            f"{path}: {reason} ({detail}). Expected audio as wav, au, flac, ogg or mp3; "
            "replace the file, or remove it and go on without this track."
        )


def open_sound(path):
    """Open a sound file to read it.

    Parameters
    ----------
    path : str or Path
        A regular file.

    Returns
    -------
    soundfile.SoundFile
        To be closed by the caller; a context manager.

    Raises
    ------
    OSError
        If there is no such file, or it may not be read.
    soundfile.SoundFileError
        If it is no sound file.
    """
    # libsndfile says "System error" of a file that is not there or may not be read, and waits for
    # ever at a named pipe.
    path = Path(path)
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(None, "not a regular file", str(path))
    path.open("rb").close()
    # Names on a POSIX disk are bytes, and need not be UTF-8.
    return soundfile.SoundFile(os.fsencode(path) if os.name == "posix" else path)


def read_audio(path):
    """Read one file as mono, 22 050 Hz, 16-bit samples.

    Channels are averaged and other rates converted with soxr (its high-quality setting). A mono
    16-bit file at 22 050 Hz, as GTZAN's are, comes through bit for bit. Of a file that ends before
    its header says so, what is there is read.

    Parameters
    ----------
    path : str or Path
        A wav, au, flac, ogg or mp3 file.

    Returns
    -------
    numpy.ndarray
        int16, shape (n_samples,), full scale 32 768.

    Raises
    ------
    AudioError
        If the file cannot be read or decoded, holds no sample, holds NaN or infinity, or is longer
        than `LONGEST`.
    """
    try:
        with open_sound(path) as file:
            _refuse_header(path, file)
            if (file.channels, file.samplerate, file.subtype) == (1, SAMPLE_RATE, "PCM_16"):
                blocks = [block[:, 0] for block in _blocks(path, file, "int16")]
            else:
                blocks = list(_mono_int16(path, file))
    except OSError as error:
        raise AudioError(path, "undecodable", error.strerror or str(error)) from error
    except soundfile.SoundFileError as error:
        raise AudioError(path, "undecodable", _describe(error)) from error
    samples = np.concatenate(blocks or [np.zeros(0, np.int16)])
    if samples.size == 0:
        raise AudioError(path, "empty", "the file has no samples")
    return samples


def _describe(error):
    # The decoder's message repeats the path; the reason is what follows the last colon.
    reason = str(error).rsplit(": ", 1)[-1].rstrip(".")
    # What it says of an mp3 file without mp3 in it; that the file is there, `open_sound` has seen.
    return "no sound is found in it" if reason.startswith("File does not exist") else reason


def _refuse_header(path, file):
    if file.format == "RAW":
        # libsndfile takes anything that is called .au and has no header for mu-law.
        raise AudioError(path, "undecodable", "no header of a sound file")
    if not LOWEST_RATE <= file.samplerate <= HIGHEST_RATE:
        raise AudioError(
            path,
            "undecodable",
            f"a sample rate of {file.samplerate} Hz, expected {LOWEST_RATE} to {HIGHEST_RATE}",
        )


def _blocks(path, file, dtype):
    # Not file.blocks(): where a file ends before its header says so, that fills the last block
    # with whatever was in memory. And not all at once: the header says how much that would be.
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
        with np.errstate(over="ignore", invalid="ignore"):  # seen by what it comes to
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
