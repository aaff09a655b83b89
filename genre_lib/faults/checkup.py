"""Check a folder of audio: what it contains, what is wrong, and whether it can be trained on."""

import hashlib
import os
from collections import Counter
from contextlib import closing
from pathlib import Path

import pandas as pd
import soundfile
from tabulate import tabulate

from genre_lib.corpus.audio import AUDIO_SUFFIXES, LONGEST, open_sounds
from genre_lib.corpus.partitions import indivisible
from genre_lib.corpus.store import segment_starts
from genre_lib.corpus.tracks import load_corpus, usable
from genre_lib.faults.catalogue import read_catalogue
from genre_lib.faults.repetitions import find_exact_repetitions
from genre_lib.progress import thread_map
from genre_lib.waveform import SAMPLE_RATE, WINDOW


def check_corpus(folder, *, progress=True):
    """Read every file of a corpus, and return what it contains and what is wrong, ready for JSON.

    A fault is a status of `load_corpus`, ``"misnamed"`` (the format is not that of the suffix),
    ``"cut short"`` (less audio than the header announces, or an Ogg file without its last page; the
    rest is used), or ``"repetition"`` (the same audio as another usable track).
    """
    corpus = load_corpus(folder, progress=progress)
    files = corpus["path"], corpus["n_samples"]
    probes = thread_map(probe, *files, desc="Probing", unit="track", progress=progress)
    corpus = corpus.join(pd.DataFrame(probes, index=corpus.index))
    genres = {genre: _sizes(files) for genre, files in corpus.groupby("genre")}
    reason = indivisible({genre: sizes["usable"] for genre, sizes in genres.items()})
    fewest = min(sizes["usable"] for sizes in genres.values())
    can = f"Can be trained on: {len(genres)} genres, each with at least {fewest} usable tracks."
    return {
        "folder": str(folder),
        **_sizes(corpus),
        "genres": genres,
        **_lengths(usable(corpus)),
        **_formats(corpus),
        "faults": _faults(corpus),
        "trainable": not reason,
        "verdict": f"Cannot be trained on: {reason}" if reason else can,
    }


def describe(facts):
    """Turn what `check_corpus` returns into tables and sentences, as plain text."""
    rows = [[genre, *sizes.values()] for genre, sizes in facts["genres"].items()]
    rows.append(["all", facts["files"], facts["tracks"], facts["usable"]])
    parts = [tabulate(rows, ["genre", "files", "tracks", "usable"], disable_numparse=[0])]
    if facts["usable"]:
        length = "{seconds:.2f} s ({track_id})".format
        counts = " + ".join(f"{tracks} x {n}" for n, tracks in facts["tracks_by_segments"].items())
        parts.append(
            f"Usable tracks last {length(**facts['shortest'])} to {length(**facts['longest'])}.\n"
            f"Tracks x segments of {WINDOW / SAMPLE_RATE:g} s: {counts} = {facts['segments']}."
        )
    parts.append(tabulate(facts["formats"], "keys"))
    if converted := [entry["file"] for entry in facts["converted"]]:
        shown = ", ".join([*converted[:5], "..."][: len(converted)])  # it may be the whole corpus
        parts.append(
            f"Converted to mono at {SAMPLE_RATE} Hz on reading ({len(converted)}): {shown}"
        )
    if facts["wav_files"]:
        originals = "{original_wav_files} of {wav_files} .wav files are GTZAN's originals (MD5)."
        parts.append(originals.format(**facts))
    faults = tabulate(facts["faults"], "keys", disable_numparse=True)
    parts += [f"Faults ({len(facts['faults'])}):", faults] if faults else ["No faults found."]
    return "\n\n".join(filter(None, [*parts, facts["verdict"]]))


def _sizes(rows):
    return {"files": len(rows), "tracks": rows["track_id"].nunique(), "usable": len(usable(rows))}


def _lengths(tracks):
    order = sorted(zip(tracks["n_samples"], tracks["track_id"], strict=True))
    ends = [{"track_id": name, "seconds": n / SAMPLE_RATE} for n, name in order] or [None]
    counts = Counter(len(segment_starts(n)) for n in tracks["n_samples"])
    return {
        "shortest": ends[0],
        "longest": ends[-1],
        "segments": sum(counts.elements()),
        "tracks_by_segments": {str(n): counts[n] for n in sorted(counts, reverse=True)},
    }


def _formats(corpus):
    # Back to whole numbers: the missing values of broken files made pandas turn them into floats.
    whole = {"rate_hz": int, "channels": int}
    opened = corpus.dropna(subset="rate_hz").astype(whole)
    other = usable(opened).query("rate_hz != @SAMPLE_RATE or channels != 1")
    wav = corpus.dropna(subset="md5")
    original = wav["track_id"].map(read_catalogue().set_index("track_id")["md5_wav"])
    return {
        "formats": opened.groupby([*whole]).size().reset_index(name="files").to_dict("records"),
        "converted": other[["file", *whole]].to_dict("records"),
        "wav_files": len(wav),
        "original_wav_files": int((wav["md5"] == original).sum()),
    }


def _faults(corpus):
    found = []
    for track in corpus.itertuples():
        holds = f"the file holds {track.content}" if track.content else ""
        if track.status != "ok":
            found.append((track.file, track.status, "; ".join(filter(None, [track.detail, holds]))))
        elif holds:
            found.append((track.file, "misnamed", f"{holds}, and is read anyway"))
        if track.lacks:
            found.append((track.file, "cut short", track.lacks))
    files = corpus.drop_duplicates("track_id").set_index("track_id")["file"]
    for pair in find_exact_repetitions(corpus).query("track_id == group").itertuples():
        detail = f"the same audio as {files[pair.track_id]}"
        found.append((files[pair.other_track_id], "repetition", detail))
    return [dict(zip(("file", "fault", "detail"), row, strict=True)) for row in sorted(found)]


# How a file begins, by libsndfile's name for its format.
_BEGINNINGS = {
    "WAV": (b"RIFF", b"RF64"),
    "AU": (b".snd",),
    "FLAC": (b"fLaC",),
    "OGG": (b"OggS",),
    "MP3": (b"ID3", b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2"),
}
_HEAD = 512  # bytes read to tell text from other data
_TAIL = 1 << 16  # bytes; no Ogg page is longer
_NO_LENGTH = 0x7FFF_0000  # a header written into a pipe gives this length or more


def probe(path, n_samples):
    """Inspect a file that was decoded to `n_samples`."""
    facts = {"content": "", "lacks": "", "rate_hz": None, "channels": None, "md5": None}
    expected = AUDIO_SUFFIXES[Path(path).suffix.lower()]
    try:
        with Path(path).open("rb") as file:
            head = file.read(_HEAD)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            tail = file.read()
            if expected == "WAV":
                file.seek(0)
                facts["md5"] = hashlib.file_digest(file, "md5").hexdigest()
        if missing := _missing_bytes(head, size):
            facts["lacks"] = f"{missing} bytes fewer than its header announces"
        with closing(open_sounds(path)) as sounds:
            sound = next(sounds)
            kind, rate, frames = sound.format, sound.samplerate, sound.frames
            kind = "WAV" if kind in ("WAVEX", "RF64") else kind
            facts |= {"rate_hz": rate, "channels": sound.channels}
    except OSError:
        return facts
    except soundfile.SoundFileError:
        known = head.startswith(_BEGINNINGS.get(expected, ()))
        return facts if known else facts | {"content": _describe_head(head)}
    if kind != expected:
        # libsndfile takes any .au file without a header for sound at 8 kHz.
        facts["content"] = _describe_head(head) if kind == "RAW" else kind
    # Other formats are decoded as far as they go, or not at all.
    lacking = round(frames * SAMPLE_RATE / rate) - n_samples if kind == "MP3" and n_samples else 0
    # Converting the rate may lose a sample; without a header, the length is unknown.
    if 1 < lacking < LONGEST * SAMPLE_RATE:
        facts["lacks"] = f"{lacking} samples fewer than its header announces"
    page = tail[tail.rfind(b"OggS") :]
    if kind == "OGG" and not (len(page) > 5 and page[5] & 4):  # RFC 3533, section 6
        facts["lacks"] = "its last page is not marked as the end"
    return facts


def _describe_head(head):
    for name, beginnings in _BEGINNINGS.items():
        if head.startswith(beginnings):
            return name
    if any(byte < 9 or 13 < byte < 32 for byte in head):
        return "other data"
    return "text" if head else "0 bytes"


def _missing_bytes(head, size):
    """Return how many bytes the header of a .wav or .au file announces beyond its end."""
    announced = length = 0
    if head[:4] == b"RIFF":
        # The length excludes eight bytes; some programs include them, which is not a fault.
        announced = length = int.from_bytes(head[4:8], "little")
    elif head[:4] == b".snd":
        length = int.from_bytes(head[8:12], "big")
        announced = int.from_bytes(head[4:8], "big") + length
    return max(0, announced - size) if length < _NO_LENGTH else 0
