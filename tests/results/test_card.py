"""A model card says what the published results say."""

import pytest
import yaml

from genre_lib.experiment import divide
from genre_lib.files import ROOT
from genre_lib.results import accuracy, model_cards, pool
from genre_lib.workspace import open_published

NAME = "normal-rotation-0-seed-0"


@pytest.fixture(scope="module")
def workspace():
    return open_published(ROOT / "report" / "published" / "gtzan_four")


@pytest.fixture(scope="module")
def scores(workspace):
    kept = workspace.kept.load_all(workspace.planned())
    return pool([result for run, result in kept.items() if run.slug == NAME])


@pytest.fixture(scope="module")
def card(workspace):
    (card,) = model_cards(workspace, [NAME]).values()
    return card


def test_its_head_is_that_of_the_hugging_face_hub(card, scores):
    head = yaml.safe_load(card.split("---\n")[1])
    assert head["license"] == "mit"
    assert head["datasets"] == ["marsyas/gtzan"]
    (index,) = head["model-index"]
    every, apart = index["results"]
    assert {"task", "dataset", "metrics"} <= set(every)
    found = {m["name"].partition(" (")[0]: m["value"] for m in every["metrics"]}
    assert found["Accuracy of tracks"] == round(scores["correct"].mean(), 4)
    low, high = accuracy(scores)[1:]
    assert f"95% interval {low:.3f} to {high:.3f}" in every["metrics"][0]["name"]
    assert apart["metrics"][0]["value"] < found["Accuracy of tracks"]


def test_tracks_of_artists_in_training_are_set_apart(card, workspace, scores):
    # Counted here in another way: by the partition of each track.
    parts = divide(workspace.annotated)
    tracks = workspace.annotated.assign(part=workspace.annotated["track_id"].map(parts))
    train, test = (tracks[tracks["part"] == part] for part in (0, 2))
    heard = {*train["artist"].dropna()}
    groups = {*train["repetition_group"].dropna()}
    apart = [
        row.track_id
        for row in test.itertuples()
        if isinstance(row.artist, str) and row.artist not in heard
        if row.repetition_group not in groups
    ]  # fmt: skip
    assert len(test) == len(scores) > len(apart) > 5
    found = accuracy(scores[scores["track_id"].isin(apart)])
    cells = [[cell.strip() for cell in line.split("|")] for line in card.splitlines()]
    (row,) = (
        row for row in cells if "this network, known artists that it was not trained on" in row
    )
    assert row[3].replace("\\", "") == str(found)
    assert row[4] == str(len(apart))


def test_its_text_says_how_it_was_made_and_what_it_cannot_do(card):
    text = card.replace("\\_", "_")
    for said in (
        "one of 4 genres: blues, classical, country and metal",
        "400 tracks of the corpus gtzan_four. In rotation 1, 67 tracks train, 67 validate and 67",
        "Protocol *original*: every track takes part",
        "1/16 of the original's filters",
        "normal, original protocol, 6 networks",
        "normal, artist filtered, 6 networks",
        "the expected calibration error is 0.",
        "A song of any other genre is given one of these names, too.",
        "GTZAN has no licence",
    ):
        assert said in text, said
    assert "{" not in card
