"""The sliding window, and the memory-mapped store that it slides over."""

import functools
import json
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.contrib.concurrent import thread_map

from genre_lib.corpus.audio import read_audio
from genre_lib.corpus.tracks import describe_left_out, digest, fingerprint, genre_names, usable
from genre_lib.files import locked, remove_leftovers, whole_folder
from genre_lib.waveform import MAX_SEGMENTS, WINDOW, hop_of

_FORMAT = 1
_FACTS, _SAMPLES, _TRACKS = "store.json", "samples.npy", "tracks.csv"


def segment_starts(n_samples, window=WINDOW, hop=None, max_segments=MAX_SEGMENTS):
    """Return where the segments of a track begin.

    Parameters
    ----------
    n_samples : int
        Length of the track.
    window : int
        Samples in a segment.
    hop : int, optional
        Samples from one segment to the next; a quarter of the window, rounded down, by default.
    max_segments : int
        Segments beyond this many are not taken.

    Returns
    -------
    numpy.ndarray
        int64, shape (n_segments,). What is left at the end of the track is dropped; a track that
        is shorter than one window has no segment.

    Examples
    --------
    >>> len(segment_starts(661_500)), len(segment_starts(661_489))
    (21, 20)
    """
    hop = hop_of(window) if hop is None else hop
    whole = (n_samples - window) // hop + 1 if n_samples >= window else 0
    return np.arange(min(whole, max_segments), dtype=np.int64) * hop


class TrackTable:
    """What is known of a corpus without its samples: its tracks, and where their segments lie.

    Parameters
    ----------
    tracks : pandas.DataFrame
        The usable tracks: ``track_id``, ``genre``, ``label``, ``n_samples``.
    genres : list of str
        In the order of their labels.
    fingerprint : str
        Of the corpus.

    Attributes
    ----------
    tracks, genres, fingerprint
        As given; the tracks with the further column ``offset`` (the first sample of the track if
        all tracks lie one behind the other).
    """

    def __init__(self, tracks, genres, fingerprint):
        offset = tracks["n_samples"].cumsum() - tracks["n_samples"]
        self.tracks = tracks[["track_id", "genre", "label", "n_samples"]].assign(offset=offset)
        self.genres, self.fingerprint = genres, fingerprint

    def segments(self, track_ids=None, *, window=WINDOW, hop=None, max_segments=MAX_SEGMENTS):
        """List the segments of some tracks.

        Parameters
        ----------
        track_ids : sequence of str, optional
            Which tracks, in the order wanted; all by default.
        window, hop, max_segments : int
            As for `segment_starts`.

        Returns
        -------
        pandas.DataFrame
            One row per segment: ``track_id``, ``label``, ``segment`` (its number in the track) and
            ``start`` (its first sample in the store).

        Raises
        ------
        KeyError
            If a track is not in the store.
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
    """All audio of a corpus once, as int16 on disk; a segment is a view of it.

    Made by `build_store`.

    Parameters
    ----------
    folder : Path
        With ``samples.npy``, ``tracks.csv`` and ``store.json``.

    Attributes
    ----------
    samples : numpy.memmap
        int16, shape (total samples,): the tracks, one behind the other.
    tracks, genres, fingerprint
        As in `TrackTable`.

    Examples
    --------
    >>> store = build_store(load_corpus("path/to/gtzan"))  # doctest: +SKIP
    >>> segments = store.segments(["blues.00000"])  # doctest: +SKIP
    >>> store.read(segments["start"]).shape  # doctest: +SKIP
    (21, 110250)
    """

    def __init__(self, folder):
        facts = json.loads((folder / _FACTS).read_text())
        # A genre may be called "NA".
        names = {"track_id": str, "genre": str}
        tracks = pd.read_csv(folder / _TRACKS, dtype=names, keep_default_na=False)
        super().__init__(tracks, facts["genres"], facts["fingerprint"])
        self.folder = folder
        self._map_samples()

    def _map_samples(self):
        self.samples = np.load(self.folder / _SAMPLES, mmap_mode="r", allow_pickle=False)

    def __getstate__(self):
        # Without the samples, which may be gigabytes: another process maps the file itself.
        state = self.__dict__ | {"folder": self.folder.resolve()}
        del state["samples"]
        return state

    def __setstate__(self, state):
        self.__dict__ |= state
        self._map_samples()

    def read(self, starts, window=WINDOW):
        """Copy segments out of the store.

        Parameters
        ----------
        starts : sequence of int
            First samples, as in the column ``start`` of `segments`.
        window : int
            Samples in a segment.

        Returns
        -------
        numpy.ndarray
            int16, shape (len(starts), window).
        """
        return np.stack([self.samples[start : start + window] for start in starts])


def build_store(corpus, folder="cache", *, progress=True):
    """Write all usable audio of a corpus into one file, once, and open it.

    The store is named by the fingerprint of the corpus: unchanged audio finds its store again,
    changed audio makes another. It is whole or not there.

    Parameters
    ----------
    corpus : pandas.DataFrame
        As from `load_corpus`.
    folder : str or Path
        Where stores are kept.
    progress : bool
        Show a progress bar.

    Returns
    -------
    SegmentStore

    Raises
    ------
    ValueError
        If no track is usable, or a file has changed since the corpus was read.

    Examples
    --------
    >>> store = build_store(load_corpus("path/to/gtzan"), "cache")  # doctest: +SKIP
    """
    tracks = usable(corpus)
    if tracks.empty:
        raise ValueError(f"none of the tracks can be used: {describe_left_out(corpus)}.")
    place = Path(folder) / f"store-{fingerprint(corpus)}-{_FORMAT}"
    if not (place / _FACTS).is_file():
        with locked(Path(folder) / ".stores.lock"):
            remove_leftovers(Path(folder) / "store")  # of any corpus
            if not (place / _FACTS).is_file():  # another process may have built it meanwhile
                with whole_folder(place) as beside:
                    _write_store(corpus, tracks, beside, progress)
    return SegmentStore(place)


def _write_store(corpus, tracks, folder, progress):
    offsets = np.concatenate([[0], np.cumsum(tracks["n_samples"])]).astype(np.int64)
    target, shape = folder / _SAMPLES, (int(offsets[-1]),)
    header = np.lib.format.open_memmap(target, mode="w+", dtype="<i2", shape=shape).offset
    thread_map(
        functools.partial(_copy_track, target, header),
        tracks["path"],
        offsets[:-1],
        tracks["n_samples"],
        tracks["sha256"],
        desc="Storing",
        unit="track",
        disable=not progress,
    )
    tracks[["track_id", "genre", "label", "n_samples"]].to_csv(folder / _TRACKS, index=False)
    facts = {"fingerprint": fingerprint(corpus), "genres": genre_names(corpus)}
    (folder / _FACTS).write_text(json.dumps(facts))


def _copy_track(target, header, path, begin, n_samples, sha256):
    audio = read_audio(path)
    if digest(audio) != sha256:
        raise ValueError(
            f"{path}: has other samples now ({len(audio)}) than when the corpus was read "
            f"({n_samples}). Leave the audio alone while the store is built, and call again."
        )
    # Written, not mapped: what is mapped counts as memory of this process, and on a full disk it
    # ends the process instead of raising an error.
    with target.open("r+b") as file:
        file.seek(header + audio.itemsize * begin)
        file.write(audio.astype("<i2", copy=False))
