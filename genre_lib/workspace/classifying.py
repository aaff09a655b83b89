"""Name the genre of songs with a released network."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from genre_lib.corpus.audio import AudioError, read_audio
from genre_lib.corpus.store import segment_starts
from genre_lib.corpus.tracks import CorpusError, as_line, audio_files
from genre_lib.display import figure_png
from genre_lib.files import whole_file
from genre_lib.network import SegmentBatches, predict
from genre_lib.waveform import SAMPLE_RATE
from genre_lib.workspace.released import ReleasedNetwork, open_network

_BATCH_SIZE = 16  # larger ones are hardly faster, and a wide network needs the memory


@dataclasses.dataclass(frozen=True)
class Classification:
    """What a network says of a song; made by `classify`.

    Attributes
    ----------
    path : Path
    table : pandas.DataFrame
        A row per segment, indexed by where it begins in seconds, and a column per genre: its
        probability.
    window : float, length of a segment in seconds
    """

    path: Path
    table: pd.DataFrame
    window: float

    @property
    def probabilities(self):
        """The mean probability of each genre over the segments: a Series, the highest first."""
        return self.table.mean().sort_values(ascending=False, kind="stable")

    @property
    def genre(self):
        """The genre with the highest mean probability."""
        return self.probabilities.index[0]

    @property
    def verdict(self):
        """What the network says, and what it cannot know, in two sentences of plain text."""
        most = (self.table.idxmax(axis=1) == self.genre).sum()
        return (
            f"The network takes {as_line(self.path.name)} for {self.genre}, with a mean "
            f"probability of {self.probabilities.iloc[0]:.0%}; it is the most probable genre in "
            f"{most} of {len(self.table)} segments of {self.window:.1f} s. "
            f"{caution(self.table.columns)}"
        )

    def __str__(self):
        shares = (f"{genre} {share:.0%}" for genre, share in self.probabilities.items())
        return ", ".join(shares)

    def figure(self):
        """Draw the probabilities over the song; see `genre_lib.figures.genres_over_time`."""
        from genre_lib.figures import genres_over_time  # here, because matplotlib loads slowly

        return genres_over_time(self.table, self.window, as_line(self.path.name))

    def to_dict(self):
        """Return all of it as a dict that is ready for JSON."""
        segments = [
            {"begin": begin, "end": begin + self.window, "probabilities": row.to_dict()}
            for begin, row in self.table.iterrows()
        ]
        mean = self.probabilities.to_dict()
        song = {"file": as_line(self.path), "genre": self.genre, "probabilities": mean}
        return song | {"segments": segments}


def caution(genres):
    """Say that a network knows no other genres than these."""
    return (
        f"The network knows {len(genres)} genres and no others ({', '.join(genres)}): a song of "
        "any other genre is given one of these names, too."
    )


def classify(song, network=None):
    """Name the genre of a song, segment by segment, with a released network.

    The song is read, converted and cut into segments exactly as the tracks that the network was
    trained on, but from its beginning to its end.

    Parameters
    ----------
    song : str or Path, an audio file from one segment (5 s) to one hour long
    network : ReleasedNetwork, or its folder; by default that of `open_network`

    Returns
    -------
    Classification

    Raises
    ------
    AudioError, if the file cannot be read, or is too short, too long or silent
    PublicationError, if that network does not exist or cannot be opened

    Examples
    --------
    >>> classify("song.mp3").genre  # doctest: +SKIP
    'country'
    """
    song = Path(song).expanduser()
    network = network if isinstance(network, ReleasedNetwork) else open_network(network)
    samples, window = read_audio(song), network.window / SAMPLE_RATE
    starts = segment_starts(len(samples), network.window, network.hop, len(samples))
    if not len(starts):
        lasts = f"it lasts {len(samples) / SAMPLE_RATE:.1f} s, but a segment lasts {window:.1f} s"
        raise AudioError(song, "too short", lasts)
    if np.ptp(samples) == 0:
        raise AudioError(song, "silent", "all samples are the same")

    def read(begins, size):
        return np.stack([samples[begin : begin + size] for begin in begins])

    segments = pd.DataFrame({"start": starts, "label": 0})
    store = SimpleNamespace(read=read)
    batches = SegmentBatches(store, segments, _BATCH_SIZE, window=network.window)
    probabilities = predict(network.model, batches).astype(np.float64)
    begin = pd.Index(starts / SAMPLE_RATE, name="begin / s")
    return Classification(song, pd.DataFrame(probabilities, begin, network.genres), window)


def classify_all(paths, network=None):
    """Classify files, and the audio files in and below folders, one after the other.

    Yields pairs: the path of a song as one line of text, and its `Classification`, or a text that
    says why it has none.
    """
    network = open_network(network)
    for path in paths:
        try:
            songs = list(audio_files(path)) if path.is_dir() else [path]
        except CorpusError as error:
            yield as_line(path), f"cannot be read ({error.__cause__.strerror})"
            continue
        if not songs:
            yield as_line(path), "no audio file is in this folder"
        for song in songs:
            try:
                yield as_line(song), classify(song, network)
            except AudioError as error:
                reason = "cannot be read" if error.reason == "undecodable" else error.reason
                yield as_line(song), f"{reason} ({error.detail})"


def draw(classified, png):
    """Write the figure of a `Classification` to a PNG file; those of several are numbered."""
    for number, song in enumerate(classified, start=1):
        path = png if len(classified) == 1 else png.with_stem(f"{png.stem}-{number}")
        with whole_file(path) as beside:
            beside.write_bytes(figure_png(song.figure()))
