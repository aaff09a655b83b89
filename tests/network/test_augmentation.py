import keras
import numpy as np
import pytest

from genre_lib.network import Augmentation, SegmentBatches, hear_augmented
from genre_lib.network.batches import SamplesOnDevice

WINDOW = 22_050
ALL = Augmentation(crops=3, gain_db=6, polarity=True, mixup=0.4)
KINDS = {
    "crops": Augmentation(crops=3),
    "gain": Augmentation(gain_db=6),
    "polarity": Augmentation(polarity=True),
    "mixup": Augmentation(mixup=0.4),
}


def batches_of(store, augmentation=None, seed=3, size=8, n_classes=2):
    segments = store.segments(window=WINDOW)
    options = {"window": WINDOW, "augmentation": augmentation, "n_classes": n_classes}
    return SegmentBatches(store, segments, size, seed=seed, **options)


def everything(batches):
    samples, labels = zip(*(batches[k] for k in range(len(batches))), strict=True)
    return np.concatenate(samples)[..., 0], np.concatenate(labels)


def unaugmented(batches):
    """The segments as they are, in the order in which a batch has them."""
    return batches.store.read(batches.starts[batches.order], WINDOW).astype(float)


@pytest.mark.parametrize("kind", KINDS)
def test_each_change_differs_by_epoch_and_follows_from_seed_and_epoch_alone(kind, tone_store):
    def epochs(seed, skipped=0):
        batches = batches_of(tone_store, KINDS[kind], seed)
        for _ in range(skipped):
            batches.on_epoch_end()
        for _ in range(3 - skipped):
            # Sorted, as the order of the segments differs in any case.
            yield tuple(sorted(sample.tobytes() for sample in everything(batches)[0]))
            batches.on_epoch_end()

    first = list(epochs(1))
    assert len({*first, *epochs(2)}) == 6
    assert list(epochs(1, skipped=2)) == first[2:]  # whatever was drawn before


def test_the_changes_do_not_change_each_other(tone_store):
    alone, together = (batches_of(tone_store, a) for a in (KINDS["crops"], ALL))
    np.testing.assert_array_equal(alone.starts, together.starts)
    np.testing.assert_array_equal(batches_of(tone_store, KINDS["mixup"]).labels.shape[1:], (2,))


def test_crops_lie_anywhere_in_their_track(tone_store):
    batches = batches_of(tone_store, Augmentation(crops=5), n_classes=None)
    table = tone_store.segments(window=WINDOW).groupby("track_id")["start"]
    first, last = (getattr(table, name)()[batches.segments["track_id"]] for name in ("min", "max"))
    assert (batches.segments["track_id"].value_counts() == 5).all()
    starts = []
    for _ in range(50):
        assert ((first <= batches.starts) & (batches.starts <= last)).all()
        starts.append((batches.starts - first) / (last - first))
        batches.on_epoch_end()
    starts = np.concatenate(starts)
    np.testing.assert_allclose(np.quantile(starts, [0.05, 0.5, 0.95]), [0.05, 0.5, 0.95], atol=0.02)
    samples, labels = everything(batches)
    np.testing.assert_array_equal(samples, unaugmented(batches))
    np.testing.assert_array_equal(labels, batches.segments["label"].to_numpy()[batches.order])


def test_a_track_has_no_more_crops_than_windows(tone_store):
    assert len(batches_of(tone_store, Augmentation(crops=99)).starts) == len(
        tone_store.segments(window=WINDOW)
    )


def test_gain_and_polarity_are_those_that_were_asked_for(tone_store):
    batches = batches_of(tone_store, Augmentation(gain_db=3, polarity=True))
    samples, _ = everything(batches)
    original = unaugmented(batches)
    factors = (samples * original).sum(axis=1) / (original**2).sum(axis=1)
    assert np.abs(samples - factors[:, None] * original).max() < 1  # nothing is clipped
    decibels = 20 * np.log10(np.abs(factors))
    assert -3.01 < decibels.min() < -1.5
    assert 1.5 < decibels.max() < 3.01
    assert 0.2 < (factors < 0).mean() < 0.8


def test_what_is_too_loud_is_clipped_and_does_not_wrap_around():
    loud = np.array([[2**15 - 1, -(2**15), 20_000, -7]], np.int16)
    twice, one = np.full(1, 2, np.float32), np.ones(1, np.float32)
    augmentation = Augmentation(gain_db=12, polarity=True)
    samples, _ = augmentation.apply(loud, np.zeros(1), twice, one)
    assert samples.tolist() == [[2**15 - 1, -(2**15), 2**15 - 1, -14]]
    samples, _ = augmentation.apply(loud, np.zeros(1), -twice, one)
    assert samples.tolist() == [[-(2**15), 2**15 - 1, -(2**15), 14]]
    assert samples.dtype == np.int16


def test_a_mixed_segment_has_the_labels_of_both_by_their_shares(tone_store):
    batches = batches_of(tone_store, KINDS["mixup"], size=8)
    samples, labels = batches[0]
    share = batches.shares[batches.order[:8]]
    original = unaugmented(batches)[:8]
    genres = batches.labels[batches.order[:8]]
    for mixed, of, result in ((samples[..., 0], original, 0.51), (labels, genres, 1e-6)):
        expected = share[:, None] * of + (1 - share)[:, None] * np.roll(of, 1, axis=0)
        np.testing.assert_allclose(mixed, expected, atol=result)
    assert labels.dtype == np.float32
    np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-6)
    assert ((labels > 0.01) & (labels < 0.99)).any()
    assert np.ptp(share) > 0.5


def test_labels_of_one_genre_are_ones_and_zeros(tone_store):
    plain, shares = (everything(batches_of(tone_store, n_classes=n))[1] for n in (None, 2))
    np.testing.assert_array_equal(shares.argmax(axis=1), plain)
    assert set(shares.ravel()) == {0, 1}


def test_a_choice_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"mixup=-0.4: expected a number of at least 0"):
        Augmentation(mixup=-0.4)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="samples stay on JAX's device")
def test_segments_are_changed_alike_on_the_device(tone_store):
    here = batches_of(tone_store, ALL)
    there = batches_of(tone_store, ALL)
    there.store = SamplesOnDevice(tone_store)
    for k in range(len(here)):
        samples, labels = there[k]
        assert isinstance(samples, type(there.store.read([0], 1)))
        assert samples.dtype == np.int16
        assert np.abs(np.asarray(samples, int) - here[k][0]).max() <= 1  # rounded at a half
        np.testing.assert_array_equal(labels, here[k][1])


def test_what_is_heard_is_what_a_run_is_trained_on(tone_store):
    track = tone_store.tracks["track_id"].iloc[1]
    heard = hear_augmented(tone_store, track, ALL, WINDOW, epochs=2)
    batches = batches_of(tone_store, ALL, seed=0, size=32, n_classes=len(tone_store.genres))
    assert len(heard) == 2
    for epoch, (text, samples) in enumerate(heard.items(), start=1):
        assert text.startswith(f"epoch {epoch}: from ")
        assert "%" in text
        in_epoch = np.concatenate([batches[k][0][..., 0] for k in range(len(batches))])
        assert (in_epoch == samples).all(axis=1).any()
        batches.on_epoch_end()
