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
    if not workspace.has_audio:
        show_text("There are no players here, because the audio is not distributed.")
        return
    samples = {name: workspace.samples(track) for name, track in tracks.items()}
    play_samples({name: found[int(begin * len(found)) :] for name, found in samples.items()})


def play_samples(named):
    """Show a player for each array of int16 samples, by the text beside it.

    Examples
    --------
    >>> play_samples({"half as loud": workspace.samples("blues.00000") // 2})  # doctest: +SKIP
    """
    from IPython.display import HTML, display

    rows = (
        f"<tr><td>{html.escape(name)}</td><td>{_player(samples)}</td></tr>"
        for name, samples in named.items()
    )
    display(HTML(f"<table>{''.join(rows)}</table>"))


def _player(samples):
    buffer = io.BytesIO()
    # MP3, because every browser plays it.
    soundfile.write(buffer, samples[: int(LONGEST * SAMPLE_RATE)], SAMPLE_RATE, format="MP3")
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return f'<audio controls preload="none" src="data:audio/mpeg;base64,{encoded}"></audio>'
