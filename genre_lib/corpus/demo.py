"""The embedded corpus: ten small synthetic genres with planted faults."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from tqdm.contrib.concurrent import thread_map

from genre_lib.corpus.synthesis import RECIPES, play
from genre_lib.files import locked, remove_leftovers, whole_folder
from genre_lib.waveform import FULL_SCALE, SAMPLE_RATE

TRUTH_COLUMNS = ["track_id", "fault", "other_track_id", "detail"]

# Genre of the faulty track; and what it repeats, or is really played as. The two faults that
# GTZAN is known for stand where they do there: a reggae track of noise, an undecodable jazz file.
_FAULTS = (
    ("exact_repetition", "blues", "blues"),
    ("exact_repetition", "jazz", "jazz"),
    ("exact_repetition", "pop", "pop"),
    ("exact_repetition", "rock", "metal"),
    ("same_recording", "classical", "classical"),
    ("same_recording", "disco", "disco"),
    ("same_recording", "hiphop", "hiphop"),
    ("same_recording", "reggae", "reggae"),
    ("mislabeled", "blues", "reggae"),
    ("mislabeled", "country", "classical"),
    ("mislabeled", "disco", "hiphop"),
    ("mislabeled", "pop", "metal"),
    ("mislabeled", "rock", "jazz"),
    ("distorted", "reggae", ""),
    ("too_short", "country", ""),
    ("undecodable", "jazz", ""),
)
_FEWEST_TRACKS = 6
_SHORT_SECONDS = 0.8


def make_demo_corpus(folder, tracks_per_genre=18, seconds=9.0, seed=0, progress=True):
    """Make the demo corpus, unless it is there already.

    It is written beside and renamed, so it is whole or not there. The same arguments give the
    same files, byte for byte, on the same machine.

    Parameters
    ----------
    folder : str or Path
        Gets ``genres/<genre>/<genre>.00000.wav`` (mono, 16 bit, 22 050 Hz), ``truth.csv`` (the
        planted faults) and ``demo.json`` (these arguments).
    tracks_per_genre : int
        At least 6; with the default, every genre has 15 or more tracks without a fault.
    seconds : float
        Length of a track; at least 8.
    seed : int
        Of everything.
    progress : bool
        Show a progress bar.

    Returns
    -------
    pandas.DataFrame
        The planted faults, as `read_truth` gives them.

    Raises
    ------
    FileExistsError
        If the folder holds anything else.
    ValueError
        If there are too few tracks or they are too short for the faults.
    """
    folder = Path(folder)
    if tracks_per_genre < _FEWEST_TRACKS or seconds < 8:
        raise ValueError(
            f"tracks_per_genre={tracks_per_genre}, seconds={seconds}: the planted faults need at "
            f"least {_FEWEST_TRACKS} tracks a genre and 8 seconds."
        )
    wanted = {"tracks_per_genre": tracks_per_genre, "seconds": seconds, "seed": seed}
    if not _is_there(folder, wanted):
        with locked(folder.with_name(f".{folder.name}.lock")):
            remove_leftovers(folder)
            if not _is_there(folder, wanted):
                with whole_folder(folder) as beside:
                    _write(beside, **wanted, progress=progress)
                    (beside / "demo.json").write_text(json.dumps(wanted))
    return read_truth(folder)


def read_truth(folder):
    """Read the planted faults of a demo corpus.

    Parameters
    ----------
    folder : str or Path
        As given to `make_demo_corpus`.

    Returns
    -------
    pandas.DataFrame
        One row a fault: ``track_id``; ``fault`` (``"exact_repetition"``, ``"same_recording"``,
        ``"mislabeled"``, ``"distorted"``, ``"too_short"``, ``"undecodable"``);
        ``other_track_id``, the track that is repeated, or empty; ``detail`` in words.
    """
    return pd.read_csv(Path(folder) / "truth.csv", dtype=str, keep_default_na=False)


def _is_there(folder, wanted):
    if not folder.exists() or not any(folder.iterdir()):
        return False
    try:
        found = json.loads((folder / "demo.json").read_text())
    except (OSError, ValueError):
        found = None
    if found != wanted:
        raise FileExistsError(
            f"{folder}: expected nothing, or the demo corpus made with {wanted}; found "
            f"{'one made with ' + str(found) if found else 'something else'}. Move it away or "
            "choose another folder."
        )
    return True


def _write(folder, tracks_per_genre, seconds, seed, progress):
    for genre in RECIPES:
        (folder / "genres" / genre).mkdir(parents=True)
    names = [(genre, number) for genre in RECIPES for number in range(tracks_per_genre)]
    thread_map(
        lambda name: _write_track(folder, *name, name[0], seconds, seed),
        names,
        desc="Playing",
        unit="track",
        disable=not progress,
    )
    truth = []
    free = dict.fromkeys(RECIPES, tracks_per_genre)
    used = dict.fromkeys(RECIPES, 0)
    for fault, genre, other in _FAULTS:
        # Faulty tracks from the end, those that they repeat from the beginning: none is both.
        free[genre] -= 1
        truth.append(
            _plant(folder, fault, (genre, free[genre]), (other, used.get(other)), seconds, seed)
        )
        if fault in ("exact_repetition", "same_recording"):
            used[other] += 1
    table = pd.DataFrame(truth, columns=TRUTH_COLUMNS)
    table.sort_values("track_id").to_csv(folder / "truth.csv", index=False)


def _plant(folder, fault, track, other, seconds, seed):
    path, genre, number = _path(folder, *track), *track
    rng = _rng(seed, genre, number, "fault")
    other_id = ""
    if fault == "exact_repetition":
        shutil.copyfile(_path(folder, *other), path)
        other_id, detail = _path(folder, *other).stem, "the same samples"
    elif fault == "same_recording":
        shift, gain = round(rng.uniform(1.5, seconds - 6), 2), round(rng.uniform(-9, -3), 1)
        recording = play(RECIPES[other[0]], seconds + shift, _rng(seed, *other))
        n_samples, begin = round(seconds * SAMPLE_RATE), round(shift * SAMPLE_RATE)
        _save(_path(folder, *other), recording[:n_samples])
        _save(path, recording[begin : begin + n_samples] * 10 ** (gain / 20))
        other_id, detail = _path(folder, *other).stem, f"{shift} s later, {gain} dB"
    elif fault == "mislabeled":
        _write_track(folder, genre, number, other[0], seconds, seed)
        detail = f"is {other[0]}"
    elif fault == "distorted":
        samples, _ = soundfile.read(path, dtype="int16")
        begin = len(samples) // 3
        samples[begin:] = rng.integers(-FULL_SCALE, FULL_SCALE, len(samples) - begin)
        _save(path, samples)
        detail = f"digital noise from {begin / SAMPLE_RATE:.1f} s on"
    elif fault == "too_short":
        _write_track(folder, genre, number, genre, _SHORT_SECONDS, seed)
        detail = f"{_SHORT_SECONDS} s"
    else:
        path.write_bytes(rng.bytes(4096))
        detail = "no audio at all"
    return path.stem, fault, other_id, detail


def _write_track(folder, genre, number, played_as, seconds, seed):
    _save(
        _path(folder, genre, number), play(RECIPES[played_as], seconds, _rng(seed, genre, number))
    )


def _save(path, samples):
    soundfile.write(path, np.rint(samples).astype(np.int16), SAMPLE_RATE, subtype="PCM_16")


def _path(folder, genre, number):
    return folder / "genres" / genre / f"{genre}.{number:05d}.wav"


def _rng(seed, genre, number, purpose=""):
    # By name, so that no track depends on how many there are, or on who makes it first.
    return np.random.default_rng([seed, number, *f"{genre} {purpose}".encode()])
