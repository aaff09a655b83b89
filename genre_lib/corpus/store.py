"""Store all audio in one memory-mapped file, and slide a window over it."""

import contextlib
import functools
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from genre_lib.corpus.audio import read_audio
from genre_lib.corpus.reading import DECODED, LOCK, digest
from genre_lib.corpus.tracks import describe_left_out, fingerprint, genre_names, usable
from genre_lib.files import locked, remove_leftovers, whole_folder
from genre_lib.progress import thread_map
from genre_lib.waveform import MAX_SEGMENTS, WINDOW, hop_of

_FORMAT = 1
_FACTS, _SAMPLES, _TRACKS = "store.json", "samples.npy", "tracks.csv"
_DAMAGES = (OSError, EOFError, KeyError, TypeError, ValueError)  # what damaged files can raise


def segment_starts(n_samples, window=WINDOW, hop=None, max_segments=MAX_SEGMENTS):
    """Return where the segments of a track begin; the rest at its end is dropped.

    Parameters
    ----------
    n_samples, window : int, length of the track and of a segment in samples
    hop : int, samples from one start to the next; by default a quarter of the window
    max_segments : int, the most segments per track

    Returns
    -------
    numpy.ndarray of int64, shape (n_segments,); empty if the track is shorter than the window

    Examples
    --------
    >>> len(segment_starts(661_500)), len(segment_starts(661_489))
    (21, 20)
    """
    hop = hop_of(window) if hop is None else hop
    whole = (n_samples - window) // hop + 1 if n_samples >= window else 0
    return np.arange(min(whole, max_segments), dtype=np.int64) * hop


class TrackTable:
    """The tracks of a corpus and where their segments lie, without the samples."""

    def __init__(self, tracks, genres, fingerprint):
        tracks = tracks[["track_id", "genre", "label", "n_samples"]]
        offset = tracks["n_samples"].cumsum() - tracks["n_samples"]
        self.tracks = tracks.assign(offset=offset)  # if all tracks are laid end to end
        self.genres, self.fingerprint = genres, fingerprint

    def segments(self, track_ids=None, *, window=WINDOW, hop=None, max_segments=MAX_SEGMENTS):
        """List the segments of all tracks, or of the given ones in their order, one row each.

        Columns: ``track_id``, ``label``, ``segment`` (its number in the track) and ``start`` (its
        first sample in the store). `segment_starts` explains the window, the hop and the limit.
        """
        tracks = self.tracks.set_index("track_id")
        if track_ids is not None:
            unknown = [track for track in track_ids if track not in tracks.index]
            if unknown:
                raise KeyError(f"not in the store: {', '.join(unknown[:5])}")
            tracks = tracks.loc[list(track_ids)]
        starts = [segment_starts(n, window, hop, max_segments) for n in tracks["n_samples"]]
        counts = [len(s) for s in starts]
        return pd.DataFrame(
            {
                "track_id": np.repeat(tracks.index.to_numpy(), counts),
                "label": np.repeat(tracks["label"].to_numpy(), counts),
                "segment": np.concatenate([np.arange(n) for n in counts]),
                "start": np.concatenate(starts) + np.repeat(tracks["offset"].to_numpy(), counts),
            }
        )


class SegmentStore(TrackTable):
    """All audio of a corpus, stored once; a segment is a slice of it. Made by `build_store`.

    Attributes
    ----------
    samples : numpy.memmap of int16, shape (total samples,), the tracks end to end
    tracks : pandas.DataFrame with ``track_id``, ``genre``, ``label``, ``n_samples`` and ``offset``
    genres : list of str, in the order of their labels
    fingerprint : str, identifies the audio (16 hexadecimal digits)

    Examples
    --------
    >>> store.read(store.segments(["blues.00000"])["start"]).shape  # doctest: +SKIP
    (21, 110250)
    """

    def __init__(self, folder):
        facts = json.loads((folder / _FACTS).read_text())
        # Text is read as it is: a genre may be called "NA".
        names = {"track_id": str, "genre": str}
        tracks = pd.read_csv(folder / _TRACKS, dtype=names, keep_default_na=False)
        super().__init__(tracks, facts["genres"], facts["fingerprint"])
        self.folder = folder
        self.samples = np.load(folder / _SAMPLES, mmap_mode="r", allow_pickle=False)

    def __reduce__(self):
        # By path, because the samples may be gigabytes: another process maps the file itself.
        return type(self), (self.folder.resolve(),), {"tracks": self.tracks}

    def read(self, starts, window=WINDOW):
        """Copy the segments that begin at `starts`: int16, shape (len(starts), window)."""
        return np.stack([self.samples[start : start + window] for start in starts])

    def read_track(self, track_id):
        """Copy all samples of a track: int16, shape (n_samples,)."""
        track = self.tracks.set_index("track_id").loc[track_id]
        return self.read([track["offset"]], track["n_samples"])[0]


def track_reader(tracks):
    """Return a function that reads a track by its id, from the store that a workspace built."""
    if folder := tracks.attrs.get("store"):
        return SegmentStore(Path(folder)).read_track
    paths = tracks.set_index("track_id")["path"]
    return lambda track_id: read_audio(paths[track_id])


def build_store(corpus, folder="cache", *, progress=True):
    """Write all usable audio of a corpus into one file, unless that exists, and open it.

    A store is named after the fingerprint of its corpus: unchanged audio finds its store again,
    and changed audio makes another. A store is written completely or not at all.

    Parameters
    ----------
    corpus : pandas.DataFrame from `load_corpus`
    folder : str or Path, where stores are kept
    progress : bool, whether to show a progress bar

    Returns
    -------
    SegmentStore

    Examples
    --------
    >>> store = build_store(load_corpus("path/to/gtzan"), "cache")  # doctest: +SKIP
    """
    tracks = usable(corpus)
    if tracks.empty:
        raise ValueError(f"no track can be used: {describe_left_out(corpus)}.")
    table = TrackTable(tracks, genre_names(corpus), fingerprint(corpus))
    folder = Path(folder)
    place, decoded = folder / f"store-{table.fingerprint}-{_FORMAT}", folder / DECODED
    if not (place / _FACTS).is_file() or decoded.is_dir():
        with locked(folder / LOCK):
            remove_leftovers(folder / "store")  # of any corpus
            if not (place / _FACTS).is_file():  # another process may have built it meanwhile
                with whole_folder(place) as beside:
                    _write_store(table, tracks, beside, progress)
            shutil.rmtree(decoded, ignore_errors=True)
    return SegmentStore(place)


def _write_store(table, tracks, folder, progress):
    target, shape = folder / _SAMPLES, (int(tracks["n_samples"].sum()),)
    header = np.lib.format.open_memmap(target, mode="w+", dtype="<i2", shape=shape).offset
    copy = functools.partial(_copy_track, target, header, list(_open_stores(folder.parent)))
    columns = [table.tracks["offset"], list(tracks.itertuples())]
    thread_map(copy, *columns, desc="Storing", unit="track", progress=progress)
    table.tracks.to_csv(folder / _TRACKS, index=False)
    facts = {"fingerprint": table.fingerprint, "genres": table.genres}
    (folder / _FACTS).write_text(json.dumps(facts))


def _open_stores(folder):
    for facts in folder.glob(f"store-*-{_FORMAT}/{_FACTS}"):
        with contextlib.suppress(*_DAMAGES):
            yield SegmentStore(facts.parent)


def _find_samples(track, folder, stores):
    """Return the samples of a track, kept in the folder or decoded once more."""
    sources = [lambda: np.load(folder / DECODED / f"{track.sha256}.npy", allow_pickle=False)]
    sources += [functools.partial(store.read_track, track.track_id) for store in stores]
    for source in sources:
        with contextlib.suppress(*_DAMAGES):
            if digest(audio := source()) == track.sha256:
                return audio
    audio = read_audio(track.path)
    if digest(audio) != track.sha256:
        raise ValueError(
            f"{track.path}: its audio has changed since the corpus was read ({len(audio)} samples, "
            f"then {track.n_samples}). Do not touch it while the store is built, and call again."
        )
    return audio


def _copy_track(target, header, stores, offset, track):
    audio = _find_samples(track, target.parents[1], stores)
    # Written, not mapped: mapped pages count as memory of this process, and on a full disk a write
    # to a mapped file ends the process instead of raising an error.
    with target.open("r+b") as file:
        file.seek(header + audio.itemsize * offset)
        file.write(audio.astype("<i2", copy=False))
