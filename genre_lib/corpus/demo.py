"""The demo corpus: ten small synthetic genres, played by bands, with planted faults."""

import collections
import functools
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from genre_lib.corpus.synthesis import RECIPES, form_band, play
from genre_lib.files import locked, remove_leftovers, whole_folder
from genre_lib.progress import thread_map
from genre_lib.waveform import FULL_SCALE, SAMPLE_RATE

# Per fault: the genre of the faulty track, and the genre that it repeats or is really played as.
# Two faults also occur in GTZAN: a reggae track with noise, and a jazz file that cannot be decoded.
_FAULTS = {
    "exact_repetition": [("blues", "blues"), ("jazz", "jazz"), ("pop", "pop"), ("rock", "metal")],
    "same_recording": [(genre, genre) for genre in ("classical", "disco", "hiphop", "reggae")],
    "mislabeled": [
        ("blues", "reggae"), ("country", "classical"), ("disco", "hiphop"), ("pop", "metal"),
        ("rock", "jazz"),
    ],
    "distorted": [("reggae", "")],
    "too_short": [("country", "")],
    "undecodable": [("jazz", "")],
}  # fmt: skip
_FEWEST_TRACKS, _FEWEST_SECONDS, _SHORT_SECONDS = 6, 8, 0.8
_TRACKS_OF_A_BAND = 3
_VERSION = 3  # raise this whenever the sound changes


def make_demo_corpus(folder, tracks_per_genre=24, seconds=9.0, seed=0, progress=True):
    """Make the demo corpus in a folder unless it exists, and return its planted faults.

    The folder holds ``genres/<genre>/<genre>.00000.wav`` (mono, 16 bit, 22 050 Hz),
    ``artists.csv`` (who plays each track), ``truth.csv`` (the faults) and ``demo.json`` (the
    arguments). It is written completely or not at all, and the same arguments give the same bytes.
    A demo corpus made by an earlier version is replaced.
    """
    folder = Path(folder)
    if tracks_per_genre < _FEWEST_TRACKS or seconds < _FEWEST_SECONDS:
        raise ValueError(
            f"tracks_per_genre={tracks_per_genre}, seconds={seconds}: the planted faults need at "
            f"least {_FEWEST_TRACKS} tracks per genre and {_FEWEST_SECONDS} seconds."
        )
    wanted = {"tracks_per_genre": tracks_per_genre, "seconds": seconds, "seed": seed}
    if not _is_there(folder, wanted):
        with locked(folder.with_name(f".{folder.name}.lock")):
            remove_leftovers(folder)
            if not _is_there(folder, wanted):  # another process may have made it meanwhile
                with whole_folder(folder) as beside:
                    _write(beside, **wanted, progress=progress)
                    (beside / "demo.json").write_text(json.dumps(wanted | {"version": _VERSION}))
    return read_truth(folder)


def make_demo_song(path, genres=("classical", "metal"), seconds=20.0, seed=0):
    """Write a synthetic song, played as each of these genres in turn, and return its path.

    Examples
    --------
    >>> song = make_demo_song("song.wav", seconds=10)  # doctest: +SKIP
    """
    parts = [_play(seed, genre, 0, seconds, _rng(seed, genre, 0)) for genre in genres]
    _save(Path(path), np.concatenate(parts))
    return path


def read_truth(folder):
    """Read the faults planted in a demo corpus, as `make_demo_corpus` returned them."""
    return pd.read_csv(Path(folder) / "truth.csv", dtype=str, keep_default_na=False)


def _is_there(folder, wanted):
    if not folder.exists() or not any(folder.iterdir()):
        return False
    try:
        found = json.loads((folder / "demo.json").read_text())
        if found.pop("version", 1) != _VERSION:
            return False  # an earlier version, which had other defaults
    except (OSError, ValueError):
        found = None
    if found != wanted:
        raise FileExistsError(
            f"{folder}: expected nothing, or the demo corpus made with {wanted}; found "
            f"{f'one made with {found}' if found else 'other files'}. Move it away or choose "
            "another folder."
        )
    return True


def _write(folder, tracks_per_genre, seconds, seed, progress):
    tracks = [(genre, number) for genre in RECIPES for number in range(tracks_per_genre)]
    write = functools.partial(_write_track, folder, seconds, seed)
    thread_map(write, tracks, desc="Playing", unit="track", progress=progress)
    artists = {_path(folder, *track).stem: _artist(*track) for track in tracks}
    truth, planted, repeated = [], collections.Counter(), collections.Counter()
    for fault, pairs in _FAULTS.items():
        # Faulty tracks are taken from the end, repeated ones from the beginning: no track is both.
        for genre, other in pairs:
            planted[genre] += 1
            track, source = (genre, tracks_per_genre - planted[genre]), (other, repeated[other])
            repeated[other] += 1
            truth.append(_plant(folder, fault, track, source, seconds, seed))
            if other:  # the artist of the track it repeats, or one of the genre it is played as
                player = (other, track[1]) if fault == "mislabeled" else source
                artists[_path(folder, *track).stem] = _artist(*player)
    table = pd.DataFrame(truth, columns=["track_id", "fault", "other_track_id", "detail"])
    table.sort_values("track_id").to_csv(folder / "truth.csv", index=False)
    known = pd.Series(artists, name="artist").rename_axis("track_id")
    known.sort_index().to_csv(folder / "artists.csv")


def _plant(folder, fault, track, source, seconds, seed):
    path, source_path, other_id = _path(folder, *track), _path(folder, *source), ""
    rng = _rng(seed, *track, "fault")
    if fault == "exact_repetition":
        shutil.copyfile(source_path, path)
        other_id, detail = source_path.stem, "the same samples"
    elif fault == "same_recording":
        shift, gain = round(rng.uniform(1.5, seconds - 6), 2), round(rng.uniform(-9, -3), 1)
        recording = _play(seed, *source, seconds + shift, _rng(seed, *source))
        n_samples, begin = round(seconds * SAMPLE_RATE), round(shift * SAMPLE_RATE)
        _save(source_path, recording[:n_samples])
        _save(path, recording[begin : begin + n_samples] * 10 ** (gain / 20))
        other_id, detail = source_path.stem, f"{shift} s later, {gain} dB"
    elif fault == "mislabeled":
        _write_track(folder, seconds, seed, track, played_as=source[0])
        detail = f"is {source[0]}"
    elif fault == "distorted":
        samples, _ = soundfile.read(path, dtype="int16")
        begin = len(samples) // 3
        samples[begin:] = rng.integers(-FULL_SCALE, FULL_SCALE, len(samples) - begin)
        _save(path, samples)
        detail = f"digital noise from {begin / SAMPLE_RATE:.1f} s on"
    elif fault == "too_short":
        _write_track(folder, _SHORT_SECONDS, seed, track)
        detail = f"{_SHORT_SECONDS} s"
    else:
        path.write_bytes(rng.bytes(4096))
        detail = "no audio at all"
    return path.stem, fault, other_id, detail


def _write_track(folder, seconds, seed, track, played_as=None):
    genre, number = track
    samples = _play(seed, played_as or genre, number, seconds, _rng(seed, *track))
    _save(_path(folder, *track), samples)


def _artist(genre, number):
    return f"{genre} band {number // _TRACKS_OF_A_BAND + 1}"


def _play(seed, genre, number, seconds, rng):
    band = form_band(RECIPES[genre], _rng(seed, genre, number // _TRACKS_OF_A_BAND, "band"))
    return play(band, seconds, rng)


def _save(path, samples):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.rint(samples).astype(np.int16), SAMPLE_RATE, subtype="PCM_16")


def _path(folder, genre, number):
    return folder / "genres" / genre / f"{genre}.{number:05d}.wav"


def _rng(seed, genre, number, purpose=""):
    # Seeded by name: no track depends on how many there are or in which order they are made.
    return np.random.default_rng([seed, number, *f"{genre} {purpose}".encode()])
