from tests.benchmarks.speed.growth import measure_store, write_noise


def test_a_store_of_noise_is_measured(tmp_path):
    write_noise(tmp_path / "audio", 20, seconds=6)
    found = measure_store(tmp_path / "audio", tmp_path / "cache")
    assert (found["tracks"], found["segments"]) == (20, 20)
    assert found["memory"] > 2**20
    assert min(found["reading"], found["storing"]) > 0
