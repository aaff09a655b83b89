"""Who plays what: the artist and the title that the tags of a sound file name."""

import os
import unicodedata

import soundfile

_NOBODY = {"unknown", "<unknown>", "unknown artist", "various", "various artists"}


def read_tags(path):
    """Return the artist and the title of a sound file, each empty if its tags do not name it.

    Read are ID3 (mp3), Vorbis comments (flac, ogg, opus) and the INFO of wav, as libsndfile does:
    of several artists in a list, the first.
    """
    try:
        with soundfile.SoundFile(os.fsencode(path) if os.name == "posix" else path) as sound:
            tags = sound.copy_metadata()
    except (OSError, soundfile.SoundFileError):
        return ["", ""]
    return [clean_name(tags.get("artist", "")), clean_name(tags.get("title", ""))]


def clean_name(text):
    """Return a name as one line, in the Unicode form that compares equal; empty if of nobody."""
    text = unicodedata.normalize("NFC", text)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return "" if text.casefold() in _NOBODY else text
