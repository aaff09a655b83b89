"""Damaged and invented files: each is read or refused, and none crashes, hangs or fills the memory.

The decoder runs in a process of its own, so that a crash of a C library fails a test and does not
end all of them.
"""

import multiprocessing
import os
import random
import resource
import struct

import numpy as np
import psutil
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from genre_lib.corpus import AudioError, audio, read_audio
from genre_lib.corpus.audio import AUDIO_SUFFIXES
from genre_lib.waveform import SAMPLE_RATE

MUTANTS = 3000
HEAD = 200  # bytes of a file that are mutated
ROOM = 512 << 20  # bytes that the decoder may take, whatever a header of a small file says
PATIENCE = 60.0  # seconds; a file takes milliseconds

BEGINNINGS = [
    b"",
    b"RIFF",
    b"RF64",
    b"RIFX",
    b".snd",
    b"fLaC",
    b"OggS",
    b"ID3",
    b"\xff\xfb\x90\x00",
]
EDGES = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\1\0\0\0"]
SOUNDS = {
    "16 bit": ("wav", 1, {"subtype": "PCM_16"}),
    "float": ("wav", 2, {"subtype": "FLOAT"}),
    "ADPCM": ("wav", 1, {"subtype": "IMA_ADPCM"}),
    "extensible": ("wav", 2, {"subtype": "PCM_24", "format": "WAVEX"}),
    "Sun": ("au", 1, {"subtype": "PCM_16"}),
    "mu-law": ("au", 2, {"subtype": "ULAW"}),
    "FLAC": ("flac", 1, {}),
    "FLAC, 24 bit": ("flac", 2, {"subtype": "PCM_24"}),
    "Vorbis": ("ogg", 1, {}),
    "MP3": ("mp3", 1, {}),
    "MP3, stereo": ("mp3", 2, {}),
}


def work(connection, folder):
    """Read what comes through a pipe as files, and send back what became of each."""
    limit = psutil.Process().memory_info().vms + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the C libraries tell of each broken frame
    while True:
        content, suffix = connection.recv()
        path = folder / f"track{suffix}"
        path.write_bytes(content)
        try:
            samples = read_audio(path)
            came = "read" if (samples.dtype, samples.ndim) == (np.int16, 1) else "no samples"
        except AudioError as error:
            named = str(path) in str(error) and error.reason and error.detail
            came = error.reason if named else f"unclear: {error}"
        except BaseException as error:
            came = f"raised {error!r}"
        connection.send(came)


class Decoder:
    """`read_audio` in another process, which is started anew when it has ended."""

    def __init__(self, folder):
        self.folder, self.process = folder, None

    def __call__(self, content, suffix):
        """Return ``"read"``, or the reason of a refusal; fail in any other case."""
        if self.process is None or not self.process.is_alive():
            context = multiprocessing.get_context("spawn")
            self.connection, other = context.Pipe()
            self.process = context.Process(target=work, args=(other, self.folder), daemon=True)
            self.process.start()
            other.close()
        self.connection.send((content, suffix))
        assert self.connection.poll(PATIENCE), "the decoder hangs"
        try:
            came = self.connection.recv()
        except EOFError:
            self.process.join()
            pytest.fail(f"the decoder crashed with {self.process.exitcode}")
        assert came in ("read", "undecodable", "empty", "not finite", "too long"), came
        return came


@pytest.fixture(scope="module")
def decode(tmp_path_factory):
    decoder = Decoder(tmp_path_factory.mktemp("decoder"))
    yield decoder
    if decoder.process is not None:
        decoder.process.kill()


def mutate(content, rng):
    """Return a file with a few bytes near its beginning changed, and at times its end cut off."""
    mutant = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        place = rng.randrange(min(HEAD, len(mutant)))
        kind = rng.randrange(4)
        if kind == 0:
            mutant[place] = rng.randrange(256)
        elif kind == 1:
            mutant[place] ^= 1 << rng.randrange(8)
        elif kind == 2:
            mutant[place : place + 4] = rng.choice(EDGES)
        else:
            del mutant[place : place + rng.randint(1, 4)]
    return bytes(mutant[: rng.randrange(len(mutant))] if rng.random() < 0.3 else mutant)


@pytest.mark.parametrize("name", SOUNDS)
def test_a_mutated_header_is_read_or_refused(decode, tmp_path, name):
    suffix, channels, options = SOUNDS[name]
    path = tmp_path / f"whole.{suffix}"
    samples = np.random.default_rng(0).normal(scale=0.2, size=(4000, channels))
    soundfile.write(path, samples, SAMPLE_RATE, **options)
    whole, rng = path.read_bytes(), random.Random(name)
    assert decode(whole, path.suffix) == "read"
    came = [decode(mutate(whole, rng), path.suffix) for _ in range(MUTANTS // len(SOUNDS))]
    assert "undecodable" in came  # the mutations do reach what the decoder reads


@settings(max_examples=150, deadline=None)
@given(
    begin=st.sampled_from(BEGINNINGS),
    rest=st.binary(max_size=600),
    suffix=st.sampled_from(sorted(AUDIO_SUFFIXES)),
)
def test_any_bytes_are_read_or_refused(decode, begin, rest, suffix):
    decode(begin + rest, suffix)


@settings(max_examples=150, deadline=None)
@given(
    sizes=st.tuples(*[st.integers(0, 2**32 - 1)] * 2),
    kind=st.sampled_from([1, 2, 3, 6, 7, 17, 80, 85, 0xFFFE]) | st.integers(0, 2**16 - 1),
    channels=st.integers(0, 2**16 - 1) | st.integers(1, 8),
    rate=st.integers(0, 2**32 - 1) | st.sampled_from([1, 8000, 22_050, 192_000]),
    bits=st.sampled_from([0, 1, 8, 16, 24, 32, 64]) | st.integers(0, 2**16 - 1),
    align=st.integers(0, 2**16 - 1),
    data=st.binary(max_size=2000),
)
def test_a_wav_header_may_claim_anything(decode, sizes, kind, channels, rate, bits, align, data):
    form = struct.pack("<HHIIHH", kind, channels, rate, rate * align % 2**32, align, bits)
    head = b"RIFF" + struct.pack("<I", sizes[0]) + b"WAVEfmt " + struct.pack("<I", len(form)) + form
    decode(head + b"data" + struct.pack("<I", sizes[1]) + data, ".wav")


def test_a_header_that_claims_gigabytes_costs_none(decode, tmp_path):
    path = tmp_path / "track.flac"
    soundfile.write(path, np.zeros(5000), SAMPLE_RATE, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    # STREAMINFO, behind "fLaC" and the header of its block: the number of samples has 36 bits.
    content[21] |= 0x0F
    content[22:26] = b"\xff" * 4
    path.write_bytes(content)
    assert soundfile.info(path).frames == 2**36 - 1
    decode(bytes(content), ".flac")


def test_a_small_file_that_holds_hours_is_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(audio, "LONGEST", 60)
    path = tmp_path / "track.flac"
    soundfile.write(path, np.zeros(61 * SAMPLE_RATE, np.int16), SAMPLE_RATE)
    assert path.stat().st_size < 30_000
    with pytest.raises(AudioError, match=r"track.flac: too long \(more than 60 s\)"):
        read_audio(path)
