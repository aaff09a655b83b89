"""Segments from the store, batch by batch, as Keras takes them."""

import functools
import math

import keras
import numpy as np

from genre_lib.network.devices import find_device
from genre_lib.waveform import WINDOW


class SegmentBatches(keras.utils.PyDataset):
    """Batches of segments, read from the store when they are needed.

    Parameters
    ----------
    store : SegmentStore or SamplesOnDevice
        Where the samples are; see `genre_lib.network.batches.nearest_samples`.
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

    def __init__(self, store, segments, batch_size, *, window=WINDOW, seed=None):
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


# Of a GPU's memory; the rest is for activations, and for other runs that compute beside this one.
_SHARE_FOR_SAMPLES = 0.25


class SamplesOnDevice:
    """The samples of a store in the memory of the device; segments are cut out of them there.

    For JAX alone, whose arrays `fit` takes as they are. TensorFlow's pass through a queue in the
    memory of the host.

    Parameters
    ----------
    store : SegmentStore
    """

    def __init__(self, store):
        import jax

        self._samples = jax.device_put(store.samples)

    def read(self, starts, window=WINDOW):
        """Cut segments, as `SegmentStore.read` does.

        Parameters
        ----------
        starts : sequence of int
            First samples.
        window : int
            Samples in a segment.

        Returns
        -------
        jax.Array
            int16, shape (len(starts), window), on the device.
        """
        return _cutting()(self._samples, np.asarray(starts, np.int32), window=window)


@functools.cache
def _cutting():
    import jax

    @functools.partial(jax.jit, static_argnames="window")
    def cut(samples, starts, window):
        slice_at = functools.partial(jax.lax.dynamic_slice_in_dim, samples, slice_size=window)
        return jax.vmap(slice_at)(starts)

    return cut


_kept = {}


def nearest_samples(store):
    """Return what the segments of a store are best read from.

    Parameters
    ----------
    store : SegmentStore

    Returns
    -------
    SegmentStore or SamplesOnDevice
        The samples on the GPU where JAX computes on one and they take no more than a quarter of its
        memory; they stay there until those of another store are asked for. Else the store itself.
    """
    samples = store.samples
    fits = samples.nbytes <= _SHARE_FOR_SAMPLES * find_device().memory
    # Beyond 31 bits, 32-bit numbers no longer tell where a segment starts.
    if not (keras.backend.backend() == "jax" and fits and samples.size < 2**31):
        return store
    if store.folder not in _kept:
        _kept.clear()
        _kept[store.folder] = SamplesOnDevice(store)
    return _kept[store.folder]
