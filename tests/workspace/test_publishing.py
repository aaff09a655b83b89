import dataclasses
import json
import shutil

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from genre_lib.binding.report import make_report
from genre_lib.corpus.audio import AUDIO_SUFFIXES
from genre_lib.experiment.kept import attempt, load_run, save_run
from genre_lib.experiment.phases import ACCUMULATION, NORMAL, l2_phase
from genre_lib.experiment.profiles import SMOKE
from genre_lib.results import findings, scoring, statistics
from genre_lib.workspace.derived import keep_derived, read_derived, read_table, write_table
from genre_lib.workspace.opening import open_workspace
from genre_lib.workspace.published import open_published, read_profile
from genre_lib.workspace.publishing import PublicationError, publish

TINY = dataclasses.replace(SMOKE, n_partitions=3, max_segments=1, l2_lambdas=(0.01, 0.001))
FAILED, NEVER = l2_phase(0.01), ACCUMULATION


def keep(run, workspace):
    """Keep a run with drawn probabilities: what is published is not what a network has learnt."""
    segments = workspace.store.segments(window=TINY.window, max_segments=TINY.max_segments)
    segments = segments.assign(split=np.where(segments.index % 2, "test", "valid"))
    drawn = np.random.default_rng(run.rotation).random((len(segments), 2), dtype=np.float32)
    facts = {
        "rotation": run.rotation,
        "seed": run.seed,
        "seconds": 36.0,
        "commit": "0123456789",
        "machine": {"system": "Linux"},
        "versions": {"keras": "3.0"},
    }
    columns = ("loss", "accuracy", "val_loss", "val_accuracy", "seconds")
    history = pd.DataFrame({"epoch": [1], **dict.fromkeys(columns, 0.5)})
    save_run(
        run.folder(workspace.runs_dir, workspace.store.fingerprint),
        facts,
        history,
        segments[["split", "track_id", "segment", "label"]],
        drawn / drawn.sum(axis=1, keepdims=True),
        lambda path: path.write_bytes(b"weights"),
    )


@pytest.fixture(scope="module")
def workspace(tone_corpus, tmp_path_factory):
    """A plan in which a phase has failed, another was never run, and the rest is kept."""
    data = tmp_path_factory.mktemp("music")
    shutil.copytree(tone_corpus, data, dirs_exist_ok=True)
    (data / "high" / "broken.wav").write_bytes(b"no audio")
    workspace = open_workspace(TINY, data, tmp_path_factory.mktemp("home"))
    for run in workspace.planned():
        if run.phase not in (FAILED, NEVER):
            keep(run, workspace)

    def fail():
        raise OSError(28, "No space left on device", str(data))

    (failing,) = [run for run in workspace.planned() if run.phase == FAILED]
    attempt(fail, failing.folder(workspace.runs_dir, workspace.store.fingerprint))
    workspace.derived("levels", lambda: pd.DataFrame({"level": [0.1 + 0.2, np.nan]}))
    workspace.derived("picture", lambda: plt.figure(figsize=(1, 1)))
    return workspace


@pytest.fixture
def folder(workspace, tmp_path):
    publish(workspace, tmp_path / "results")
    return tmp_path / "results"


def files_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_accuracies_are_those_of_the_kept_runs(workspace, folder):
    published = open_published(folder)
    kept = workspace.runs(NORMAL)[NORMAL]
    found = published.runs(NORMAL)[NORMAL]
    assert len(found) == TINY.rotations
    for mine, theirs in zip(kept, found, strict=True):
        np.testing.assert_array_equal(mine.probabilities, theirs.probabilities)
    pd.testing.assert_frame_equal(scoring.pool(kept), scoring.pool(found))


def test_a_published_workspace_knows_what_the_corpus_says(workspace, folder):
    published = open_published(folder)
    assert published.profile == TINY == read_profile(folder)
    assert published.genres == workspace.genres
    pd.testing.assert_frame_equal(published.corpus, workspace.corpus.drop(columns="path"))
    pd.testing.assert_frame_equal(published.store.tracks, workspace.store.tracks)
    for mine, theirs in zip(workspace.faults, published.faults, strict=True):
        # Where no pair was found, a column of texts has no type of its own.
        pd.testing.assert_frame_equal(mine, theirs, check_dtype=False)
        assert theirs["verdict"].dtype == bool
    assert published.planned() == workspace.planned()


def test_neither_audio_nor_weights_nor_paths_are_published(workspace, folder):
    data = workspace.corpus["path"].iloc[0].rsplit("/", 2)[0]
    for path in files_in(folder):
        assert path.suffix.lower() not in {*AUDIO_SUFFIXES, ".keras", ".npy"}
        content = path.read_bytes()
        assert data.encode() not in content, path
        assert str(workspace.runs_dir.parent).encode() not in content, path
        assert content != b"weights"


def test_what_was_derived_is_read_and_not_computed(workspace, folder):
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
    with pytest.raises(PublicationError, match="no audio in published results"):
        published.samples(published.tracks["track_id"][0])


def test_a_gap_is_marked(workspace, folder):
    published = open_published(folder)
    runs = published.runs()
    assert runs[FAILED] == runs[NEVER] == []
    gaps = findings.on_gaps(published.profile, runs)
    assert "l2-0.01 (no run of 1), accumulation (no run of 1)" in gaps
    assert "normal" not in gaps
    assert str(statistics.accuracy(scoring.pool(runs[NEVER]))) == "no run"
    counts = json.loads((folder / "results.json").read_text())["runs"]
    assert counts == {"planned": len(workspace.planned()), "kept": counts["kept"], "failed": 1}
    assert counts["kept"] == counts["planned"] - 2


def test_the_same_results_are_the_same_files(workspace, folder, tmp_path):
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
    with pytest.raises(PublicationError, match="holds something else"):
        publish(workspace, tmp_path)
    assert files_in(tmp_path) == [tmp_path / "thesis.txt"]


@pytest.mark.parametrize("name", ["corpus.csv", "predictions.npz", "run.json", "levels.csv"])
def test_a_damaged_file_is_named(folder, name):
    path = next(folder.rglob(name))
    path.write_bytes(path.read_bytes()[:-1] + b"#")
    with pytest.raises(PublicationError, match=f"{name}: is not the file that was published"):
        open_published(folder)


def test_a_file_that_is_not_there_is_named(folder):
    next(folder.rglob("history.csv")).unlink()
    with pytest.raises(PublicationError, match=r"history.csv: was published and cannot be read"):
        open_published(folder)


def test_a_foreign_file_is_named(folder):
    (next(folder.rglob("history.csv")).parent / "model.keras").write_bytes(b"whose?")
    with pytest.raises(PublicationError, match=r"model.keras: was not published with these"):
        open_published(folder)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda facts: facts.clear(), "something else"),
        (lambda facts: facts.update(format=99), "its format is 99"),
        (lambda facts: facts["profile"].update(depth=3), "its profile is none"),
        (lambda facts: facts["profile"].update(width=0.5), "of another version"),
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
    with pytest.raises(PublicationError, match=r"results.json: is not there"):
        open_workspace(results=tmp_path)


def test_data_and_results_contradict_each_other(folder, tmp_path):
    with pytest.raises(ValueError, match="expected one of them"):
        open_workspace(data=tmp_path, results=folder)


def test_another_profile_than_that_of_the_results_is_refused(folder, tmp_path):
    with pytest.raises(ValueError, match=r"'paper': the results in .* are of the profile 'smoke'"):
        make_report("paper", out=tmp_path / "out", results=folder)


def test_results_without_a_report_or_a_run_are_not_published(tone_corpus, tmp_path):
    workspace = open_workspace(TINY, tone_corpus, tmp_path)
    with pytest.raises(PublicationError, match="no run of the profile smoke"):
        publish(workspace, tmp_path / "results")
    keep(workspace.planned()[0], workspace)
    with pytest.raises(PublicationError, match="no derived facts"):
        publish(workspace, tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_a_published_run_is_whole_without_its_weights(folder):
    run = open_published(folder).runs(NORMAL)[NORMAL][0]
    assert load_run(run.folder) is not None
    assert not (run.folder / "model.keras").exists()


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"track_id": ["1960.1", "1960.10"], "genre": ["1960", "1960"], "x": [1, 2]}),
        pd.DataFrame({"group": ["", np.nan, "NA"], "verdict": [True, False, True]}),
        pd.DataFrame({"file": ['a,b"\n', "ü", "x"], "level": [1 / 3, 1e-300, np.nan]}),
        pd.DataFrame({"verdict": [True], "offset_s": [0.5]}).iloc[:0],
    ],
    ids=["digits", "missing", "strange", "empty"],
)
def test_a_table_comes_back_as_it_was(table, tmp_path):
    write_table(table, tmp_path / "table.csv")
    pd.testing.assert_frame_equal(read_table(tmp_path / "table.csv"), table)


def test_what_is_kept_under_a_name_replaces_what_was(tmp_path):
    for number in (1, 2):
        keep_derived(tmp_path, "facts", pd.DataFrame({"number": [number]}))
    assert read_derived(tmp_path, "facts")["number"].tolist() == [2]
    with pytest.raises(ValueError, match="expected a name"):
        keep_derived(tmp_path, "../facts", pd.DataFrame())


def test_a_phase_whose_runs_all_fail_is_empty_where_another_is_there(
    workspace, tone_corpus, tmp_path, monkeypatch
):
    from genre_lib.experiment.scheduling import RunError

    def no_room(run, n_classes):
        raise MemoryError("no room for the network")

    monkeypatch.setattr(experiment, "build_model", no_room)
    with pytest.warns(UserWarning, match="no room for the network"):
        found = workspace.runs(NORMAL, FAILED)
    assert (len(found[NORMAL]), found[FAILED]) == (TINY.rotations, [])
    with pytest.warns(UserWarning, match="no room for the network"):
        assert workspace.runs(FAILED) == {FAILED: []}
    with pytest.warns(UserWarning), pytest.raises(RunError, match="no room"):
        open_workspace(TINY, tone_corpus, tmp_path).runs(FAILED)
