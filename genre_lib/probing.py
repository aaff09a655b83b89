"""What is known of a sound file before it is decoded."""

import hashlib
from pathlib import Path

import soundfile

from genre_lib.audio import open_sound

# By suffix: the names that libsndfile has for such a file, and how one begins.
_SUFFIXES = {
    ".wav": (("WAV", "WAVEX", "RF64"), (b"RIFF", b"RF64")),
    ".au": (("AU",), (b".snd",)),
    ".flac": (("FLAC",), (b"fLaC",)),
    ".ogg": (("OGG",), (b"OggS",)),
    ".mp3": (("MP3",), (b"ID3", b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2")),
}
_HEAD = 512  # bytes read to tell text from other data
_TAIL = 1 << 16  # bytes; a page of Ogg is no longer
_NO_LENGTH = (
    0x7FFF_0000  # programs that write into a pipe leave such a length in the header, or more
)


def probe(path, suffix):
    """Return what is known of a file before it is decoded.

    Parameters
    ----------
    path : str or Path
        A file.
    suffix : str
        What its name ends in, in lower case: one of `genre_lib.audio.AUDIO_SUFFIXES`. Not taken
        from `path`, which may be what a link points to.

    Returns
    -------
    dict
        - ``content``: what it holds, in words, where that is not what the suffix says,
        - ``rate_hz``, ``channels``: None where it is no sound file,
        - ``missing``: bytes that the header of a wav or au file announces beyond its end,
        - ``frames``: how many an mp3 file announces; None for others, which are decoded as far as
          they go or not at all,
        - ``endless``: whether the last page of an ogg file is missing,
        - ``md5`` of a wav file, None for others.
    """
    facts = {"content": "", "rate_hz": None, "channels": None, "missing": 0, "md5": None}
    facts |= {"frames": None, "endless": False}
    names, beginnings = _SUFFIXES[suffix]
    try:
        with Path(path).open("rb") as file:
            head = file.read(_HEAD)
            size = Path(path).stat().st_size
            file.seek(max(0, size - _TAIL))
            tail = file.read()
            if suffix == ".wav":
                file.seek(0)
                facts["md5"] = hashlib.file_digest(file, "md5").hexdigest()
        facts["missing"] = _missing_bytes(head, size)
        with open_sound(path) as sound:
            kind, rate, channels = sound.format, sound.samplerate, sound.channels
            if kind == "MP3":
                facts["frames"] = sound.frames
    except OSError:
        return facts
    except soundfile.SoundFileError:
        if not head.startswith(beginnings):
            facts["content"] = _describe_head(head)
        return facts
    if kind not in names:
        # libsndfile takes whatever is called .au for headerless sound at 8 kHz.
        facts["content"] = _describe_head(head) if kind == "RAW" else kind
    facts["endless"] = kind == "OGG" and not _has_last_page(tail)
    return facts | {"rate_hz": rate, "channels": channels}


def _describe_head(head):
    if not head:
        return "0 bytes"
    for names, beginnings in _SUFFIXES.values():
        if head.startswith(beginnings):
            return names[0]
    control = any(byte < 9 or 13 < byte < 32 for byte in head)
    return "other data" if control else "text"


def _missing_bytes(head, size):
    """Return how many bytes the header of a .wav or .au file announces beyond its end."""
    if head[:4] == b"RIFF":
        # The length leaves out eight bytes; some programs count them, which is no fault.
        announced = length = int.from_bytes(head[4:8], "little")
    elif head[:4] == b".snd":
        length = int.from_bytes(head[8:12], "big")
        announced = int.from_bytes(head[4:8], "big") + length
    else:
        return 0
    return max(0, announced - size) if length < _NO_LENGTH else 0


def _has_last_page(tail):
    # RFC 3533, section 6: byte 5 of a page's header, bit 2.
    place = tail.rfind(b"OggS")
    return 0 <= place < len(tail) - 5 and bool(tail[place + 5] & 4)
