"""Every folder is refused in words, or each of its tracks has its status; nothing is half done."""

import contextlib
import dataclasses
import os
import re
import shutil
import tempfile
from pathlib import Path

import pytest
import soundfile
from click.testing import CliRunner
from tones import write_tone

from genre_lib.__main__ import main
from genre_lib.corpus import CorpusError, build_store, fingerprint, load_corpus, usable
from genre_lib.experiment import PAPER, SMOKE
from genre_lib.faults import check_corpus
from genre_lib.waveform import SAMPLE_RATE
from genre_lib.workspace import open_workspace


def tracks(*names, genre="rock", frequency=200):
    """Write these files into a genre, each another tone."""

    def write(folder):
        for number, name in enumerate(names):
            write_tone(folder / genre / name, 3.0, frequency + 10 * number)

    return write


def all_of(*writes):
    return lambda folder: [write(folder) for write in writes]


def genres(**sizes):
    return all_of(
        *(
            tracks(*(f"{number}.wav" for number in range(size)), genre=genre, frequency=200 * place)
            for place, (genre, size) in enumerate(sizes.items(), start=1)
        )
    )


def text(*names):
    def write(folder):
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("no sound")

    return write


def linked(name, target):
    def write(folder):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(target)

    return write


def pipe(name):
    return lambda folder: os.mkfifo(folder / name)


def in_bytes(folder_name, name):
    """Write a track under names that are no UTF-8."""

    def write(folder):
        place = os.path.join(os.fsencode(folder), folder_name)  # noqa: PTH118
        os.mkdir(place)  # noqa: PTH102
        write_tone(folder / "sound.wav", 3.0, 200)
        shutil.move(folder / "sound.wav", os.path.join(place, name))  # noqa: PTH118

    return write


# name: how it is made, and what is in the message of the refusal, or the status of each track.
FOLDERS = {
    "empty": (all_of(), "no genre folder .* Expected genres/<genre>/"),
    "only other files": (text("rock/a.txt", "rock/b.pdf"), "no genre folder"),
    "the audio itself": (tracks("a.wav", genre="."), "give the folder above it"),
    "folders of folders of folders": (
        tracks("a.wav", genre="x/y/z/rock"),
        {"rock.a": "ok"},
    ),
    "a link to itself": (linked("rock", "rock"), "no genre folder"),
    "a link to the folder in itself": (
        all_of(tracks("a.wav"), linked("rock/all", ".."), linked("again", ".")),
        {"rock.a": "ok"},
    ),
    "files that link to themselves or to nothing": (
        all_of(tracks("a.wav"), linked("rock/b.wav", "b.wav"), linked("rock/c.wav", "gone.wav")),
        {"rock.a": "ok", "rock.b": "undecodable", "rock.c": "undecodable"},
    ),
    "a folder and a pipe that are called like sounds": (
        all_of(tracks("a.wav"), tracks("x.txt.wav", genre="rock/b.wav"), pipe("rock/c.wav")),
        {"rock.a": "ok", "rock.b.wav/x.txt": "ok", "rock.c": "undecodable"},
    ),
    "spaces": (tracks(" a b .wav", genre="drum and bass"), {"drum and bass. a b ": "ok"}),
    "other alphabets": (tracks("ż ü 音.wav", genre="рок"), {"рок.ż ü 音": "ok"}),
    "line breaks": (
        tracks("a\nb\r.wav", genre="ro\nck"),
        {r"ro\nck.a\nb\r": "ok"},
    ),
    "no UTF-8": (in_bytes(b"caf\xe9", b"n\xff.wav"), {r"caf\xe9.n\xff": "ok"}),
    "a genre called NA": (tracks("nan.wav", genre="NA"), {"NA.nan": "ok"}),
    "two files of one track": (
        tracks("rock.00000.au", "rock.00000.wav"),
        {"rock.00000": "ok", "rock.00000 again": "second file"},
    ),
    "suffixes in capitals": (tracks("a.WAV", "b.Wav"), {"rock.a": "ok", "rock.b": "ok"}),
    "folders of artists": (
        all_of(
            tracks("a.wav", genre="rock/one"),
            tracks("a.wav", "b.wav", genre="rock/two/live"),
            tracks("a.wav", genre="pop/three"),
        ),
        {"rock.one/a": "ok", "rock.two/live/a": "ok", "rock.two/live/b": "ok", "pop.three/a": "ok"},
    ),
    "a genre one folder deeper than others": (
        all_of(tracks("a.wav"), tracks("a.wav", genre="pop"), tracks("a.wav", genre="jazz/cd1")),
        {"rock.a": "ok", "pop.a": "ok", "jazz.cd1/a": "ok"},
    ),
    "a folder below the only genre": (
        all_of(tracks("a.wav", genre="genres/rock"), tracks("a.wav", genre="genres/rock/live")),
        {"rock.a": "ok", "rock.live/a": "ok"},
    ),
    "Kaggle's other folders": (
        all_of(
            tracks("rock.00000.wav", genre="Data/genres_original/rock"),
            tracks("pop.00000.wav", genre="Data/genres_original/pop"),
            text("Data/images_original/rock/rock00000.png", "Data/features_30_sec.csv"),
        ),
        {"rock.00000": "ok", "pop.00000": "ok"},
    ),
    "train and test": (
        all_of(
            *(
                tracks("a.wav", genre=f"{part}/{genre}")
                for part in ("train", "test")
                for genre in ("pop", "rock")
            )
        ),
        "test, train hold folders with the same names.* give one of them .*/test",
    ),
    "a part that lacks a genre": (
        all_of(
            *(
                tracks("a.wav", genre=f"{place}")
                for place in ("train/pop", "train/rock", "train/jazz", "valid/pop", "valid/rock")
            )
        ),
        "train, valid hold folders with the same names",
    ),
    "a sample beside the genres": (
        all_of(
            *(tracks("a.wav", genre=place) for place in ("genres/pop", "genres/rock", "preview"))
        ),
        "audio in preview, folders with audio in genres.* give .*/genres if it holds the genres",
    ),
    "audio beside the genres": (
        all_of(*(tracks("a.wav", genre=place) for place in (".", "pop", "rock"))),
        "audio lies beside the folders pop, rock.* move it",
    ),
    "formats that are not read": (
        all_of(tracks("a.wav"), text("jazz/a.m4a", "jazz/b.WMA", "rock/b.aac")),
        {"rock.a": "ok", "rock.b": "undecodable", "jazz.a": "undecodable", "jazz.b": "undecodable"},
    ),
    "a genre in two cases": (
        all_of(tracks("Rock.1.wav", genre="Rock"), tracks("rock.2.wav", genre="rock")),
        {"Rock.1": "ok", "Rock.2": "ok"},
    ),
    "a genre in two Unicode forms": (
        all_of(
            tracks("a\u0301.wav", genre="m\u00fasica"), tracks("e\u0301.wav", genre="mu\u0301sica")
        ),
        {"m\u00fasica.\u00e1": "ok", "m\u00fasica.\u00e9": "ok"},
    ),
    "what macOS leaves": (
        all_of(
            tracks("a.wav"),
            text(".DS_Store", "._rock", "rock/.DS_Store", "rock/._a.wav", "__MACOSX/rock/._a.wav"),
        ),
        {"rock.a": "ok"},
    ),
}


@pytest.mark.parametrize(("make", "promised"), FOLDERS.values(), ids=FOLDERS)
def test_a_folder_is_refused_in_words_or_every_track_has_its_status(tmp_path, make, promised):
    folder = tmp_path / "corpus"
    folder.mkdir()
    make(folder)
    if isinstance(promised, str):
        with pytest.raises(CorpusError, match=f"{folder}: .*{promised}"):
            load_corpus(folder, progress=False)
        return
    corpus = load_corpus(folder, min_samples=2 * SAMPLE_RATE, progress=False)
    again = corpus["track_id"] + corpus["track_id"].duplicated().map({True: " again", False: ""})
    assert dict(zip(again, corpus["status"], strict=True)) == promised
    store = build_store(corpus, tmp_path / "cache", progress=False)
    for column in ("track_id", "genre"):
        assert list(store.tracks[column]) == list(usable(corpus)[column])


UNTRAINABLE = {
    "one genre": (genres(rock=4), r"rock is the only genre\. Add another"),
    "genres with one track": (
        genres(pop=1, rock=1),
        r"fewer usable tracks .*: pop \(1\), rock \(1\)\.",
    ),
    "fewer tracks than partitions": (genres(pop=3, rock=2), r"the 3 partitions: rock \(2\)"),
    "a genre of broken files": (
        all_of(genres(pop=6, rock=6), text(*(f"metal/{n}.wav" for n in range(6)))),
        r"metal \(0\)\. .*6 of 18 files are left out: 6 undecodable \(metal/0.wav: ",
    ),
    "tracks that are shorter than the window": (
        all_of(tracks("a.wav", "b.wav", genre="pop"), tracks("a.wav", "b.wav")),
        r"pop \(0\), rock \(0\).*4 too short \(pop/a.wav: 66150 samples, one segment needs 110250",
    ),
}


@pytest.mark.parametrize(("make", "message"), UNTRAINABLE.values(), ids=UNTRAINABLE)
def test_what_cannot_be_trained_on_is_refused_before_a_store_is_made(tmp_path, make, message):
    folder = tmp_path / "corpus"
    make(folder)
    window = PAPER.window if "110250" in message else SMOKE.window
    profile = dataclasses.replace(SMOKE, window=window)
    with pytest.raises(CorpusError, match=f"{folder}: cannot be trained on: .*{message}"):
        open_workspace(profile, folder, tmp_path / "home")
    assert not list((tmp_path / "home").rglob("store-*"))
    assert not (tmp_path / "home/runs").exists()


def one_line(result):
    """Return what a command said when it ended with an error, which has to be one line."""
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    (line,) = str(result.exception).splitlines()
    return line


@pytest.mark.parametrize("name", ["one genre", "genres with one track"])
def test_make_report_says_so_in_one_line(tmp_path, name, monkeypatch):
    monkeypatch.setenv("GENRE_HOME", str(tmp_path / "home"))
    make, message = UNTRAINABLE[name]
    make(tmp_path / "corpus")
    arguments = ["report", "--profile", "smoke", "--data", str(tmp_path / "corpus")]
    line = one_line(CliRunner().invoke(main, [*arguments, "--out", str(tmp_path / "out")]))
    assert re.search(f"^genre_lib report: .*corpus: cannot be trained on: .*{message}", line)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("data", "message"), [("nowhere", "no such folder"), ("file", "a file")])
def test_data_that_is_no_folder_is_told_in_one_line(tmp_path, data, message):
    (tmp_path / "file").write_text("no folder")
    line = one_line(CliRunner().invoke(main, ["report", "--data", str(tmp_path / data)]))
    assert f"{tmp_path / data}: {message}" in line


@contextlib.contextmanager
def without_rights():
    """Be a user whom the rights of files bind, which they do not bind root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def guarded():
    """A corpus of two tracks that everybody can read, in a place that everybody can reach."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        tracks("a.wav", "b.wav")(folder)
        load_corpus(folder, progress=False)  # whatever is imported on the way, is now
        yield folder
        (folder / "rock").chmod(0o755)


def test_a_track_that_may_not_be_read_is_left_out(guarded):
    (guarded / "rock/b.wav").chmod(0)
    with without_rights():
        corpus = load_corpus(guarded, min_samples=1, progress=False)
        facts = check_corpus(guarded, progress=False)
    assert list(corpus["status"]) == ["ok", "undecodable"]
    assert corpus["detail"][1] == "Permission denied"
    assert {"file": "rock/b.wav", "fault": "undecodable", "detail": "Permission denied"} in facts[
        "faults"
    ]


@pytest.mark.parametrize("mode", [0o000, 0o444])
def test_a_genre_that_may_not_be_listed_is_refused(guarded, mode):
    (guarded / "rock").chmod(mode)
    with (
        without_rights(),
        pytest.raises(
            CorpusError, match=r"rock: cannot be read \(Permission denied\).* permissions"
        ),
    ):
        load_corpus(guarded, progress=False)


# --- A corpus that changes ------------------------------------------------------------------------


def rewrite(path):
    samples, rate = soundfile.read(path, dtype="int16")
    soundfile.write(path, samples[::-1], rate)


CHANGES = {
    "other samples": (
        rewrite,
        r"rock.a\.wav: its audio has changed .* \(66150 samples.* call again",
    ),
    "fewer samples": (
        lambda path: write_tone(path, 2.5),
        r"rock.a\.wav: its audio has changed .* \(55125 samples, then 66150\)",
    ),
    "a file less": (Path.unlink, r"rock.a\.wav: undecodable \(No such file or directory\)"),
    "a broken file": (lambda path: path.write_text("no sound"), r"rock.a\.wav: undecodable"),
}


@pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES)
def test_a_corpus_that_changes_is_another_and_never_half_of_each(tmp_path, change, message):
    tracks("a.wav", "b.wav")(tmp_path / "corpus")

    def load():
        return load_corpus(tmp_path / "corpus", min_samples=SAMPLE_RATE, progress=False)

    def store(corpus):
        return build_store(corpus, tmp_path / "cache", progress=False)

    before = load()
    change(tmp_path / "corpus/rock/a.wav")
    with pytest.raises(ValueError, match=message):
        store(before)
    assert list((tmp_path / "cache").iterdir()) == []
    after = load()
    assert fingerprint(after) != fingerprint(before)
    assert store(after).fingerprint == fingerprint(after)
