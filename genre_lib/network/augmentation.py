"""Augment training segments: change them from epoch to epoch, but keep their genre."""

import dataclasses

import numpy as np

from genre_lib.waveform import FULL_SCALE


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """The changes that `SegmentBatches` makes to training segments; by default, none.

    All random numbers of an epoch are drawn at once, one row per segment, and depend only on its
    seed and number. Samples stay int16: values that gain drives beyond full scale are clipped.

    Parameters
    ----------
    crops : int
        Random crops per track and epoch instead of its fixed windows, but not more than it has
        windows. They lie anywhere between the first and the last window.
    gain_db : float, each segment becomes louder or softer by up to this
    polarity : bool, invert half of the segments
    mixup : float
        Mix each segment, and its label, with another of its batch; its share is drawn from a Beta
        distribution with both parameters equal to this (Zhang et al. 2018, *mixup: Beyond Empirical
        Risk Minimization*). 0 turns this off.

    Examples
    --------
    >>> batches = SegmentBatches(  # doctest: +SKIP
    ...     store, segments, 32, seed=0, augmentation=Augmentation(crops=21, gain_db=6)
    ... )
    """

    crops: int = 0
    gain_db: float = 0.0
    polarity: bool = False
    mixup: float = 0.0

    def __post_init__(self):
        for name, value in dataclasses.asdict(self).items():
            if not 0 <= value < np.inf:
                raise ValueError(f"{name}={value!r}: expected a number of at least 0.")

    def choose(self, segments):
        """Return the segments of an epoch, with the range in which their crops may begin."""
        of_track = segments.groupby("track_id")["start"]
        bounds = {"first": of_track.transform("min"), "last": of_track.transform("max")}
        segments = segments.assign(**bounds)
        return segments[segments["segment"] < self.crops] if self.crops else segments

    def draw(self, segments, seed, epoch):
        """Return the starts, factors and shares of an epoch: one value per chosen segment."""
        # A separate stream from that of the order; no choice affects the draws of the others.
        rng = np.random.default_rng([seed, epoch, 1])
        place, gain, turn = rng.random((len(segments), 3)).T
        starts, first, last = segments[["start", "first", "last"]].to_numpy().T
        if self.crops:
            starts = first + np.floor(place * (last - first + 1)).astype(np.int64)
        factors = 10 ** (self.gain_db * (2 * gain - 1) / 20)
        factors[self.polarity & (turn < 0.5)] *= -1
        alpha = self.mixup
        shares = rng.beta(alpha, alpha, len(segments)) if alpha else np.ones(len(segments))
        return starts, factors.astype(np.float32), shares.astype(np.float32)

    def apply(self, samples, labels, factors, shares):
        """Apply these changes to a batch of samples (int16, NumPy or JAX) and their labels.

        Each segment is mixed with the one before it.
        """
        before = np.roll(np.arange(len(labels)), 1)
        if self.mixup:
            labels = labels * shares[:, None] + labels[before] * (1 - shares)[:, None]
        if not (self.gain_db or self.polarity or self.mixup):
            return samples, labels
        weights = np.stack([factors * shares, factors[before] * (1 - shares)], axis=1)[..., None]
        if not isinstance(samples, np.ndarray):
            return self._mix(samples, samples[before], *weights.swapaxes(0, 1)), labels
        # One by one: a segment fits into a processor's cache, so this takes a third of the time.
        pairs = zip(samples, samples[before], weights, strict=True)
        return np.stack([self._mix(own, other, *both) for own, other, both in pairs]), labels

    def _mix(self, own, other, weight, other_weight):
        mixed = own * weight + other * other_weight if self.mixup else own * weight
        return mixed.round().clip(-FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
