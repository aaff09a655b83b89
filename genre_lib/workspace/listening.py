"""Show players in a notebook; they embed audio, so ``make notebooks`` removes them."""

import base64
import html
import io

import soundfile

from genre_lib.display import show_text
from genre_lib.waveform import SAMPLE_RATE

LONGEST = 10.0
"""Seconds of a track in a player."""


def play(workspace, tracks, begin=0.0):
    """Show a player for each track, or say that the audio is not available.

    Parameters
    ----------
    workspace : Workspace
    tracks : dict of str to str, track ids by the text beside the player
    begin : float, where to begin, as a share of the track

    Examples
    --------
    >>> play(workspace, {"a blues": "blues.00000"})  # doctest: +SKIP
    """
    from IPython.display import HTML, display

    if not workspace.has_audio:
        show_text("There are no players here, because the audio is not distributed.")
        return
    rows = []
    for name, track in tracks.items():
        samples = workspace.samples(track)
        player = _player(samples[int(begin * len(samples)) :])
        rows.append(f"<tr><td>{html.escape(name)}</td><td>{player}</td></tr>")
    display(HTML(f"<table>{''.join(rows)}</table>"))


def _player(samples):
    buffer = io.BytesIO()
    # MP3, because every browser plays it.
    soundfile.write(buffer, samples[: int(LONGEST * SAMPLE_RATE)], SAMPLE_RATE, format="MP3")
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return f'<audio controls preload="none" src="data:audio/mpeg;base64,{encoded}"></audio>'
