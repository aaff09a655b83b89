import shutil
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
from tones import TINY, write_tone, write_tones

from genre_lib.corpus import CorpusError, describe_tracks, load_corpus, read_audio, usable
from genre_lib.experiment.profile_files import differences
from genre_lib.faults import find_distortions, find_same_recordings
from genre_lib.workspace import choose_profile, open_workspace


def test_a_corpus_is_opened_under_a_profile(tone_folder, tmp_path):
    workspace = open_workspace(TINY, tone_folder, tmp_path)
    assert workspace.profile == TINY
    assert workspace.corpus_name == f"corpus {tone_folder.name}"
    assert not workspace.is_demo
    assert len(workspace.tracks) == 14
    assert open_workspace("smoke", tone_folder, tmp_path).profile.name == "smoke"


def test_an_opened_corpus_is_not_decoded_again(tone_folder, tmp_path, monkeypatch):
    folder = Path(shutil.copytree(tone_folder, tmp_path / "corpus"))
    (folder / "low/broken.wav").write_text("no sound")
    decode = Mock(side_effect=read_audio)
    for module in ("reading", "store", "audio"):
        monkeypatch.setattr(f"genre_lib.corpus.{module}.read_audio", decode)
    first = open_workspace(TINY, folder, tmp_path)
    assert decode.call_count == 15
    second = open_workspace("smoke", folder, tmp_path)
    assert second.corpus.equals(first.corpus)
    from_store = (*second.faults, describe_tracks(second.tracks))
    samples = second.samples("low.00003")
    assert decode.call_count == 15
    corpus = load_corpus(folder, min_samples=TINY.window, progress=False)
    from_files = (
        find_same_recordings(corpus, progress=False),
        find_distortions(corpus, progress=False),
        describe_tracks(usable(corpus)),
    )
    for one, other in zip(from_store, from_files, strict=True):
        pd.testing.assert_frame_equal(one, other)
    np.testing.assert_array_equal(samples, read_audio(folder / "low/low.00003.wav"))
    write_tone(folder / "low/low.00003.wav", 3.0, 999)
    assert open_workspace(TINY, folder, tmp_path).store.fingerprint != first.store.fingerprint


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CorpusError, match="no/such"):
        open_workspace(TINY, "no/such", tmp_path)


def test_a_corpus_that_is_too_small_for_the_partitions_is_refused(tmp_path):
    folder = write_tones(tmp_path / "few", tracks_per_genre=2)
    with pytest.raises(CorpusError, match="few"):
        open_workspace(TINY, folder, tmp_path)


def test_an_unknown_profile_is_refused(tone_folder, tmp_path):
    with pytest.raises(ValueError, match="full"):
        open_workspace("full", tone_folder, tmp_path)


def test_published_results_are_opened_with_their_own_profile(folder, monkeypatch):
    monkeypatch.setenv("GENRE_PROFILE", "paper")
    workspace = open_workspace(data=folder)
    assert workspace.profile == choose_profile(data=folder)
    assert (workspace.profile.name, workspace.has_audio) == ("tiny", False)


def test_published_results_of_a_profile_from_a_file_are_opened_with_what_the_file_says(folder):
    # A report hands this to its kernels, which know neither the file nor a profile of this name.
    choices = differences(choose_profile(data=folder))
    assert choices["name"] == "tiny"
    assert open_workspace(choices, folder).profile.name == "tiny"
    with pytest.raises(ValueError, match="have the profile 'tiny'"):
        open_workspace(choices | {"width": 0.5}, folder)


def test_another_profile_than_that_of_published_results_is_refused(folder):
    with pytest.raises(ValueError, match=r"'paper': the results in .* have the profile 'tiny'"):
        open_workspace("paper", folder)


def test_the_environment_chooses_what_is_not_given(tone_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("GENRE_PROFILE", "smoke")
    monkeypatch.setenv("GENRE_DATA", str(tone_folder))
    monkeypatch.setenv("GENRE_HOME", str(tmp_path))
    workspace = open_workspace()
    assert workspace.profile.name == choose_profile().name == "smoke"
    assert workspace.corpus_name == f"corpus {tone_folder.name}"
    assert workspace.runs_dir == tmp_path / "runs"
    assert choose_profile("demo").name == "demo"
