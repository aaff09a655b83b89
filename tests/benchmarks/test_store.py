"""The store of 1000 tracks: under 60 s and 1 GiB on two cores. Run by `make benchmark`."""

from tests.benchmarks.speed.growth import measure_store, write_noise

N_TRACKS = 1000


def test_a_thousand_tracks_are_stored(tmp_path):
    write_noise(tmp_path / "audio", N_TRACKS)
    figures = measure_store(tmp_path / "audio", tmp_path / "cache")
    print("\n" + "\n".join(f"  {name:16} {value:.2f}" for name, value in figures.items()))
    assert figures["segments"] == 21 * N_TRACKS
    assert figures["reading"] + figures["storing"] < 60
    assert figures["memory"] < 2**30
