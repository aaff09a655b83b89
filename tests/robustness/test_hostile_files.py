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
import numpy as np
import pytest
import soundfile
from tones import TINY, write_tone

from genre_lib.binding import bind, run_notebooks
from genre_lib.binding.report import describe
from genre_lib.corpus import build_store, load_corpus
from genre_lib.experiment import ACCUMULATION, NORMAL, KeptRuns, Run, load_network
from genre_lib.experiment.models import build_model
from genre_lib.files import ROOT
from genre_lib.waveform import SAMPLE_RATE
from genre_lib.workspace import Workspace

RUN = Run(TINY, NORMAL, 0)

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
    for genre, base in zip(GENRES, (200, 2000), strict=True):
        for number, name in enumerate(TRACKS):
            write_tone(home / "corpus" / genre / f"{name}.wav", 3.0, base + 30 * number)
        (home / "corpus" / genre / "<b>broken.wav").write_text("no sound")
    noise = np.random.default_rng(0).normal(scale=0.1, size=3 * SAMPLE_RATE)
    for genre, name in zip(GENRES, ("<u>one$y$", "<u>two$y$"), strict=True):
        soundfile.write(home / "corpus" / genre / f"{name}.wav", noise, SAMPLE_RATE)
    notebook = home / "01.ipynb"
    jupytext.write(jupytext.read(ROOT / "notebooks/01_data_exploration.py"), notebook)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENRE_HOME", str(home))
        choices = {"profile": "smoke", "data": str(home / "corpus")}
        executed = run_notebooks([notebook], home / "out", choices)
    options = {"title": "Names", "subtitle": "", "authors": [], "date": "", "provenance": []}
    return bind(executed, home / "out", template_dir=ROOT / "report", **options)


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


def test_the_provenance_of_a_report_tells_no_home_no_host_and_no_secret(
    tone_folder, tmp_path, monkeypatch
):
    home = tmp_path / "jane"
    shutil.copytree(tone_folder, home / "music")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SERVICE_TOKEN", "s3cret")
    corpus = load_corpus(home / "music", min_samples=TINY.window, progress=False)
    store = build_store(corpus, home / "cache", progress=False)
    small = dataclasses.replace(TINY, protocols=("original",), l2_lambdas=(), variants=())
    workspace = Workspace(
        small, "corpus music", False, corpus, store, home / "runs", home / "cache"
    )
    reason = workspace.kept.attempt(Run(small, NORMAL, 0), (home / "gone").read_text)
    assert reason == "FileNotFoundError: [Errno 2] No such file or directory: '~/gone'"
    told = "\n".join(f"{name}: {value}" for name, value in describe(workspace, "a second"))
    assert reason in told
    for private in ("jane", "s3cret", str(Path.cwd()), socket.gethostname(), platform.node()):
        assert private not in told


def test_a_network_of_this_project_is_loaded(kept, parts):
    model = build_model(Run(TINY, ACCUMULATION, 0), 3)
    kept.save(RUN, **parts | {"save_model": model.save})
    loaded = load_network(kept.load(RUN))
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
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    config = json.loads(parts["config.json"])
    call = {"module": "os", "class_name": "system", "registered_name": None}
    config["config"]["layers"][1] |= call | {"config": {"command": f"touch {witness}"}}
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, part in parts.items():
            file.writestr(name, part)


def damaged(path, witness):
    with_a_command(path, witness)
    path.write_bytes(path.read_bytes()[:500])


@pytest.mark.parametrize("make", [with_lambda, with_a_command, damaged])
def test_a_network_that_would_run_code_or_is_damaged_is_refused_with_an_explanation(
    make, kept, parts, tmp_path
):
    witness = tmp_path / "executed"
    kept.save(RUN, **parts | {"save_model": lambda path: make(path, str(witness))})
    expected = r"model.keras: was not loaded .* never run.* repeat the run"
    with pytest.raises(ValueError, match=expected):
        load_network(kept.load(RUN))
    assert not witness.exists()


def test_the_network_of_a_published_run_is_said_to_be_missing(kept, parts, tmp_path):
    kept.save(RUN, **parts)
    published = KeptRuns(tmp_path / "published", "corpus")
    kept.copy_without_weights(RUN, published)
    with pytest.raises(ValueError, match=r"model.keras: was not loaded .* repeat the run"):
        load_network(published.load(RUN))


def test_arrays_that_would_run_code_are_not_read(kept, parts, tmp_path):
    class Evil:
        def __reduce__(self):
            return ((tmp_path / "executed").touch, ())

    kept.save(RUN, **parts | {"probabilities": np.array([Evil(), Evil()])})
    assert kept.load(RUN) is None
    assert not (tmp_path / "executed").exists()
