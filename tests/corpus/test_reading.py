import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import Mock

import pytest
import soundfile
from tones import write_tone

from genre_lib.corpus import load_corpus, read_audio, reading
from genre_lib.waveform import SAMPLE_RATE


@pytest.fixture
def folder(tmp_path):
    for number in range(3):
        write_tone(tmp_path / f"audio/low/{number}.wav", 2.0, 200 + 10 * number)
    return tmp_path / "audio"


@pytest.fixture
def load(tmp_path, monkeypatch):
    """A function: the corpus as with a cache, and the names of the files that were decoded."""

    def load(folder, min_samples=SAMPLE_RATE):
        spy = Mock(side_effect=read_audio)
        options = {"min_samples": min_samples, "progress": False}
        with monkeypatch.context() as patch:
            patch.setattr(reading, "read_audio", spy)
            corpus = load_corpus(folder, **options, cache=tmp_path / "cache")
        assert corpus.equals(load_corpus(folder, **options))  # the same as without a cache
        return corpus, sorted(Path(call.args[0]).name for call in spy.call_args_list)

    return load


def test_a_file_is_decoded_once(folder, load):
    assert load(folder)[1] == ["0.wav", "1.wav", "2.wav"]
    assert load(folder)[1] == []
    # What is too short depends on the profile, and is not a property of the file.
    assert set(load(folder, 3 * SAMPLE_RATE)[0]["status"]) == {"too short"}
    corpus, decoded = load(folder)
    assert (set(corpus["status"]), decoded) == ({"ok"}, [])


def test_a_changed_a_new_and_a_removed_file_are_noticed(folder, load):
    load(folder)
    write_tone(folder / "low/1.wav", 2.0, 777)  # as long as before
    write_tone(folder / "low/3.wav", 2.0, 300)
    (folder / "low/0.wav").unlink()
    corpus, decoded = load(folder)
    assert decoded == ["1.wav", "3.wav"]
    assert list(corpus["track_id"]) == ["low.1", "low.2", "low.3"]


def test_files_of_one_size_and_time_that_change_places_are_noticed(folder, load):
    one, other = folder / "low/0.wav", folder / "low/1.wav"
    for path in (one, other):  # as an archive unpacks them
        os.utime(path, ns=(10**18, 10**18))
    before = list(load(folder)[0]["sha256"])
    one.rename(folder / "aside")
    other.rename(one)
    (folder / "aside").rename(other)
    corpus, decoded = load(folder)
    assert decoded == ["0.wav", "1.wav"]
    assert list(corpus["sha256"]) == [before[1], before[0], before[2]]


def test_broken_files_are_remembered_until_they_can_be_read(folder, load, tmp_path):
    (folder / "low/text.wav").write_text("no sound")
    (folder / "low/link.wav").symlink_to(tmp_path / "blob")
    statuses = load(folder)[0].set_index("track_id")["status"]
    assert set(statuses[["low.text", "low.link"]]) == {"undecodable"}
    assert load(folder)[1] == []
    shutil.copy(folder / "low/0.wav", tmp_path / "blob")
    corpus, decoded = load(folder)
    assert decoded == ["link.wav"]
    assert corpus.set_index("track_id")["status"]["low.link"] == "ok"


def foreign(kept):
    return json.dumps(dict.fromkeys(json.loads(kept.partition("\n")[2]), "something else"))


DAMAGES = {
    "empty": lambda kept: "",
    "cut off": lambda kept: kept[: len(kept) // 2],
    "another number": lambda kept: kept.replace("44100", "44000"),
    "another program's": foreign,
    "no text": lambda kept: "\udcff\udcfe",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_or_foreign_memory_is_made_anew(folder, load, tmp_path, damage):
    load(folder)
    (kept,) = (tmp_path / "cache").glob("read-*.json")
    kept.write_text(damage(kept.read_text()), errors="surrogateescape")
    assert len(load(folder)[1]) == 3
    assert load(folder)[1] == []


def test_what_another_version_read_is_read_again(folder, load, monkeypatch):
    load(folder)
    monkeypatch.setattr(reading, "_READER", "another libsndfile")
    assert len(load(folder)[1]) == 3


def test_two_that_read_at_once_decode_each_file_once(folder, tmp_path, monkeypatch):
    spy = Mock(side_effect=read_audio)
    monkeypatch.setattr(reading, "read_audio", spy)
    options = {"min_samples": 1, "progress": False, "cache": tmp_path / "cache"}
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda path: load_corpus(path, **options), [folder, folder])
    assert one.equals(other)
    assert spy.call_count == 3


def test_corpora_do_not_forget_each_other(folder, load, tmp_path):
    write_tone(tmp_path / "other/pop/0.wav", 2.0, 900)
    load(folder), load(tmp_path / "other")
    assert (load(folder)[1], load(tmp_path / "other")[1]) == ([], [])


def test_names_that_are_not_text_are_remembered(load, tmp_path):
    write_tone(tmp_path / "sound.wav", 2.0)
    (tmp_path / "audio/ro\nck").mkdir(parents=True)
    name = os.fsencode(tmp_path / "audio/ro\nck") + b"/caf\xe9\r.wav"
    shutil.move(tmp_path / "sound.wav", os.fsdecode(name))
    assert len(load(tmp_path / "audio")[1]) == 1
    assert load(tmp_path / "audio")[1] == []
    assert soundfile.info(os.fsdecode(name).encode("utf-8", "surrogateescape")).frames
