"""What a waveform is here: how it is sampled and scaled, and how much of it the network reads."""

SAMPLE_RATE = 22_050
"""Samples per second: GTZAN's, and those of everything that has been read."""

FULL_SCALE = 32_768
"""The 16-bit integer that stands for an amplitude of 1."""

WINDOW = 110_250
"""Samples in a segment of the original: 5 s."""

MAX_SEGMENTS = 21
"""Segments per track of the original; a track of 30 s has as many."""

SHORTEST_WINDOW = 3**10
"""Samples of which the network's stride and its nine poolings by three leave one step."""


def hop_of(window):
    """Return how far a window moves from one segment to the next: a quarter of itself."""
    return window // 4
