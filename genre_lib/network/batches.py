"""Read segments from the store, batch by batch, in the form that Keras takes."""

import functools
import math

import keras
import numpy as np

from genre_lib.network.devices import find_device
from genre_lib.waveform import SAMPLE_RATE, WINDOW

_kept = {}  # the last SamplesOnDevice, by the folder of its store
_SHARE_FOR_SAMPLES = 0.25  # of a GPU's memory; the rest is for activations and parallel runs


class SegmentBatches(keras.utils.PyDataset):
    """Batches of segments, read from the store when they are needed.

    Each batch is ``(samples, labels)``: int16 of shape (batch, window, 1), for the network, and
    int32 of shape (batch,) or, with `n_classes`, float32 of shape (batch, n_classes): the share of
    each genre. Keras reads ahead: several in a thread on TensorFlow, one on JAX.

    Parameters
    ----------
    store : SegmentStore, which `genre_lib.network.batches.nearest_samples` may move to a GPU
    segments : pandas.DataFrame of the segments to read, as from `SegmentStore.segments`
    batch_size, window : int
        Segments in a batch (the last of an epoch may have fewer) and samples in a segment.
    seed : int, to shuffle the segments in each epoch; by default they keep their order
    augmentation : Augmentation, optional; it needs a seed and, to mix segments, `n_classes`
    n_classes : int, optional

    Examples
    --------
    >>> batches = SegmentBatches(store, store.segments(), 10, seed=0)  # doctest: +SKIP
    """

    def __init__(
        self,
        store,
        segments,
        batch_size,
        *,
        window=WINDOW,
        seed=None,
        augmentation=None,
        n_classes=None,
    ):
        super().__init__()
        self.store, self.batch_size, self.window, self.seed = store, batch_size, window, seed
        self.augmentation = augmentation
        self.segments = augmentation.choose(segments) if augmentation else segments
        self.starts = self.segments["start"].to_numpy()
        self.labels = self.segments["label"].to_numpy(np.int32)  # JAX warns of 64 bits
        if n_classes:
            self.labels = np.eye(n_classes, dtype=np.float32)[self.labels]
        self.epoch = -1
        self.on_epoch_end()

    def on_epoch_begin(self):
        # On JAX, Keras' queue serves what it read ahead for one epoch again in the next one.
        if keras.backend.backend() == "jax" and (self.workers > 1 or self.use_multiprocessing):
            raise ValueError(
                f"workers={self.workers}, use_multiprocessing={self.use_multiprocessing}: on JAX, "
                "Keras then gives some segments twice and others never. Expected one worker and "
                "no multiprocessing."
            )

    def on_epoch_end(self):
        self.epoch += 1
        self.order = np.arange(len(self.starts))
        if self.seed is not None:
            # Seeded by epoch, so that the order does not depend on earlier draws.
            np.random.default_rng([self.seed, self.epoch]).shuffle(self.order)
        if self.augmentation:
            drawn = self.augmentation.draw(self.segments, self.seed, self.epoch)
            self.starts, self.factors, self.shares = drawn

    def __len__(self):
        return math.ceil(len(self.starts) / self.batch_size)

    def __getitem__(self, index):
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        if not self.augmentation:
            # The order within a batch does not matter then, and the disk is read forwards.
            rows = np.sort(rows)
        samples, labels = self.store.read(self.starts[rows], self.window), self.labels[rows]
        if self.augmentation:
            drawn = self.factors[rows], self.shares[rows]
            samples, labels = self.augmentation.apply(samples, labels, *drawn)
        return samples[..., np.newaxis], labels


def hear_augmented(store, track_id, augmentation, window=WINDOW, epochs=3):
    """Return what the network hears of a track in the first epochs of training on a store.

    Parameters
    ----------
    store, track_id, augmentation : SegmentStore, str and Augmentation
    window, epochs : int

    Returns
    -------
    dict of str to numpy.ndarray of int16, shape (window,)
        By a text that names the epoch, where its crop begins, its gain, and the shares of genres.

    Examples
    --------
    >>> hear_augmented(store, "blues.00000", Augmentation(gain_db=6))  # doctest: +SKIP
    """
    segments = store.segments(window=window)
    options = {"seed": 0, "augmentation": augmentation, "n_classes": len(store.genres)}
    batches, heard = SegmentBatches(store, segments, 32, window=window, **options), {}
    row = int(np.argmax(batches.segments["track_id"] == track_id))
    first = int(batches.segments["first"].iloc[row])
    for epoch in range(epochs):
        batch, place = divmod(int(np.argmax(batches.order == row)), batches.batch_size)
        samples, labels = batches[batch]
        factor, shares = batches.factors[row], sorted(zip(labels[place], store.genres, strict=True))
        mixed = [f"{share:.0%} {genre}" for share, genre in shares[::-1] if share >= 0.005]
        turned = ", inverted" if factor < 0 else ""
        text = f"epoch {epoch + 1}: from {(batches.starts[row] - first) / SAMPLE_RATE:.1f} s, "
        gain = f"{20 * np.log10(abs(factor)):+.1f} dB".replace("-", "\N{MINUS SIGN}")
        text += f"{gain}{turned}; {', '.join(mixed)}"
        heard[text] = samples[place, :, 0]
        batches.on_epoch_end()
    return heard


def feed(batches):
    """Return batches as `fit` reads them best: on TensorFlow as a tf.data.Dataset, else unchanged.

    With a dataset, call ``batches.on_epoch_end()`` before the first epoch and after each; for a
    PyDataset, Keras does so itself.
    """
    if keras.backend.backend() != "tensorflow":
        return batches
    import tensorflow as tf

    samples, labels = batches[0]
    found = tf.data.Dataset.from_generator(
        lambda: (batches[index] for index in range(len(batches))),
        output_signature=(
            tf.TensorSpec((None, *samples.shape[1:]), samples.dtype),
            tf.TensorSpec((None, *labels.shape[1:]), labels.dtype),
        ),
    )
    options = tf.data.Options()
    # Keras lets tf.data tune itself, which sometimes delays the end of an epoch by seconds.
    options.autotune.enabled = False
    count = tf.data.experimental.assert_cardinality(len(batches))
    return found.apply(count).prefetch(2).with_options(options)


class SamplesOnDevice:
    """The samples of a store in the memory of JAX's device, which cuts segments out of them."""

    def __init__(self, store):
        import jax

        def cut(samples, starts, window):
            slice_at = functools.partial(jax.lax.dynamic_slice_in_dim, samples, slice_size=window)
            return jax.vmap(slice_at)(starts)

        self._samples = jax.device_put(store.samples)
        self._cut = jax.jit(cut, static_argnames="window")

    def read(self, starts, window=WINDOW):
        """Return segments as `SegmentStore.read` does, but as a jax.Array on the device."""
        return self._cut(self._samples, np.asarray(starts, np.int32), window=window)


def nearest_samples(store):
    """Return the samples on the GPU if JAX computes on one and they fit, else the store itself."""
    samples = store.samples
    fits = samples.nbytes <= _SHARE_FOR_SAMPLES * find_device().memory
    # `fit` takes JAX arrays as they are, but TensorFlow's pass through a queue in host memory.
    # Beyond 31 bits, 32-bit numbers no longer tell where a segment starts.
    if not (keras.backend.backend() == "jax" and fits and samples.size < 2**31):
        return store
    if store.folder not in _kept:
        _kept.clear()  # first, so that two stores never share the GPU
        _kept[store.folder] = SamplesOnDevice(store)
    return _kept[store.folder]
