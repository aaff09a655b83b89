"""What a file is called, or brings along, is shown or refused, and never executed."""

import dataclasses
import html
import json
import platform
import re
import shutil
import socket
import zipfile
from pathlib import Path

import jupytext
import nbclient
import numpy as np
import pytest
import soundfile
from tones import write_tone

from genre_lib.binding.markdown import bind
from genre_lib.binding.report import describe
from genre_lib.corpus.audio import SAMPLE_RATE
from genre_lib.corpus.store import build_store
from genre_lib.corpus.tracks import load_corpus
from genre_lib.experiment.kept import attempt, failed_runs
from genre_lib.experiment.phases import NORMAL
from genre_lib.experiment.profiles import SMOKE
from genre_lib.experiment.runs import Run
from genre_lib.workspace.workspace import Workspace

ROOT = Path(__file__).parents[1]
GENRES = ("<img src=x onerror=alert(1)>", r"$\frac{a$ {{ 7 * 7 }} | # no heading")
TRACKS = (
    "<script>alert(2)<",
    "{{ 7 * 7 }} {% raw %}",
    "$x^2$ #panic()",
    "*a* _b_ `c` | d",
    "[e](javascript:f) ![g](h)",
    "<!--html-output:0--> -- ...",
)


@pytest.fixture(scope="module")
def hostile_report(tmp_path_factory):
    """The page of the first notebook on a corpus with such names, and the PDF."""
    home = tmp_path_factory.mktemp("hostile")
    # What is measured beforehand is read from there; the notebook runs as it stands.
    (home / "report").symlink_to(ROOT / "report")
    for genre, base in zip(GENRES, (200, 2000), strict=True):
        for number, name in enumerate(TRACKS):
            write_tone(home / "corpus" / genre / f"{name}.wav", 3.0, base + 30 * number)
        (home / "corpus" / genre / "<b>broken.wav").write_text("no sound")
    noise = np.random.default_rng(0).normal(scale=0.1, size=3 * SAMPLE_RATE)
    for genre, name in zip(GENRES, ("<u>one$y$", "<u>two$y$"), strict=True):
        soundfile.write(home / "corpus" / genre / f"{name}.wav", noise, SAMPLE_RATE)
    notebook = jupytext.read(ROOT / "notebooks/01_data_exploration.py")
    (parameters,) = (c for c in notebook.cells if "parameters" in c.metadata.get("tags", []))
    parameters.source = (
        f"profile, data, home, results = 'smoke', {str(home / 'corpus')!r}, {str(home)!r}, ''"
    )
    work = {"metadata": {"path": str(ROOT / "notebooks")}}
    client = nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources=work)
    client.execute()
    jupytext.write(notebook, home / "01.ipynb")
    options = {"title": "Names", "subtitle": "", "authors": [], "date": "", "provenance": []}
    return bind([home / "01.ipynb"], home / "out", template_dir=ROOT / "report", **options)


def test_names_are_shown_in_the_page_and_never_executed(hostile_report):
    page = hostile_report[0].read_text(encoding="utf-8")
    markup = re.sub(r'(src|alt|aria-label)="[^"]*"', "", page[page.index("<body") :])
    for tag in ("<script", "<img src=x", "<u>", "<b>broken"):
        assert tag not in markup
    assert "javascript:" not in "".join(re.findall(r'href="[^"]*"', page))
    text = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())
    for name in GENRES:
        assert name in text
    for genre in GENRES:
        assert f"{genre}/<b>broken.wav" in text  # the table of what is left out
        assert f"the loudest genre is {genre}" in text or f"the softest {genre}" in text
    assert f"{GENRES[0]}.<u>one$y$" in text  # the table of repetitions, and the players
    assert hostile_report[1].read_bytes().startswith(b"%PDF")


TINY = dataclasses.replace(
    SMOKE, n_partitions=3, rotations=1, protocols=("original",), l2_lambdas=(), variants=()
)


def test_the_provenance_of_a_report_tells_no_home_no_host_and_no_secret(
    tone_corpus, tmp_path, monkeypatch
):
    home = tmp_path / "jane"
    shutil.copytree(tone_corpus, home / "music")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SERVICE_TOKEN", "s3cret")
    corpus = load_corpus(home / "music", min_samples=TINY.window, progress=False)
    store = build_store(corpus, home / "cache", progress=False)
    workspace = Workspace(TINY, "corpus music", False, corpus, store, home / "runs", home / "cache")
    run = Run(TINY, NORMAL, 0)
    attempt((home / "gone").read_text, run.folder(home / "runs", store.fingerprint))
    (reason,) = failed_runs([run], home / "runs", store.fingerprint)["reason"]
    assert reason == "FileNotFoundError: [Errno 2] No such file or directory: '~/gone'"
    told = "\n".join(f"{name}: {value}" for name, value in describe(workspace, "a second"))
    assert reason in told
    for private in ("jane", "s3cret", str(Path.cwd()), socket.gethostname(), platform.node()):
        assert private not in told


# --- Networks -------------------------------------------------------------------------------------


@dataclasses.dataclass
class Kept:
    """As much of a kept run as is needed here: its folder."""

    folder: Path


def rewritten(path, change):
    """Change the configuration in the file of a network."""
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    parts["config.json"] = json.dumps(change(json.loads(parts["config.json"]))).encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, part in parts.items():
            file.writestr(name, part)


def test_a_network_of_this_project_is_loaded(tmp_path):
    from genre_lib.experiment.kept import load_network
    from genre_lib.experiment.models import build_model
    from genre_lib.experiment.phases import ACCUMULATION

    model = build_model(Run(TINY, ACCUMULATION, 0), 3)
    model.save(tmp_path / "model.keras")
    loaded = load_network(Kept(tmp_path))
    assert type(loaded) is type(model)
    for before, after in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def with_lambda(path, witness):
    import keras

    inputs = keras.Input((3,))
    outputs = keras.layers.Lambda(lambda x: (open(witness, "w"), x)[1])(inputs)  # noqa: PTH123, SIM115
    keras.Model(inputs, outputs).save(path)
    Path(witness).unlink(missing_ok=True)


def with_a_command(path, witness):
    import keras

    keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(path)

    def change(config):
        call = {"module": "os", "class_name": "system", "registered_name": None}
        config["config"]["layers"][1] |= call | {"config": {"command": f"touch {witness}"}}
        return config

    rewritten(path, change)


def damaged(path, witness):
    with_a_command(path, witness)
    path.write_bytes(path.read_bytes()[:500])


def absent(path, witness):
    pass


@pytest.mark.parametrize("make", [with_lambda, with_a_command, damaged, absent])
def test_a_network_that_would_run_code_or_is_damaged_is_refused_with_an_explanation(tmp_path, make):
    from genre_lib.experiment.kept import load_network

    make(tmp_path / "model.keras", str(tmp_path / "executed"))
    with pytest.raises(ValueError, match=r"model.keras: is not loaded .* never run.* made anew"):
        load_network(Kept(tmp_path))
    assert not (tmp_path / "executed").exists()
