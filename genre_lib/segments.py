"""The sliding window, and the memory-mapped store that it slides over."""

import json
import shutil
import tempfile
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from tqdm import tqdm

from genre_lib.audio import read_audio
from genre_lib.corpus import describe_left_out, digest, fingerprint, genre_names, usable
from genre_lib.locks import locked

_FORMAT = 1


def segment_starts(n_samples, window=110_250, hop=27_562, max_segments=21):
    """Return where the segments of a track begin.

    Parameters
    ----------
    n_samples : int
        Length of the track.
    window, hop : int
        Length of a segment, and the distance from one to the next; in samples.
    max_segments : int
        Segments beyond this many are not taken.

    Returns
    -------
    numpy.ndarray
        int64, shape (n_segments,): 21 at these defaults for a track of 30 s (661 500 samples),
        20 where it has fewer than 661 490; what is left at the end is dropped. Empty if the
        track is shorter than one window.
    """
    whole = (n_samples - window) // hop + 1 if n_samples >= window else 0
    return np.arange(min(whole, max_segments), dtype=np.int64) * hop


class SegmentStore:
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
    tracks : pandas.DataFrame
        ``track_id``, ``genre``, ``label``, ``n_samples`` and ``offset`` (the first sample of the
        track in `samples`).
    genres : list of str
        In the order of their labels.
    fingerprint : str
        Of the corpus.
    """

    def __init__(self, folder):
        facts = json.loads((folder / "store.json").read_text())
        self.folder, self.genres = folder, facts["genres"]
        self.fingerprint = facts["fingerprint"]
        self.tracks = pd.read_csv(
            folder / "tracks.csv",
            dtype={"track_id": str, "genre": str},
            keep_default_na=False,  # a genre may be called "NA"
        )
        self._map_samples()

    def _map_samples(self):
        self.samples = np.load(self.folder / "samples.npy", mmap_mode="r", allow_pickle=False)

    def __getstate__(self):
        # Without the samples, which may be gigabytes: another process maps the file by itself.
        state = self.__dict__ | {"folder": self.folder.resolve()}
        del state["samples"]
        return state

    def __setstate__(self, state):
        self.__dict__ |= state
        self._map_samples()

    def segments(self, track_ids=None, *, window=110_250, hop=None, max_segments=21):
        """List the segments of some tracks.

        Parameters
        ----------
        track_ids : sequence of str, optional
            Which tracks, in the order wanted; all by default.
        window, max_segments : int
            As for `segment_starts`.
        hop : int, optional
            A quarter of the window, rounded down, by default.

        Returns
        -------
        pandas.DataFrame
            One row a segment: ``track_id``, ``label``, ``segment`` (its number in the track) and
            ``start`` (its first sample in `samples`).

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
        hop = window // 4 if hop is None else hop
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

    def read(self, starts, window=110_250):
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


def build_store(corpus, folder="cache", *, jobs=-1, progress=True):
    """Write all usable audio of a corpus into one file, once, and open it.

    The store is named by the fingerprint of the corpus: unchanged audio finds its store again,
    changed audio makes another. It is written beside and renamed, so it is whole or not there.

    Parameters
    ----------
    corpus : pandas.DataFrame
        As from `load_corpus`.
    folder : str or Path
        Where stores are kept.
    jobs : int
        Threads that decode, as joblib counts them.
    progress : bool
        Show a progress bar.

    Returns
    -------
    SegmentStore

    Raises
    ------
    ValueError
        If no track is usable, or a file has changed since the corpus was read.
    """
    tracks = usable(corpus)
    if tracks.empty:
        raise ValueError(f"none of the tracks can be used: {describe_left_out(corpus)}.")
    place = Path(folder) / f"store-{fingerprint(corpus)}-{_FORMAT}"
    if not (place / "store.json").is_file():
        with locked(Path(folder) / ".stores.lock"):
            # Another process may have built it while this one waited; others were killed at it.
            for leftover in Path(folder).glob(".store-*"):
                shutil.rmtree(leftover, ignore_errors=True)
            if not (place / "store.json").is_file():
                _build(corpus, tracks, place, jobs, progress)
    return SegmentStore(place)


def _build(corpus, tracks, place, jobs, progress):
    beside = Path(tempfile.mkdtemp(prefix=".store-", dir=place.parent))
    try:
        _write_store(corpus, tracks, beside, jobs, progress)
        _move_into_place(beside, place)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _write_store(corpus, tracks, folder, jobs, progress):
    offsets = np.concatenate([[0], np.cumsum(tracks["n_samples"])]).astype(np.int64)
    target = folder / "samples.npy"
    shape = (int(offsets[-1]),)
    header = np.lib.format.open_memmap(target, mode="w+", dtype="<i2", shape=shape).offset

    def copy(path, begin, end, sha256):
        audio = read_audio(path)
        if digest(audio) != sha256:
            raise ValueError(
                f"{path}: has other samples now ({len(audio)}) than when the corpus was read "
                f"({end - begin}). Leave the audio alone while the store is built, and call again."
            )
        # Written, and not mapped: what is mapped counts as memory of this process, and on a full
        # disk it ends the process in place of raising an error.
        with target.open("r+b") as file:
            file.seek(header + audio.itemsize * begin)
            file.write(audio.astype("<i2", copy=False))

    work = joblib.Parallel(n_jobs=jobs, prefer="threads", return_as="generator")(
        joblib.delayed(copy)(path, begin, end, sha256)
        for path, begin, end, sha256 in zip(
            tracks["path"], offsets[:-1], offsets[1:], tracks["sha256"], strict=True
        )
    )
    bar = tqdm(work, total=len(tracks), desc="Storing", unit="track", disable=not progress)
    for _ in bar:
        pass
    columns = ["track_id", "genre", "label", "n_samples"]
    tracks[columns].assign(offset=offsets[:-1]).to_csv(folder / "tracks.csv", index=False)
    facts = {"fingerprint": fingerprint(corpus), "genres": genre_names(corpus)}
    (folder / "store.json").write_text(json.dumps(facts))


def _move_into_place(beside, place):
    try:
        beside.rename(place)
    except OSError:
        # Another process has built the same store in the meantime; one is as good as the other.
        if not (place / "store.json").is_file():
            raise
