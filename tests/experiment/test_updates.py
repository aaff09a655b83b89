from tones import TINY

from genre_lib.experiment import measure_updates


def test_an_update_is_measured_in_three_ways_and_once(tmp_path):
    table = measure_updates(TINY, tmp_path, progress=False)
    assert list(table["update"]) == ["2.66667 x 3", "1 x 8", "1 x 8, rematerialised"]
    assert (table["memory"] >= 0).all()
    assert (table["seconds"] > 0).all()
    # A second measurement would have other times.
    assert measure_updates(TINY, tmp_path, progress=False).equals(table)
