"""The detectors, on planted faults; how good they are on real music is measured as a benchmark."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from genre_lib.corpus.audio import SAMPLE_RATE, read_audio
from genre_lib.corpus.demo import make_demo_corpus
from genre_lib.corpus.tracks import load_corpus, usable
from genre_lib.faults.catalogue import catalogue, compare_with_catalogue, with_catalogue
from genre_lib.faults.distortions import describe_distortions, find_distortions, measure_distortions
from genre_lib.faults.labels import find_label_errors
from genre_lib.faults.repetitions import (
    find_exact_repetitions,
    find_same_recordings,
    repetition_groups,
)


def pairs_of(table):
    table = table[table["verdict"].astype(bool)]
    return {frozenset(p) for p in zip(table["track_id"], table["other_track_id"], strict=True)}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "corpus"
    truth = make_demo_corpus(folder, tracks_per_genre=6, seconds=8.0, progress=False)
    return load_corpus(folder, min_samples=SAMPLE_RATE, progress=False), truth


@pytest.fixture(scope="module")
def clean(demo):
    """The int16 samples of a track without a fault."""
    corpus, truth = demo
    faulty = [*truth["track_id"], *truth["other_track_id"]]
    return read_audio(corpus.loc[~corpus["track_id"].isin(faulty), "path"].iloc[0])


@pytest.fixture(scope="module")
def recordings(demo):
    return find_same_recordings(demo[0], jobs=2, progress=False)


def test_equal_audio_is_found_whatever_its_container(demo, tmp_path):
    corpus, truth = demo
    planted = pairs_of(truth.query("fault == 'exact_repetition'").assign(verdict=True))
    assert pairs_of(find_exact_repetitions(corpus)) == planted
    for name in ("a.wav", "b.flac"):
        path = tmp_path / "pop" / name
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, read_audio(corpus["path"].iloc[0]), SAMPLE_RATE)
    assert len(find_exact_repetitions(load_corpus(tmp_path, progress=False))) == 1


def test_a_shifted_softer_copy_is_found_and_nothing_else(demo, recordings):
    _, truth = demo
    planted = truth[truth["fault"].isin(["exact_repetition", "same_recording"])]
    assert pairs_of(recordings) == pairs_of(planted.assign(verdict=True))


def test_the_offset_is_where_the_copy_begins(clean, tmp_path):
    cut = 2 * SAMPLE_RATE
    (tmp_path / "jazz").mkdir()
    soundfile.write(tmp_path / "jazz" / "a.wav", clean, SAMPLE_RATE)
    soundfile.write(tmp_path / "jazz" / "b.wav", clean[cut:] // 3, SAMPLE_RATE)
    found = find_same_recordings(load_corpus(tmp_path, progress=False), jobs=1, progress=False)
    assert list(found["verdict"]) == [True]
    assert found["offset_s"][0] == pytest.approx(2, abs=0.05)
    assert found["overlap_s"][0] == pytest.approx(len(clean) / SAMPLE_RATE - 2, abs=0.1)


def test_groups_join_whatever_hangs_together():
    corpus = pd.DataFrame({"track_id": list("abcde")})
    pairs = pd.DataFrame(
        {
            "track_id": ["a", "b", "d"],
            "other_track_id": ["b", "c", "e"],
            "verdict": [True, True, False],
        }
    )
    groups = repetition_groups(corpus, pairs)
    assert list(groups[:3]) == ["a"] * 3
    assert groups[3:].isna().all()


def test_the_distorted_track_is_the_worst(demo):
    corpus, truth = demo
    table = find_distortions(corpus, jobs=2, progress=False)
    assert table["track_id"][0] == truth.set_index("fault")["track_id"]["distorted"]
    assert list(table["verdict"]) == [True] + [False] * (len(usable(corpus)) - 1)
    assert table["reason"][0]
    assert (table["reason"][1:] == "").all()


def clipped(x):
    limit = np.quantile(np.abs(x), 0.95).astype(np.int16)
    return np.clip(x, -limit, limit)


def with_gaps(x):
    x = x.copy()
    for second in (2, 4, 6):
        x[second * SAMPLE_RATE : second * SAMPLE_RATE + 2_000] = 0
    return x


def with_noise(x):
    noise = np.random.default_rng(2).normal(scale=3_000, size=5 * SAMPLE_RATE)
    return np.concatenate([x[: 5 * SAMPLE_RATE], noise.astype(np.int16)])


def with_silence(x):
    return np.concatenate([x, np.zeros(3 * SAMPLE_RATE, np.int16)])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (clipped, "clip"),
        (with_gaps, "dropout"),
        (with_noise, "noise"),
        (with_silence, "silence"),
    ],
)
def test_each_distortion_is_named(clean, spoil, words):
    assert describe_distortions(measure_distortions(clean)) == ""
    assert words in describe_distortions(measure_distortions(spoil(clean)))


def test_swapped_labels_come_first():
    rng = np.random.default_rng(3)
    true = np.repeat([0, 1, 2], 30)
    given = true.copy()
    swapped = [3, 40, 75]
    given[swapped] = (given[swapped] + 1) % 3
    tracks = pd.DataFrame(
        {
            "track_id": [f"t{n}" for n in range(90)],
            "label": given,
            "genre": np.array(["a", "b", "c"])[given],
        }
    )
    probabilities = rng.dirichlet(np.ones(3), size=90) * 0.1 + 0.9 * np.eye(3)[true]
    table = find_label_errors(tracks, probabilities)
    assert set(table["track_id"][:3]) == {f"t{n}" for n in swapped}
    assert table["verdict"][:3].sum() >= 2
    assert not table["verdict"][3:].any()
    suggested = table.set_index("track_id")["suggested_genre"]
    assert [suggested[f"t{n}"] for n in swapped] == ["a", "b", "c"]
    with pytest.raises(ValueError, match="t5 add up to 2"):
        find_label_errors(tracks, np.where(np.arange(90)[:, None] == 5, 2, 1) * probabilities)
    with pytest.raises(ValueError, match=r"Expected \(90, 3\)"):
        find_label_errors(tracks, probabilities[:, :2])


def test_the_catalogue_counts_what_is_published(tmp_path):
    table = catalogue()
    assert len(table) == 1000
    assert table["track_id"].is_unique
    assert list(table.loc[table["distorted"], "track_id"]) == ["reggae.00086"]
    own = tmp_path / "mine.csv"
    own.write_text("track_id\nblues.00003\n")
    assert catalogue(own)["mislabeled"].sum() == 1
    own.write_text("track_id\nblues.00003.wav\n")
    with pytest.raises(ValueError, match="none of GTZAN's"):
        catalogue(own)


def test_the_catalogue_joins_any_corpus_by_its_ids():
    corpus = pd.DataFrame({"track_id": ["reggae.00086", "mine.1"]}, index=[7, 3])
    joined = with_catalogue(corpus)
    assert list(joined.index) == [7, 3]
    assert list(joined["distorted"]) == [True, False]


def test_what_the_detector_and_the_catalogue_name_stands_side_by_side():
    facts = catalogue().dropna(subset=["exact_repetition_group"])
    known = facts.groupby("exact_repetition_group")["track_id"].apply(list)
    (first, second), missed = known.iloc[0][:2], known.iloc[1][:2]
    corpus = pd.DataFrame({"track_id": [first, second, *missed, "mine.1"], "status": "ok"})
    pairs = pd.DataFrame(
        {
            "track_id": [first, first],
            "other_track_id": [second, "mine.1"],
            "score": [0.9, 0.5],
            "verdict": [True, True],
        }
    )
    table = compare_with_catalogue(corpus, pairs, "exact_repetition_group")
    assert sorted(table["found_by"]) == ["both", "catalogue", "detector"]
