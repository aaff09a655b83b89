"""Read who plays what: the artist and the title in the tags of a sound file."""

import os
import unicodedata

import soundfile

_NOBODY = {"unknown", "<unknown>", "unknown artist", "various", "various artists"}


def read_tags(path):
    """Return the artist and the title of a sound file, each empty if its tags do not name it.

    libsndfile reads ID3 (mp3), Vorbis comments (flac, ogg, opus) and the INFO chunk of wav files.
    If several artists are listed, it returns the first.
    """
    try:
        with soundfile.SoundFile(os.fsencode(path) if os.name == "posix" else path) as sound:
            tags = sound.copy_metadata()
    except (OSError, soundfile.SoundFileError):
        return ["", ""]
    return [clean_name(tags.get("artist", "")), clean_name(tags.get("title", ""))]


def clean_name(text):
    """Return a name as one line of normalised Unicode; empty if it names nobody."""
    text = unicodedata.normalize("NFC", text)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return "" if text.casefold() in _NOBODY else text
