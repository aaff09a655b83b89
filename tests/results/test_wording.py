from genre_lib.results import wording


def test_numbers_of_things():
    assert [wording.count(n, "track") for n in (0, 1, 2)] == ["no track", "1 track", "2 tracks"]


def test_lists():
    assert [wording.join(list("abc")[:n]) for n in (1, 2, 3)] == ["a", "a and b", "a, b and c"]


def test_some_of_a_number():
    assert wording.among(0, 3, "runs") == "none of the 3 runs"
    assert wording.among(2, 3, "runs") == "2 of the 3 runs"
    assert wording.among(3, 3, "runs") == "all 3 runs"
    assert wording.among(2, 2, "runs") == "both runs"
