"""Players for a notebook: tracks that a reader should hear.

What is embedded is audio, so a notebook with players in it is for the one who ran it:
``make notebooks`` takes them out of what is committed.
"""

import base64
import html
import io

import soundfile

from genre_lib.display import show_text
from genre_lib.waveform import SAMPLE_RATE

LONGEST = 10.0
"""Seconds of a track that a player gives."""


def play(workspace, tracks, begin=0.0):
    """Show players of some tracks of a workspace, or say that their audio is not there.

    Parameters
    ----------
    workspace : Workspace
    tracks : dict of str to str
        Track ids by what stands beside the player.
    begin : float
        Where to begin, as a share of the track.
    """
    if not workspace.has_audio:
        show_text("Players are absent here, because the audio is not distributed.")
        return
    samples = {name: workspace.samples(track) for name, track in tracks.items()}
    show_players({name: x[int(begin * len(x)) :] for name, x in samples.items()})


def show_players(tracks, longest=LONGEST):
    """Show a row of players, in Jupyter and (with the cell tag ``keep-output``) in the HTML report.

    Parameters
    ----------
    tracks : dict of str to numpy.ndarray
        int16 samples, shape (n_samples,), at 22 050 Hz, by what stands beside the player.
    longest : float
        Seconds of each track that are embedded, from its beginning.
    """
    from IPython.display import HTML, display

    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{_player(samples, longest)}</td></tr>"
        for name, samples in tracks.items()
    )
    display(HTML(f"<table>{rows}</table>"))


def _player(samples, longest):
    buffer = io.BytesIO()
    # MP3, because every browser plays it.
    soundfile.write(buffer, samples[: int(longest * SAMPLE_RATE)], SAMPLE_RATE, format="MP3")
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return f'<audio controls preload="none" src="data:audio/mpeg;base64,{encoded}"></audio>'
