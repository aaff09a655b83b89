"""Segments from the store, batch by batch, as Keras takes them."""

import math

import keras
import numpy as np


class SegmentBatches(keras.utils.PyDataset):
    """Batches of segments, read from the store when they are needed.

    Parameters
    ----------
    store : SegmentStore or SamplesOnDevice
        Where the samples are; see `genre_lib.devices.nearest_samples`.
    segments : pandas.DataFrame
        Which segments, as from `SegmentStore.segments`.
    batch_size : int
        Segments in a batch; the last batch of an epoch may be smaller.
    window : int
        Samples in a segment.
    seed : int, optional
        Shuffle the segments anew in each epoch; in the order given by default.

    Notes
    -----
    A batch is ``(samples, labels)``: int16 of shape (batch, window, 1), as the network takes it,
    and int64 of shape (batch,). Keras asks ahead: on TensorFlow a thread of its own reads the next
    ones, and on JAX the next is read, and on its way to the GPU, while the one before is computed.
    """

    def __init__(self, store, segments, batch_size, *, window=110_250, seed=None):
        super().__init__()
        self.store, self.batch_size, self.window, self.seed = store, batch_size, window, seed
        self.starts = segments["start"].to_numpy()
        self.labels = segments["label"].to_numpy()
        self.epoch = 0
        self._arrange()

    def _arrange(self):
        self.order = np.arange(len(self.starts))
        if self.seed is not None:
            # By seed and epoch, so that the order does not depend on what was drawn before.
            np.random.default_rng([self.seed, self.epoch]).shuffle(self.order)

    def __len__(self):
        """Return the number of batches in an epoch."""
        return math.ceil(len(self.starts) / self.batch_size)

    def __getitem__(self, index):
        """Return the samples and the labels of one batch."""
        # Sorted: a batch is a set, and the disk is read forwards.
        rows = np.sort(self.order[index * self.batch_size : (index + 1) * self.batch_size])
        samples = self.store.read(self.starts[rows], self.window)
        return samples[..., np.newaxis], self.labels[rows]

    def on_epoch_end(self):
        """Arrange the next epoch."""
        self.epoch += 1
        self._arrange()
