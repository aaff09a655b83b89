import dataclasses
import re

import pandas as pd
import pytest
import soundfile
from tones import TINY

from genre_lib.corpus.demo import read_truth
from genre_lib.experiment import (
    ACCUMULATION,
    BASELINES,
    NORMAL,
    RunError,
    count_leaks,
    l2_phase,
    protocol_phase,
)
from genre_lib.files import ROOT
from genre_lib.waveform import SAMPLE_RATE
from genre_lib.workspace import open_published, open_workspace, publish


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo corpus where the project keeps it, with runs of its own."""
    protocols = ("original", "no_repetitions", "artist_filtered", "fault_filtered")
    profile = dataclasses.replace(TINY, rotations=1, max_segments=1, protocols=protocols)
    return dataclasses.replace(
        open_workspace(profile, home=ROOT), runs_dir=tmp_path_factory.mktemp("runs")
    )


def test_without_data_it_is_the_demo_corpus(demo):
    assert demo.is_demo
    assert not demo.is_gtzan
    assert len(demo.genres) == 10
    assert len(demo.tracks) == len(demo.corpus) - 2  # one is too short, one undecodable


def test_the_planted_faults_are_those_of_the_demo_corpus(demo, keep_run, tmp_path):
    truth = read_truth(ROOT / "data" / "demo")
    pd.testing.assert_frame_equal(demo.planted, truth)
    keep_run(demo, demo.planned()[0])
    publish(demo, tmp_path / "results")
    pd.testing.assert_frame_equal(open_published(tmp_path / "results").planted, truth)


def test_only_protocols_that_the_corpus_allows_are_offered(demo):
    *phases, artists = demo.protocol_phases()
    assert phases == [NORMAL, protocol_phase("no_repetitions")]
    assert artists.protocol == "artist_filtered"


def test_a_run_without_repetitions_tests_none_and_is_kept(demo, small_network, monkeypatch):
    monkeypatch.setattr("genre_lib.experiment.models.build_resnet1d", small_network)
    phase = protocol_phase("no_repetitions")
    (result,) = demo.runs(phase)[phase]
    truth = read_truth(ROOT / "data" / "demo")
    planted = truth[truth["fault"].isin(["exact_repetition", "same_recording"])]
    seen = set(result.segments["track_id"])
    assert seen.isdisjoint(truth.loc[truth["fault"] == "distorted", "track_id"])
    for pair in planted[["track_id", "other_track_id"]].to_numpy():
        assert len(seen & set(pair)) <= 1
    (again,) = demo.runs(phase)[phase]
    assert again.folder == result.folder
    assert again.facts == result.facts
    assert (again.probabilities == result.probabilities).all()


def test_the_plan_has_phases_protocols_and_variants(workspace):
    planned = pd.Series([run.phase.name for run in workspace.planned()]).value_counts()
    assert planned["normal"] == workspace.profile.rotations
    assert {"l2-0.01", "l2-0.001", "accumulation", "normal-no-repetitions"} <= set(planned.index)
    assert "accumulation-group-norm" in planned.index


@pytest.fixture
def tagged(demo, tmp_path):
    """A corpus of mp3 files of three bands in each of three genres, who are named in their tags."""
    artists = pd.read_csv(ROOT / "data/demo/artists.csv", index_col="track_id")["artist"]
    for genre in ("classical", "metal", "pop"):
        (tmp_path / "music" / genre).mkdir(parents=True)
        for number in range(9):
            track_id = f"{genre}.{number:05d}"
            path = tmp_path / f"music/{genre}/piece {number}.mp3"
            with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1) as file:
                file.artist, file.title = artists[track_id], f"Piece {number}"
                file.write(demo.samples(track_id))
    return tmp_path / "music"


def test_artists_of_tagged_mp3s_are_kept_apart(tagged, tmp_path):
    profile = dataclasses.replace(TINY, protocols=("original", "artist_filtered"))
    workspace = open_workspace(profile, tagged, tmp_path)
    assert workspace.tracks["artist"].nunique() == 9
    leaks, _ = count_leaks(workspace.annotated, profile)
    assert (leaks["same_artist"] > 0).to_dict() == {
        "original": True, "no_repetitions": True, "artist_filtered": False
    }  # fmt: skip
    (phase,) = workspace.protocol_phases(phase=BASELINES[-1])[1:]
    found = workspace.runs(phase)[phase]
    artists = workspace.tracks.set_index("track_id")["artist"]
    for result in found:
        split = result.segments["split"].to_numpy()
        by_split = artists[result.segments["track_id"]].groupby(split).agg(set)
        assert not by_split["test"] & by_split["valid"]
    # A run is that of who plays what: with another artist, the partitions are others.
    (tagged / "artists.csv").write_text("track_id,artist\npop.piece 0,metal band 1\n")
    corrected = open_workspace(profile, tagged, tmp_path)
    assert corrected.store.fingerprint == workspace.store.fingerprint
    assert corrected.protocol_phases()[0] == NORMAL
    assert corrected.protocol_phases()[1].name != workspace.protocol_phases()[1].name


def test_the_plan_has_each_protocol_with_each_size_of_training_set(demo):
    profile = dataclasses.replace(demo.profile, n_partitions=4, train_partitions=(1, 2))
    planned = dataclasses.replace(demo, profile=profile).planned()
    more = [run.phase.name for run in planned if run.phase.train_partitions == 2]
    names = ["normal", "majority", "mfcc", "svm"]
    protocols = ("", "-no-repetitions", "-artist-filtered")
    expected = {f"{name}{protocol}-2-partitions" for name in names for protocol in protocols}
    assert {re.sub("-[0-9a-f]{8}$", "", name) for name in more} == expected
    # A baseline is fitted in each rotation, at no cost.
    assert (more.count("normal-2-partitions"), more.count("svm-2-partitions")) == (1, 4)


def test_the_samples_of_a_track_are_those_of_its_file(workspace, tone_store):
    samples = workspace.samples("low.00003")
    place = tone_store.tracks.set_index("track_id").loc["low.00003"]
    assert samples.dtype == "int16"
    assert (samples == tone_store.read([place["offset"]], place["n_samples"])[0]).all()


def test_what_is_derived_is_computed_anew_and_kept(workspace):
    for number in (1, 2):
        table = workspace.derived("count", lambda number=number: pd.DataFrame({"n": [number]}))
        assert table["n"].tolist() == [number]


def test_a_phase_whose_runs_all_fail_is_empty_if_another_is_there(workspace, tone_folder, tmp_path):
    spaces = workspace, open_workspace(TINY, tone_folder, tmp_path)
    for space in spaces:  # a file in the place of a folder: nothing can be kept there
        place = space.kept.profile_folder(space.profile) / ACCUMULATION.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("in the way")
    with pytest.warns(UserWarning, match="accumulation"):
        found = workspace.runs(NORMAL, ACCUMULATION)
    assert (len(found[NORMAL]), found[ACCUMULATION]) == (TINY.rotations, [])
    with pytest.warns(UserWarning, match="accumulation"):
        assert workspace.runs(ACCUMULATION) == {ACCUMULATION: []}
    with pytest.warns(UserWarning), pytest.raises(RunError, match="accumulation"):
        spaces[1].runs(ACCUMULATION)
    (workspace.kept.profile_folder(workspace.profile) / ACCUMULATION.name).unlink()


def test_kept_runs_are_found_by_phase(workspace):
    found = workspace.runs(NORMAL, l2_phase(0.001))
    assert [len(results) for results in found.values()] == [3, 1]
    assert [result.facts["rotation"] for result in found[NORMAL]] == [0, 1, 2]
