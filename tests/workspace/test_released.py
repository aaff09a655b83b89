"""Released networks lie in published results with all they need; those of the repository work."""

import json
import shutil
import zipfile

import keras
import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from genre_lib.__main__ import main
from genre_lib.files import ROOT, checksum
from genre_lib.results import model_cards
from genre_lib.workspace import PublicationError, classify, open_network, open_published, publish
from genre_lib.workspace import released as module

PUBLISHED = sorted((ROOT / "report" / "published").glob("*/networks/*"))
TOLERANCE = 1e-3  # of a probability; machines and versions of libraries round differently


@pytest.fixture
def copied(released, tmp_path):
    """The folder of a released network, to be changed."""
    shutil.copytree(released.parents[1], tmp_path / "report" / "published" / "copied")
    return tmp_path / "report" / "published" / "copied" / "networks" / released.name


def change(path, **facts):
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


def test_a_released_network_knows_what_a_prediction_needs(released):
    network = open_network(released)
    assert network.genres == ("high", "low")
    assert (network.window, network.hop) == (59_049, 14_762)
    assert sorted(path.name for path in released.iterdir()) == [
        "README.md",
        "config.json",
        "model.keras",
    ]
    assert open_network(released) is network


def test_it_comes_without_the_state_of_its_optimizer(released):
    assert getattr(keras.saving.load_model(released / "model.keras"), "optimizer", None) is None


def test_settings_of_layers_that_another_version_of_keras_knows_do_no_harm(released, copied):
    path = copied / "model.keras"
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    settings = json.loads(parts["config.json"])
    for layer in settings["config"]["layers"]:
        layer["config"]["of_another_version"] = True
    with zipfile.ZipFile(path, "w") as file:
        for name, part in (parts | {"config.json": json.dumps(settings)}).items():
            file.writestr(name, part)
    change(copied / "config.json", sha256=checksum(path))
    weights = open_network(copied).model.get_weights()
    expected = keras.saving.load_model(released / "model.keras").get_weights()
    assert all(map(np.array_equal, weights, expected))


def test_a_folder_with_networks_is_opened_and_what_is_damaged_or_foreign_is_named(copied):
    folder = copied.parents[1]
    assert open_published(folder).genres == ["high", "low"]
    (copied / "more.bin").write_bytes(b"whose?")
    with pytest.raises(PublicationError, match=r"more.bin: was not published with these"):
        open_published(folder)
    (copied / "more.bin").unlink()
    (copied / "README.md").write_text("another card")
    with pytest.raises(PublicationError, match=r"README.md: is not the file that was published"):
        open_published(folder)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda folder: (folder / "model.keras").write_bytes(b"x"), "keras: is not the file that"),
        (lambda folder: (folder / "model.keras").unlink(), "model.keras: no such file"),
        (lambda folder: (folder / "config.json").unlink(), "config.json: no such file"),
        (lambda folder: (folder / "config.json").write_text("{}"), "config.json: not recognised"),
        (lambda folder: change(folder / "config.json", sample_rate=16_000), "reads 16000 samples"),
    ],
)
def test_what_is_wrong_with_a_network_is_said(damage, expected, copied):
    damage(copied)
    with pytest.raises(PublicationError, match=expected):
        open_network(copied)


def test_by_default_it_is_the_first_one_with_the_most_genres_of_real_music(
    copied, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "ROOT", tmp_path)
    assert module.find_network() == copied
    place = copied.parents[2]
    for name, corpus in {
        "more": {"is_demo": False, "genres": ["a", "b", "c"]},
        "synthetic": {"is_demo": True, "genres": ["a", "b", "c", "d"]},
    }.items():
        shutil.copytree(place / "copied", place / name)
        change(place / name / "results.json", corpus=corpus, networks=["first", "second"])
    assert module.find_network() == place / "more" / "networks" / "first"
    shutil.rmtree(place)
    with pytest.raises(PublicationError, match="no released network found"):
        module.find_network()


def test_only_the_network_of_a_kept_run_is_released(workspace, tmp_path):
    with pytest.raises(ValueError, match=r"accumulation-rotation-0-seed-0: no network .*normal-ro"):
        model_cards(workspace, ["accumulation-rotation-0-seed-0"])
    cards = model_cards(workspace, ["normal-rotation-0-seed-0"])
    with pytest.raises(ValueError, match=r"model.keras: was not loaded"):  # its weights are none
        publish(workspace, tmp_path / "results", cards)
    assert not (tmp_path / "results").exists()


def test_results_that_are_published_again_keep_their_networks(copied, networked, monkeypatch):
    monkeypatch.setattr("genre_lib.workspace.open_workspace", lambda *_: networked)
    call = ["publish", "--out", str(copied.parents[1])]
    before, files = copied.stat().st_ino, {path: path.read_bytes() for path in copied.iterdir()}
    assert CliRunner().invoke(main, call).exit_code == 0
    assert copied.stat().st_ino != before
    assert {path: path.read_bytes() for path in copied.iterdir()} == files
    refused = CliRunner().invoke(main, [*call, "--release", "nothing"])
    assert refused.exit_code == 1
    assert "nothing: no network of this name is kept" in refused.output


@pytest.fixture(params=PUBLISHED or [None], ids=lambda folder: folder and folder.name)
def network(request):
    """A network in report/published."""
    if request.param is None:
        pytest.skip("no network is released in report/published yet")
    return open_network(request.param)


@pytest.fixture
def result(network):
    """The published run whose network it is."""
    workspace = open_published(network.folder.parents[1])
    kept = workspace.kept.load_all(workspace.planned())
    return next(kept[run] for run in kept if run.slug == network.folder.name)


def test_it_is_listed_and_together_they_are_small(network):
    folder = network.folder.parents[1]
    facts = json.loads((folder / "results.json").read_text())
    assert network.folder.name in facts["networks"]
    assert list(network.genres) == facts["corpus"]["genres"]
    sizes = [path.stat().st_size for place in PUBLISHED for path in place.iterdir()]
    assert sum(sizes) < 5e6


def test_its_card_says_what_its_results_say(network):
    workspace = open_published(network.folder.parents[1])
    (card,) = model_cards(workspace, [network.folder.name]).values()
    told = (network.folder / "README.md").read_text(encoding="utf-8")
    heads = [next(yaml.safe_load_all(text.split("\n---\n")[0])) for text in (told, card)]
    assert heads[0] == heads[1]


def test_its_predictions_are_those_that_were_published_with_it(network, result, gtzan_four):
    segments, probabilities = result.predictions("test")
    chosen = segments["track_id"].drop_duplicates()
    chosen = chosen.iloc[np.linspace(0, len(chosen) - 1, 20).astype(int)]
    for track_id in chosen:
        published = probabilities[segments["track_id"] == track_id]
        path = gtzan_four / "genres" / track_id.split(".")[0] / f"{track_id}.ogg"
        found = classify(path, network)
        np.testing.assert_allclose(found.table, published, atol=TOLERANCE)
        assert found.genre == network.genres[published.mean(axis=0).argmax()]
