import datetime
import json
from unittest.mock import Mock

import numpy as np
import pytest

from genre_lib.corpus.audio import AUDIO_SUFFIXES
from genre_lib.experiment import NORMAL, kept
from genre_lib.workspace import PublicationError, open_published, open_workspace, publish


def files_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_neither_audio_nor_weights_nor_paths_are_published(workspace, folder):
    data = workspace.corpus["path"].iloc[0].rsplit("/", 2)[0]
    for path in files_in(folder):
        assert path.suffix.lower() not in {*AUDIO_SUFFIXES, ".keras", ".npy"}
        content = path.read_bytes()
        assert data.encode() not in content, path
        assert str(workspace.runs_dir.parent).encode() not in content, path
        assert content != b"weights"


def test_what_is_published_is_described(workspace, tmp_path):
    facts = publish(workspace, tmp_path / "results")
    assert json.loads(json.dumps(facts)) == json.loads(
        (tmp_path / "results" / "results.json").read_text()
    )
    planned = len(workspace.planned())
    assert facts["runs"] == {"planned": planned, "kept": planned - 2, "failed": 1}
    assert (facts["corpus"]["files"], facts["corpus"]["tracks"]) == (15, 14)
    assert facts["corpus"]["genres"] == ["high", "low"]


def test_the_same_results_are_the_same_files(workspace, folder, tmp_path, monkeypatch):
    clock = Mock(**{"datetime.now.return_value": datetime.datetime(2100, 1, 1)})
    monkeypatch.setattr(kept, "datetime", clock)  # whenever they are published
    publish(workspace, tmp_path / "again")
    for path in files_in(folder):
        again = tmp_path / "again" / path.relative_to(folder)
        assert path.read_bytes() == again.read_bytes(), path


def test_publishing_again_replaces_results_and_nothing_else(workspace, folder):
    (folder / "report.html").write_text("rendered")
    (folder / "runs" / "old").mkdir()
    publish(workspace, folder)
    assert (folder / "report.html").read_text() == "rendered"
    assert not (folder / "runs" / "old").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["results"]
    open_published(folder)


def test_a_folder_with_something_else_is_left_alone(workspace, tmp_path):
    (tmp_path / "thesis.txt").write_text("do not lose")
    with pytest.raises(PublicationError, match="contains other files"):
        publish(workspace, tmp_path)
    assert files_in(tmp_path) == [tmp_path / "thesis.txt"]


def test_results_without_a_report_or_a_run_are_not_published(
    workspace, keep_run, tone_folder, tmp_path
):
    empty = open_workspace(workspace.profile, tone_folder, tmp_path)
    with pytest.raises(PublicationError, match="no run of the profile tiny"):
        publish(empty, tmp_path / "results")
    keep_run(empty, empty.planned()[0])
    with pytest.raises(PublicationError, match="no derived facts"):
        publish(empty, tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_a_published_run_is_complete_without_its_weights(workspace, folder):
    published = open_published(folder)
    kept, found = (space.runs(NORMAL)[NORMAL] for space in (workspace, published))
    assert len(found) == workspace.profile.rotations
    for mine, theirs in zip(kept, found, strict=True):
        assert (mine.folder / "model.keras").exists()
        assert not (theirs.folder / "model.keras").exists()
        np.testing.assert_array_equal(mine.probabilities, theirs.probabilities)


def test_of_a_failure_only_its_kind_is_published(workspace, folder):
    planned, published = workspace.planned(), open_published(folder)
    assert list(published.kept.failures(planned).values()) == ["OSError"]
    assert "No space left" in next(iter(workspace.kept.failures(planned).values()))
