"""One audio file becomes mono, 22 050 Hz, int16 samples, or the reason why not."""

from pathlib import Path

import numpy as np
import soundfile
import soxr

SAMPLE_RATE = 22_050
"""Sample rate of GTZAN and of everything behind this module, in Hz."""

AUDIO_SUFFIXES = frozenset({".wav", ".au", ".flac", ".ogg", ".mp3"})

# Frames decoded at a time: a long multi-channel file is mixed down piece by piece, so that it
# never stands in memory with all its channels.
_BLOCK_FRAMES = 1 << 18


class AudioError(ValueError):
    """A file that holds no usable audio.

    Parameters
    ----------
    path : Path
        The file.
    reason : str
        ``"undecodable"``, ``"empty"`` or ``"not finite"``; the status of the track in a corpus.
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


def read_audio(path):
    """Read one file as mono, 22 050 Hz, 16-bit samples.

    Channels are averaged and other rates converted with soxr (its high-quality setting). A mono
    16-bit file at 22 050 Hz, as GTZAN's are, comes through bit for bit.

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
        If the file cannot be decoded, holds no sample, or holds NaN or infinity.
    """
    try:
        with soundfile.SoundFile(path) as file:
            if file.format == "RAW":
                # libsndfile takes anything that is called .au and has no header for mu-law.
                raise AudioError(path, "undecodable", "no header of a sound file")
            if (file.channels, file.samplerate, file.subtype) == (1, SAMPLE_RATE, "PCM_16"):
                samples = file.read(dtype="int16")
            else:
                samples = _mono_int16(path, file)
    except (soundfile.SoundFileError, OSError) as error:
        # The decoder's message repeats the path; the reason is what follows the last colon.
        raise AudioError(path, "undecodable", str(error).rsplit(": ", 1)[-1].rstrip(".")) from error
    if samples.size == 0:
        raise AudioError(path, "empty", "the file has no samples")
    return samples


def _mono_int16(path, file):
    # Not file.blocks(): where a file ends before its header says so, that fills the last block
    # with whatever was in memory.
    mono = [np.zeros(0, np.float32)]
    while len(block := file.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)):
        mono.append(block.mean(axis=1))
    samples = np.concatenate(mono)
    if not np.isfinite(samples).all():
        raise AudioError(path, "not finite", "some samples are NaN or infinite")
    if file.samplerate != SAMPLE_RATE and samples.size:
        samples = soxr.resample(samples, file.samplerate, SAMPLE_RATE)
    return np.clip(np.rint(samples * 32_768.0), -32_768, 32_767).astype(np.int16)
