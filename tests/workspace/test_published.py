import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from genre_lib.experiment import NORMAL
from genre_lib.results import accuracy, pool, premises
from genre_lib.workspace import PublicationError, open_published
from genre_lib.workspace.published import read_profile


def test_the_accuracies_are_those_of_the_kept_runs(workspace, folder):
    kept, found = (space.runs(NORMAL)[NORMAL] for space in (workspace, open_published(folder)))
    pd.testing.assert_frame_equal(pool(kept), pool(found))


def test_a_published_workspace_knows_what_the_corpus_says(workspace, folder):
    published = open_published(folder)
    assert published.profile == workspace.profile == read_profile(folder)
    assert published.genres == workspace.genres
    pd.testing.assert_frame_equal(published.corpus, workspace.corpus.drop(columns="path"))
    pd.testing.assert_frame_equal(published.store.tracks, workspace.store.tracks)
    for mine, theirs in zip(workspace.faults, published.faults, strict=True):
        # If no pair was found, a column of texts has no type of its own.
        pd.testing.assert_frame_equal(mine, theirs, check_dtype=False)
        assert theirs["verdict"].dtype == bool
    assert published.planned() == workspace.planned()


def test_what_was_derived_is_read_and_not_computed(folder):
    published = open_published(folder)
    computed = []
    levels = published.derived("levels", lambda: computed.append(1))
    assert levels["level"][0] == 0.1 + 0.2
    assert np.isnan(levels["level"][1])
    assert published.derived("picture", plt.figure).startswith(b"\x89PNG")
    assert not computed
    with pytest.raises(PublicationError, match="'loudness' was not published"):
        published.derived("loudness", plt.figure)


def test_there_are_no_samples(folder):
    published = open_published(folder)
    assert not published.has_audio
    with pytest.raises(PublicationError, match="published results contain no audio"):
        published.samples(published.tracks["track_id"][0])


def test_a_gap_is_marked_and_not_trained(folder):
    published = open_published(folder)
    runs = published.runs()
    lacking = [phase.name for phase, found in runs.items() if not found]
    assert lacking == ["l2-0.01", "accumulation"]
    gaps = premises.on_gaps(published.profile, runs)
    assert "l2-0.01 (none of 1 done), accumulation (none of 1 done)" in gaps
    assert "normal" not in gaps
    assert str(accuracy(pool(runs[max(runs, key=lambda phase: phase.accumulates)]))) == "no run"


def test_a_reader_learns_where_the_results_are_from(folder):
    published = open_published(folder)
    assert "published results in results: runs of the profile tiny on 14 tracks" in published.notice
    origin = dict(published.origin)
    assert origin["Commit of the runs"] == "0123456789"
    assert origin["Machine of the runs"] == "Linux"
    assert origin["Versions of the runs"] == "keras 3.0"
    assert str(folder.parent) not in str(origin)


@pytest.mark.parametrize("name", ["corpus.csv", "predictions.npz", "run.json", "levels.csv"])
def test_a_damaged_file_is_named(folder, name):
    path = next(folder.rglob(name))
    path.write_bytes(path.read_bytes()[:-1] + b"#")
    with pytest.raises(PublicationError, match=f"{name}: is not the file that was published"):
        open_published(folder)


def test_a_file_that_is_not_there_is_named(folder):
    next(folder.rglob("history.csv")).unlink()
    with pytest.raises(PublicationError, match=r"history.csv: was published, but cannot be read"):
        open_published(folder)


def test_a_foreign_file_is_named(folder):
    (next(folder.rglob("history.csv")).parent / "model.keras").write_bytes(b"whose?")
    with pytest.raises(PublicationError, match=r"model.keras: was not published with these"):
        open_published(folder)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda facts: facts.clear(), "not recognised"),
        (lambda facts: facts.update(format=99), "its format is 99"),
        (lambda facts: facts.update(profile=[]), "does not know its profile"),
        (lambda facts: facts["profile"].update(depth=3), "does not know its profile"),
        (lambda facts: facts["profile"].update(width=0.5), "from another version"),
    ],
)
def test_a_description_of_something_else_is_refused(folder, change, expected):
    path = folder / "results.json"
    facts = json.loads(path.read_text())
    change(facts)
    path.write_text(json.dumps(facts))
    with pytest.raises(PublicationError, match=expected):
        open_published(folder)


def test_a_folder_without_results_is_refused(tmp_path):
    for read in (open_published, read_profile):
        with pytest.raises(PublicationError, match=r"results.json: no such file"):
            read(tmp_path)
