"""What is in a folder of audio, what is wrong with it, and whether it can be trained on."""

import hashlib
from pathlib import Path

import pandas as pd
import soundfile
from tabulate import tabulate
from tqdm.contrib.concurrent import thread_map

from genre_lib.corpus.audio import open_sound
from genre_lib.corpus.partitions import indivisible
from genre_lib.corpus.store import segment_starts
from genre_lib.corpus.tracks import load_corpus, usable
from genre_lib.faults.catalogue import read_catalogue
from genre_lib.faults.repetitions import find_exact_repetitions
from genre_lib.waveform import SAMPLE_RATE, WINDOW

_NAMED = 5  # files that are converted; a whole corpus may be


def check_corpus(folder, *, progress=True):
    """Read every file of a corpus and say what is there and what is wrong.

    Parameters
    ----------
    folder : str or Path
        As for `genre_lib.corpus.tracks.load_corpus`.
    progress : bool
        Show a progress bar.

    Returns
    -------
    dict
        Of strings, numbers, lists and dicts, as JSON has them:

        - ``folder``, and the numbers of ``files``, ``tracks`` and ``usable`` tracks,
        - ``genres``: for each genre the numbers of ``files``, ``tracks`` and ``usable`` tracks,
        - ``shortest`` and ``longest`` of the usable tracks: ``track_id`` and ``seconds``; None
          where there is none,
        - ``segments`` in all, and ``tracks_by_segments``: how many usable tracks give how many,
          with the window, hop and limit of the profile ``paper``,
        - ``formats``: the ``files`` of each ``rate_hz`` and number of ``channels``, before
          conversion,
        - ``faults``: ``file``, ``fault`` and ``detail``. A fault is a status of `load_corpus`;
          ``"misnamed"``: another format than the suffix says; ``"cut short"``: less audio than
          the header announces (an Ogg file: no last page), which is used as far as it goes;
          ``"repetition"``: the same audio as another usable track,
        - ``converted``: the usable files that are not mono at 22 050 Hz: ``file``, ``rate_hz``,
          ``channels``,
        - ``wav_files``, and ``original_wav_files``: those that are GTZAN's byte for byte, by MD5,
        - ``trainable`` and ``verdict``: whether there are two genres or more with a usable track
          for each partition in each, and that as a sentence.

    Raises
    ------
    CorpusError
        If there is no folder, or no genre folder with audio in it.
    """
    corpus = load_corpus(folder, progress=progress)
    suffixes = corpus["file"].map(lambda name: Path(name).suffix.lower())
    probes = thread_map(probe, corpus["path"], suffixes, desc="Probing", disable=not progress)
    corpus = corpus.join(pd.DataFrame(probes, index=corpus.index))
    genres = _genres(corpus)
    return {
        "folder": str(folder),
        "files": len(corpus),
        "tracks": corpus["track_id"].nunique(),
        "usable": len(usable(corpus)),
        "genres": genres,
        **_lengths(usable(corpus)),
        **_formats(corpus),
        "faults": _faults(corpus),
        **_verdict(genres),
    }


def describe(facts):
    """Put the facts about a corpus into a table and sentences.

    Parameters
    ----------
    facts : dict
        As from `check_corpus`.

    Returns
    -------
    str
        Plain text of several lines.
    """
    rows = [[genre, *numbers.values()] for genre, numbers in facts["genres"].items()]
    rows.append(["all", facts["files"], facts["tracks"], facts["usable"]])
    parts = [tabulate(rows, ["genre", "files", "tracks", "usable"], disable_numparse=[0])]
    parts.append("\n".join([*_describe_lengths(facts), *_remarks(facts)]))
    faults = [list(fault.values()) for fault in facts["faults"]]
    if faults:
        parts.append(f"Faults ({len(faults)}):")
        parts.append(tabulate(faults, ["file", "fault", "detail"], disable_numparse=True))
    else:
        parts.append("No fault found.")
    parts.append(facts["verdict"])
    return "\n\n".join(filter(None, parts))


def _genres(corpus):
    ok = corpus["status"] == "ok"
    table = pd.DataFrame(
        {
            "files": corpus.groupby("genre").size(),
            "tracks": corpus.groupby("genre")["track_id"].nunique(),
            "usable": ok.groupby(corpus["genre"]).sum(),
        }
    )
    return {
        genre: {name: int(n) for name, n in row.items()}
        for genre, row in table.to_dict("index").items()
    }


def _lengths(tracks):
    order = tracks.sort_values(["n_samples", "track_id"])
    seconds = order["n_samples"].astype(float) / SAMPLE_RATE
    ends = [
        {"track_id": track_id, "seconds": length}
        for track_id, length in zip(order["track_id"], seconds, strict=True)
    ] or [None]
    counts = [len(segment_starts(n)) for n in tracks["n_samples"]]
    by_count = pd.Series(counts, dtype=int).value_counts().sort_index(ascending=False)
    return {
        "shortest": ends[0],
        "longest": ends[-1],
        "segments": sum(counts),
        "tracks_by_segments": {str(n): int(size) for n, size in by_count.items()},
    }


def _formats(corpus):
    # Whole numbers again: pandas makes floats of them beside the missing ones of broken files.
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
            detail = "; ".join(filter(None, [track.detail, holds]))
            found.append((track.file, track.status, detail))
        elif holds:
            found.append((track.file, "misnamed", f"{holds}, and is read all the same"))
        if lacks := _describe_lack(track):
            found.append((track.file, "cut short", lacks))
    files = corpus.drop_duplicates("track_id").set_index("track_id")["file"]
    pairs = find_exact_repetitions(corpus)
    for pair in pairs[pairs["track_id"] == pairs["group"]].itertuples():
        detail = f"the same audio as {files[pair.track_id]}"
        found.append((files[pair.other_track_id], "repetition", detail))
    return [dict(zip(("file", "fault", "detail"), row, strict=True)) for row in sorted(found)]


def _describe_lack(track):
    if track.missing:
        return f"{track.missing} bytes fewer than its header announces"
    if track.status == "ok" and pd.notna(track.frames):
        lacking = round(track.frames * SAMPLE_RATE / track.rate_hz) - track.n_samples
        if lacking > 1:  # a sample may be lost in the conversion of the rate
            return f"{lacking} samples fewer than its header announces"
    return "its last page is not marked as the end" if track.endless else ""


def _verdict(genres):
    counts = {genre: numbers["usable"] for genre, numbers in genres.items()}
    reason = indivisible(counts)
    verdict = (
        f"Cannot be trained on: {reason}"
        if reason
        else f"Can be trained on: {len(genres)} genres, each with {min(counts.values())} usable "
        "tracks or more."
    )
    return {"trainable": not reason, "verdict": verdict}


def _describe_lengths(facts):
    if not facts["usable"]:
        return []
    give = [
        f"{_plural(tracks, 'track')} {'gives' if tracks == 1 else 'give'} {n}"
        for n, tracks in facts["tracks_by_segments"].items()
    ]
    give[0] += " segments"
    ends = [
        f"{facts[end]['seconds']:.2f} s ({facts[end]['track_id']})"
        for end in ("shortest", "longest")
    ]
    return [
        f"Usable tracks last from {ends[0]} to {ends[1]}.",
        f"{', '.join(give)}: {facts['segments']} in all, of {WINDOW / SAMPLE_RATE:g} s.",
    ]


def _remarks(facts):
    kinds = [
        f"{kind['files']} at {kind['rate_hz']} Hz with {_plural(kind['channels'], 'channel')}"
        for kind in facts["formats"]
    ]
    remarks = [f"Files as they are stored: {', '.join(kinds)}."] if kinds else []
    if converted := [entry["file"] for entry in facts["converted"]]:
        more = f" and {len(converted) - _NAMED} more" if len(converted) > _NAMED else ""
        remarks.append(
            f"To mono at {SAMPLE_RATE} Hz, whenever they are read, are converted "
            f"({len(converted)}): {', '.join(converted[:_NAMED])}{more}."
        )
    if facts["wav_files"]:
        remarks.append(
            f"Of {facts['wav_files']} .wav files, {facts['original_wav_files']} are GTZAN's "
            "originals byte for byte (MD5)."
        )
    return remarks


def _plural(number, noun):
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


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
        What its name ends in, in lower case: one of `genre_lib.corpus.audio.AUDIO_SUFFIXES`. Not taken
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
