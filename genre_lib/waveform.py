"""Define how a waveform is sampled and scaled, and how much of it the network reads."""

SAMPLE_RATE = 22_050
"""Samples per second: GTZAN's rate, to which all other audio is converted."""

FULL_SCALE = 32_768
"""The 16-bit integer that represents an amplitude of 1."""

WINDOW = 110_250
"""Samples per segment in the original report: 5 s."""

MAX_SEGMENTS = 21
"""Most segments per track in the original report; a track of 30 s has this many."""

SHORTEST_WINDOW = 3**10
"""Samples that the network reduces to one step by its stride and nine poolings, each by three."""


def hop_of(window):
    """Return the distance between the starts of two segments: a quarter of the window."""
    return window // 4
