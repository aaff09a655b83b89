import pandas as pd

from genre_lib.faults import compare_with_catalogue, compare_with_planted, read_catalogue
from genre_lib.faults.catalogue import with_catalogue


def test_the_catalogue_counts_what_is_published():
    table = read_catalogue()
    assert len(table) == 1000
    assert table["track_id"].is_unique
    assert list(table.loc[table["distorted"], "track_id"]) == ["reggae.00086"]
    splits = table["fault_filtered_split"].value_counts()
    assert list(splits[["train", "valid", "test"]]) == [443, 197, 290]


def test_the_catalogue_joins_any_corpus_by_its_ids():
    corpus = pd.DataFrame({"track_id": ["reggae.00086", "mine.1"]}, index=[7, 3])
    joined = with_catalogue(corpus)
    assert list(joined.index) == [7, 3]
    assert list(joined["distorted"]) == [True, False]
    assert joined["fault_filtered_split"].isna().to_list() == [False, True]


def test_what_the_detector_and_the_catalogue_name_stands_side_by_side():
    facts = read_catalogue().dropna(subset=["exact_repetition_group"])
    known = facts.groupby("exact_repetition_group")["track_id"].apply(list)
    (first, second), missed = known.iloc[0][:2], known.iloc[1][:2]
    corpus = pd.DataFrame({"track_id": [first, second, *missed, "mine.1"], "status": "ok"})
    rows = [(first, second, 0.9, True), (first, "mine.1", 0.5, True), (*missed, 0.1, False)]
    rows += [(second, "mine.1", 0.1, False)]  # named by neither
    pairs = pd.DataFrame(rows, columns=["track_id", "other_track_id", "score", "verdict"])
    table = compare_with_catalogue(corpus, pairs, "exact_repetition_group")
    assert list(table["found_by"]) == ["both", "catalogue", "detector"]
    assert list(table["score"]) == [0.9, 0.1, 0.5]
    assert table["group"].isna().to_list() == [False, False, True]
    unlisted = compare_with_catalogue(corpus, pairs[:0], "exact_repetition_group")
    assert list(unlisted["found_by"]) == ["catalogue", "catalogue"]
    assert list(unlisted["score"]) == [0, 0]
    # What an earlier table lists is left out of the next.
    further = compare_with_catalogue(corpus, pairs, "exact_repetition_group", without=unlisted)
    assert further[["track_id", "other_track_id"]].to_numpy().tolist() == [[first, "mine.1"]]
    assert list(further["found_by"]) == ["detector"]
    nothing = compare_with_catalogue(corpus, pairs, "exact_repetition_group", without=table)
    assert nothing.empty and list(nothing) == list(table)


def test_what_the_detectors_found_of_what_was_planted_is_counted():
    rows = [("a", "exact_repetition", "b"), ("c", "same_recording", "d"), ("e", "mislabeled", "")]
    rows += [("f", "distorted", ""), ("g", "distorted", "")]
    truth = pd.DataFrame(rows, columns=["track_id", "fault", "other_track_id"])
    rows = [("b", "a", True), ("c", "d", False), ("a", "e", True)]  # in either order
    recordings = pd.DataFrame(rows, columns=["track_id", "other_track_id", "verdict"])
    distortions = pd.DataFrame({"track_id": ["f", "g", "a"], "verdict": [True, True, False]})
    table = compare_with_planted(truth, recordings, distortions)
    assert list(table) == ["fault", "planted", "found", "found but not planted"]
    assert table.to_numpy().tolist() == [["repetitions", 2, 1, 1], ["distorted tracks", 2, 2, 0]]
