"""What is promised of every bad input: left out with a reason, refused in words, or read exactly.

Four tables: sound files, folders, choices, kept runs. `tests/test_fuzz.py` has what nobody thought
of and files that are too long, `tests/test_download.py` the archives.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner
from tones import write_tone

import genre_lib
from genre_lib.__main__ import main
from genre_lib.corpus.audio import SAMPLE_RATE, AudioError, read_audio
from genre_lib.corpus.store import build_store
from genre_lib.corpus.tracks import WINDOW, CorpusError, fingerprint, load_corpus, usable
from genre_lib.experiment.kept import load_run, load_runs, save_run
from genre_lib.experiment.phases import NORMAL
from genre_lib.experiment.profiles import PAPER, SHORTEST_WINDOW, SMOKE
from genre_lib.experiment.runs import Run
from genre_lib.faults.checkup import check_corpus
from genre_lib.workspace.opening import open_workspace

NOISE = np.random.default_rng(0).integers(-20_000, 20_000, 6 * SAMPLE_RATE).astype(np.int16)
FLOATS = NOISE / 32_768


# --- Sound files ----------------------------------------------------------------------------------


def sound(samples=NOISE, rate=SAMPLE_RATE, **options):
    """Write these samples."""
    return lambda path: soundfile.write(path, samples, rate, **options)


def channels(number, **options):
    return sound(np.repeat(FLOATS[:, np.newaxis], number, axis=1), subtype="PCM_24", **options)


def tone(rate, seconds=6.0, **options):
    return lambda path: write_tone(path, seconds, rate=rate, **options)


def content(data):
    return lambda path: path.write_bytes(data)


def changed(write, change):
    """Write a sound, then change its bytes."""

    def both(path):
        write(path)
        path.write_bytes(change(path.read_bytes()))

    return both


def with_value(value):
    samples = FLOATS.copy()
    samples[7] = value
    return sound(samples, subtype="FLOAT")


def first(share):
    return lambda whole: whole[: int(share * len(whole))]


def without_middle(whole):
    half = len(whole) // 2
    return whole[:half] + bytes(200) + whole[half + 200 :]


HTML = b"<!DOCTYPE html><html><body>404: no such song</body></html>\n" * 50
SECONDS = SAMPLE_RATE  # samples

# name: how it is written, its suffix, and its status with its detail, or the samples that are read:
# an array where they are exact, else their number or the least and the most of it.
FILES = {
    "zero bytes": (content(b""), "wav", ("undecodable", "not recognised")),
    "a header of 20 bytes": (
        changed(sound(), lambda whole: whole[:20]),
        "wav",
        ("undecodable", "fmt "),
    ),
    "a header and no data": (
        changed(sound(), lambda whole: whole[:44]),
        "wav",
        ("empty", "no samples"),
    ),
    "a wav that is cut off": (
        changed(sound(), lambda whole: whole[: 44 + 2 * 120_000]),
        "wav",
        NOISE[:120_000],
    ),
    "an au that is cut off": (
        changed(sound(), lambda whole: whole[: 24 + 2 * 120_000]),
        "au",
        NOISE[:120_000],
    ),
    "a flac that is cut off": (changed(sound(), first(0.5)), "flac", ("undecodable", "lost sync")),
    "an ogg that is cut off": (
        changed(tone(SAMPLE_RATE, 12.0), first(0.6)),
        "ogg",
        (110_250, 240_000),
    ),
    "an mp3 that is cut off": (
        changed(tone(SAMPLE_RATE, 12.0), first(0.6)),
        "mp3",
        (110_250, 240_000),
    ),
    "an mp3 with a broken frame": (
        changed(tone(SAMPLE_RATE), without_middle),
        "mp3",
        (125_000, 132_300),
    ),
    "a flac with a broken frame": (
        changed(sound(), without_middle),
        "flac",
        ("undecodable", "flac decoder"),
    ),
    "a page called wav": (content(HTML), "wav", ("undecodable", "not recognised")),
    "a page called mp3": (content(HTML), "mp3", ("undecodable", "no sound is found in it")),
    "a page called au": (content(HTML), "au", ("undecodable", "no header")),
    "a flac called wav": (sound(format="FLAC"), "wav", NOISE),
    "a wav called mp3": (sound(format="WAV", subtype="PCM_16"), "mp3", NOISE),
    "8 bit": (sound((NOISE >> 8 << 8), subtype="PCM_U8"), "wav", NOISE >> 8 << 8),
    "24 bit": (sound(NOISE.astype(np.int32) << 16, subtype="PCM_24"), "wav", NOISE),
    "32 bit": (sound(NOISE.astype(np.int32) << 16, subtype="PCM_32"), "wav", NOISE),
    "float": (sound(FLOATS, subtype="FLOAT"), "wav", NOISE),
    "double": (sound(FLOATS, subtype="DOUBLE"), "wav", NOISE),
    "NaN": (with_value(np.nan), "wav", ("not finite", "NaN or infinite")),
    "infinity": (with_value(-np.inf), "wav", ("not finite", "NaN or infinite")),
    "floats of 1e38 in 8 channels": (
        sound(np.full((9000, 8), 1e38), subtype="FLOAT"),
        "wav",
        ("not finite", "NaN or infinite"),
    ),
    "8 kHz": (tone(8_000), "wav", 6 * SECONDS),
    "11.025 kHz": (tone(11_025), "wav", 6 * SECONDS),
    "44.1 kHz": (tone(44_100), "wav", 6 * SECONDS),
    "96 kHz": (tone(96_000), "wav", 6 * SECONDS),
    "192 kHz": (tone(192_000), "wav", 6 * SECONDS),
    "1 Hz": (sound(rate=1), "wav", ("undecodable", "rate of 1 Hz, expected 1000 to 768000")),
    "2 GHz": (sound(rate=2_000_000_000), "wav", ("undecodable", "rate of 2000000000 Hz")),
    **{f"{number} channels": (channels(number), "wav", NOISE) for number in range(1, 9)},
    "6 channels, extensible": (channels(6, format="WAVEX"), "wav", NOISE),
    "an offset": (sound(NOISE // 4 + 20_000), "wav", NOISE // 4 + 20_000),
    "all zeros": (sound(np.zeros(len(NOISE), np.int16)), "wav", ("silent", "132300 samples are 0")),
    "all the same": (sound(np.full(9, 7, np.int16)), "wav", ("silent", "9 samples are 7")),
    "one sample": (sound(NOISE[:1]), "wav", ("silent", "all 1 samples")),
    "0.5 s": (sound(NOISE[:11_025]), "wav", ("too short", "11025 samples, .* needs 110250")),
    "4.999 s": (sound(NOISE[:110_227]), "wav", ("too short", "110227 samples, .* needs 110250")),
    "a sample too few": (sound(NOISE[: WINDOW - 1]), "wav", ("too short", "110249 samples")),
    "one window": (sound(NOISE[:WINDOW]), "wav", NOISE[:WINDOW]),
    "10 minutes": (sound(np.tile(NOISE, 100)), "flac", np.tile(NOISE, 100)),
    "an upper-case suffix": (sound(format="WAV", subtype="PCM_16"), "WAV", NOISE),
}


@pytest.mark.parametrize(("write", "suffix", "promised"), FILES.values(), ids=FILES)
def test_a_file_is_left_out_with_a_reason_or_read_exactly(tmp_path, write, suffix, promised):
    path = tmp_path / "rock" / f"song.{suffix}"
    path.parent.mkdir()
    write(path)
    (track,) = load_corpus(tmp_path, jobs=1, progress=False).itertuples()
    if isinstance(promised, tuple) and isinstance(promised[0], str):
        status, detail = promised
        assert track.status == status
        assert re.search(detail, track.detail)
        return
    assert (track.status, track.detail) == ("ok", "")
    samples = read_audio(path)
    assert track.n_samples == len(samples)
    if isinstance(promised, np.ndarray):
        np.testing.assert_array_equal(samples, promised)
    elif isinstance(promised, tuple):
        assert promised[0] < len(samples) < promised[1]
        np.testing.assert_array_equal(samples, read_audio(path))
    else:
        assert len(samples) == promised


REMARKS = {
    "a wav that is cut off": "bytes fewer than its header announces",
    "an au that is cut off": "bytes fewer than its header announces",
    "an mp3 that is cut off": "samples fewer than its header announces",
    "an mp3 with a broken frame": "samples fewer than its header announces",
    "an ogg that is cut off": "its last page is not marked as the end",
}


@pytest.mark.parametrize(("name", "detail"), REMARKS.items(), ids=REMARKS)
def test_a_file_that_is_used_as_far_as_it_goes_is_named_by_the_check(tmp_path, name, detail):
    write, suffix, _ = FILES[name]
    (tmp_path / "rock").mkdir()
    write(tmp_path / "rock" / f"song.{suffix}")
    write_tone(tmp_path / "rock" / "one.mp3", 6.0, frequency=300)
    write_tone(tmp_path / "rock" / "other.ogg", 6.0, frequency=400)
    facts = check_corpus(tmp_path, jobs=1, progress=False)
    assert facts["usable"] == 3
    (fault,) = facts["faults"]
    assert (fault["file"], fault["fault"]) == (f"rock/song.{suffix}", "cut short")
    assert detail in fault["detail"]


# --- Folders --------------------------------------------------------------------------------------


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
        "no genre folder .* Expected genres/<genre>/",
    ),
    "a link to itself": (linked("rock", "rock"), "no genre folder"),
    "a link to the folder in itself": (
        all_of(tracks("a.wav"), linked("rock/all", ".."), linked("again", ".")),
        {"rock.a": "ok"},
    ),
    "files that link to themselves or to nothing": (
        all_of(tracks("a.wav"), linked("rock/b.wav", "b.wav"), linked("rock/c.wav", "gone.wav")),
        {"rock.a": "ok"},
    ),
    "a folder and a pipe that are called like sounds": (
        all_of(tracks("a.wav"), tracks("x.txt.wav", genre="rock/b.wav"), pipe("rock/c.wav")),
        {"rock.a": "ok"},
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
    corpus = load_corpus(folder, min_samples=2 * SAMPLE_RATE, jobs=1, progress=False)
    again = corpus["track_id"] + corpus["track_id"].duplicated().map({True: " again", False: ""})
    assert dict(zip(again, corpus["status"], strict=True)) == promised
    store = build_store(corpus, tmp_path / "cache", progress=False)
    for column in ("track_id", "genre"):
        assert list(store.tracks[column]) == list(usable(corpus)[column])


UNTRAINABLE = {
    "one genre": (genres(rock=4), r"rock is the only genre\. Add another"),
    "genres with one track": (genres(pop=1, rock=1), r"pop \(1\), rock \(1\) with fewer usable"),
    "fewer tracks than partitions": (genres(pop=6, rock=5), r"rock \(5\) .* the 6 partitions"),
    "a genre of broken files": (
        all_of(genres(pop=6, rock=6), text(*(f"metal/{n}.wav" for n in range(6)))),
        r"metal \(0\) .*6 of 18 files are left out: 6 undecodable \(metal/0.wav: ",
    ),
    "tracks that are shorter than the window": (
        all_of(tracks("a.wav", "b.wav", genre="pop"), tracks("a.wav", "b.wav")),
        r"pop \(0\), rock \(0\).*4 too short \(pop/a.wav: 66150 samples, one segment needs 110250",
    ),
}


@pytest.mark.parametrize(("make", "message"), UNTRAINABLE.values(), ids=UNTRAINABLE)
def test_what_cannot_be_trained_on_is_refused_before_anything_is_made(tmp_path, make, message):
    folder = tmp_path / "corpus"
    make(folder)
    window = PAPER.window if "110250" in message else SMOKE.window
    profile = dataclasses.replace(SMOKE, window=window)
    with pytest.raises(CorpusError, match=f"{folder}: cannot be trained on: .*{message}"):
        open_workspace(profile, folder, tmp_path / "home")
    assert not (tmp_path / "home").exists()


def one_line(result):
    """Return what a command said when it ended with an error, which has to be one line."""
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    (line,) = str(result.exception).splitlines()
    return line


@pytest.mark.parametrize("name", ["one genre", "genres with one track"])
def test_make_report_says_so_in_one_line(tmp_path, name):
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
        load_corpus(folder, jobs=1, progress=False)  # whatever is imported on the way, is now
        yield folder
        (folder / "rock").chmod(0o755)


def test_a_track_that_may_not_be_read_is_left_out(guarded):
    (guarded / "rock/b.wav").chmod(0)
    with without_rights():
        corpus = load_corpus(guarded, min_samples=1, jobs=1, progress=False)
        facts = check_corpus(guarded, jobs=1, progress=False)
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
        pytest.raises(CorpusError, match=r"rock: cannot be read \(Permission denied\).* right"),
    ):
        load_corpus(guarded, jobs=1, progress=False)


# --- A corpus that changes ------------------------------------------------------------------------


def rewrite(path):
    samples, rate = soundfile.read(path, dtype="int16")
    soundfile.write(path, samples[::-1], rate)


CHANGES = {
    "other samples": (rewrite, r"rock.a\.wav: has other samples now \(66150\) .* call again"),
    "fewer samples": (
        lambda path: write_tone(path, 2.5),
        r"rock.a\.wav: has other samples now \(55125\) than when the corpus was read \(66150\)",
    ),
    "a file less": (Path.unlink, r"rock.a\.wav: undecodable \(No such file or directory\)"),
    "a broken file": (content(HTML), r"rock.a\.wav: undecodable"),
}


@pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES)
def test_a_corpus_that_changes_is_another_and_never_half_of_each(tmp_path, change, message):
    tracks("a.wav", "b.wav")(tmp_path / "corpus")

    def load():
        return load_corpus(tmp_path / "corpus", min_samples=SAMPLE_RATE, jobs=1, progress=False)

    def store(corpus):
        return build_store(corpus, tmp_path / "cache", jobs=1, progress=False)

    before = load()
    change(tmp_path / "corpus/rock/a.wav")
    with pytest.raises(ValueError, match=message):
        store(before)
    assert list((tmp_path / "cache").iterdir()) == []
    after = load()
    assert fingerprint(after) != fingerprint(before)
    assert store(after).fingerprint == fingerprint(after)


# --- Choices --------------------------------------------------------------------------------------

CHOICES = {
    "a lambda below 0": ({"l2_lambdas": (0.01, -0.1)}, r"l2_lambdas=\(0.01, -0.1\): expected"),
    "a lambda that is no number": ({"l2_lambdas": (float("nan"),)}, "l2_lambdas"),
    "a lambda twice": ({"l2_lambdas": (0.1, 0.1)}, "l2_lambdas.*each once"),
    "a lambda without its tuple": ({"l2_lambdas": 0.01}, "l2_lambdas=0.01: expected a tuple"),
    "a micro-batch larger than the batch": (
        {"micro_batch_size": 81},
        "micro_batch_size=81 is larger than accumulated_batch_size=80",
    ),
    "no segment in a batch": ({"batch_size": 0}, "batch_size=0: expected a whole number from 1"),
    "half a segment in a micro-batch": ({"micro_batch_size": 0.5}, "micro_batch_size=0.5"),
    "no epoch": ({"epochs": 0}, "epochs=0"),
    "a patience below 0": ({"patience": -1}, "patience=-1"),
    "no filters": ({"width": 0}, "width=0: expected a number above 0"),
    "a momentum of 1": ({"bn_momentum": 1.0}, "bn_momentum=1.0: expected a number .* below 1"),
    "a rate below 0": ({"learning_rate": -1e-3}, "learning_rate=-0.001"),
    "a window shorter than the network": (
        {"window": SHORTEST_WINDOW - 1},
        "window=59048: expected a whole number from 59049",
    ),
    "no segments": ({"max_segments": 0}, "max_segments=0"),
    "two partitions": ({"n_partitions": 2}, "n_partitions=2.* use 3 or more"),
    "more rotations than partitions": ({"rotations": 7}, "expected 1 to n_partitions=6"),
    "no seed": ({"seeds": ()}, r"seeds=\(\): expected .* one at least"),
    "an unknown protocol": ({"protocols": ("orignal",)}, "protocols.*among original, no_rep"),
    "an unknown variant": ({"variants": ("momentun",)}, "variants.*among l2-mean"),
}


@pytest.mark.parametrize(("change", "message"), CHOICES.values(), ids=CHOICES)
def test_a_choice_that_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(PAPER, **change)


def test_an_unknown_profile_is_told_with_those_that_are_known():
    with pytest.raises(ValueError, match=r"profile 'full' .* expected one of smoke, demo.*own"):
        open_workspace("full")


def test_a_mistake_in_the_file_of_profiles_is_told_in_one_line(tmp_path):
    package = Path(genre_lib.__file__).parent
    shutil.copytree(package, tmp_path / "genre_lib", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "genre_lib/profiles.py").open("a") as file:
        file.write('\nMINE = Profile("mine", l2_lambdas=(-1.0,))\n')
    run = subprocess.run(
        [sys.executable, "-m", "genre_lib", "report"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    (line,) = run.stderr.splitlines()
    assert line.startswith("genre_lib/profiles.py: l2_lambdas=(-1.0,): expected")


# --- Kept runs ------------------------------------------------------------------------------------

RUN = Run(SMOKE, NORMAL, 0)
FACTS = {"rotation": 0, "seed": 0, "seconds": 1.0, "versions": {"keras": "2.0.0"}}
HISTORY = pd.DataFrame(
    [[1, 2.0, 0.1, 2.1, 0.2, 3.0]],
    columns=["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds"],
)
SEGMENTS = pd.DataFrame(
    {"split": ["test", "valid"], "track_id": ["a", "b"], "segment": [0, 0], "label": [0, 1]}
)
HALVES = np.full((2, 2), 0.5, np.float32)


def keep(folder, facts=FACTS, history=HISTORY, segments=SEGMENTS, probabilities=HALVES):
    save_run(folder, facts, history, segments, probabilities, content(b"a network"))


def flip(name):
    def change(folder):
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(data)

    return change


def halve(name):
    return lambda folder: (folder / name).write_bytes(first(0.5)((folder / name).read_bytes()))


def edit_facts(change):
    def edit(folder):
        facts = json.loads((folder / "run.json").read_text())
        (folder / "run.json").write_text(json.dumps(change(facts)))

    return edit


def kept_with(**parts):
    return lambda folder: keep(folder, **parts)


DAMAGES = {
    **{f"a bit of {n}": flip(n) for n in ("history.csv", "predictions.npz", "model.keras")},
    **{f"half of {n}": halve(n) for n in ("predictions.npz", "model.keras", "run.json")},
    "a file less": lambda folder: (folder / "model.keras").unlink(),
    "facts that are no JSON": lambda folder: (folder / "run.json").write_bytes(b"\xff{"),
    "facts that are a list": edit_facts(lambda facts: [facts]),
    "facts without checksums": edit_facts(lambda facts: FACTS),
    "checksums of some files": edit_facts(lambda facts: facts | {"sha256": {}}),
    "checksums that are a text": edit_facts(lambda facts: facts | {"sha256": "abc"}),
    "another version, with a fact less": kept_with(facts={"rotation": 0, "seed": 0}),
    "another version, with a column less": kept_with(segments=SEGMENTS.drop(columns="split")),
    "another version, with another history": kept_with(history=HISTORY.drop(columns="val_loss")),
    "fewer probabilities than segments": kept_with(probabilities=HALVES[:1]),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_run_counts_as_none_until_it_is_made_again(tmp_path, damage):
    folder = RUN.folder(tmp_path, "corpus")
    keep(folder)
    assert list(load_runs([RUN], tmp_path, "corpus")) == [RUN]
    damage(folder)
    assert load_runs([RUN], tmp_path, "corpus") == {}
    keep(folder)
    result = load_run(folder)
    np.testing.assert_array_equal(result.probabilities, HALVES)
    pd.testing.assert_frame_equal(result.history, HISTORY)
    assert result.segments.to_dict("list") == SEGMENTS.to_dict("list")


def test_a_run_that_other_packages_made_is_used_and_says_so(tmp_path):
    folder = RUN.folder(tmp_path, "corpus")
    keep(folder)
    assert load_run(folder).facts["versions"] == {"keras": "2.0.0"}


def test_arrays_that_would_run_code_are_not_read(tmp_path):
    class Evil:
        def __reduce__(self):
            return (Path(tmp_path / "executed").touch, ())

    folder = RUN.folder(tmp_path, "corpus")
    keep(folder)
    arrays = {name: SEGMENTS[name].to_numpy() for name in ("segment", "label")}
    arrays |= {"split": np.array(["test", "valid"]), "track_id": np.array([Evil(), Evil()])}
    np.savez(folder / "predictions.npz", **arrays, probabilities=HALVES)
    edit_facts(lambda facts: facts | {"sha256": _checksums(folder)})(folder)
    assert load_run(folder) is None
    assert not (tmp_path / "executed").exists()


def _checksums(folder):
    names = ("history.csv", "predictions.npz", "model.keras")
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


def test_the_message_of_a_bad_file_has_its_name_and_what_to_do(tmp_path):
    (tmp_path / "a.wav").write_bytes(HTML)
    with pytest.raises(AudioError) as caught:
        read_audio(tmp_path / "a.wav")
    message = str(caught.value)
    assert str(tmp_path / "a.wav") in message
    assert "Format not recognised" in message
    assert "Expected audio as wav, au, flac, ogg or mp3; replace the file" in message
