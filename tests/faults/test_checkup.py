import json
import shutil

import pytest
import soundfile
from click.testing import CliRunner
from tones import write_tone

from genre_lib.__main__ import main
from genre_lib.corpus.audio import AUDIO_SUFFIXES
from genre_lib.faults import check_corpus
from genre_lib.faults.checkup import describe


def check(folder, *options):
    return CliRunner().invoke(main, ["data", "check", str(folder), *options])


def faults(folder):
    found = check_corpus(folder, progress=False)["faults"]
    return {(fault["file"].rpartition("/")[2], fault["fault"]): fault["detail"] for fault in found}


def write_genre(folder, name, tracks=6, seconds=6.0, suffix="wav"):
    """Write tracks of different tones, as short as one segment allows."""
    for number in range(tracks):
        path = folder / name / f"{name}.{number:05d}.{suffix}"
        write_tone(path, seconds, frequency=300 + 50 * number + 10 * len(name))


def cut(path, share):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])


def test_the_real_excerpts_have_no_fault(gtzan_mini):
    result = check(gtzan_mini)
    assert result.exit_code == 0
    assert "Tracks x segments of 5 s: 97 x 21 + 3 x 20 = 2097." in result.stdout
    assert "last 29.98 s (country.00007) to 30.37 s (country.00002)" in result.stdout
    assert ["22050", "1", "100"] in map(str.split, result.stdout.splitlines())
    assert "No faults found." in result.stdout
    assert "Can be trained on: 10 genres, each with at least 10 usable tracks." in result.stdout


def test_every_fault_among_real_excerpts_is_named(gtzan_mini, tmp_path):
    for genre in ("blues", "metal"):
        (tmp_path / genre).mkdir()
        for path in sorted((gtzan_mini / "genres" / genre).glob("*.flac"))[:8]:
            shutil.copy(path, tmp_path / genre)
    first, second, *_ = sorted((tmp_path / "blues").iterdir())
    cut(first, 0.4)
    second.write_bytes(b"")
    (tmp_path / "blues/notes.flac").write_text("Names of blues songs,\nwith ü.\n")
    (tmp_path / "metal/notes.wav").write_text("Names of metal songs.\n")
    write_tone(tmp_path / "metal/stereo.wav", 6.0, rate=44_100, channels=2)
    third = sorted((tmp_path / "metal").glob("metal.*"))[2]
    shutil.copy(third, tmp_path / "metal/other.flac")
    found = faults(tmp_path)
    assert set(found) == {
        (first.name, "undecodable"),
        (second.name, "undecodable"),
        ("notes.flac", "undecodable"),
        ("notes.wav", "undecodable"),
        ("other.flac", "repetition"),
    }
    assert "holds 0 bytes" in found[second.name, "undecodable"]
    assert "holds text" in found["notes.flac", "undecodable"]
    assert "holds text" in found["notes.wav", "undecodable"]
    assert third.name in found["other.flac", "repetition"]
    result = check(tmp_path)
    assert result.exit_code == 0
    for name in ("notes.flac", "notes.wav", "other.flac", first.name, second.name):
        assert name in result.stdout
    assert "(1): metal/stereo.wav" in result.stdout
    assert ["44100", "2", "1"] in map(str.split, result.stdout.splitlines())


def test_real_excerpts_in_other_guises_are_read_whole_or_named(gtzan_mini, tmp_path):
    (tmp_path / "pop").mkdir()
    for number, path in enumerate(sorted((gtzan_mini / "genres/pop").glob("*.flac"))[:5]):
        samples, rate = soundfile.read(path)
        target, whole = tmp_path / "pop" / f"{number}.flac", path.read_bytes()
        if number < 2:  # a VBR mp3 without the header that states its length
            target = target.with_suffix(".mp3")
            soundfile.write(target, samples, rate, bitrate_mode="VARIABLE", compression_level=0.5)
            whole = target.read_bytes()
            whole = whole[whole.index(whole[:2], 4) :]
        elif number == 2:  # as from a pipe: of unknown length
            whole = whole[:21] + bytes([whole[21] & 0xF0]) + bytes(4) + whole[26:]
        elif number == 3:  # two streams
            target = target.with_suffix(".ogg")
            soundfile.write(target, samples[: rate * 20], rate)
            whole = target.read_bytes()
            soundfile.write(target, samples[rate * 20 :], rate)
            whole += target.read_bytes()
        else:
            target, whole = target.with_suffix(".m4a"), b"\0\0\0\x20ftypM4A " + whole
        target.write_bytes(whole)
    facts = check_corpus(tmp_path, progress=False)
    ((name, detail),) = [(fault["file"], fault["detail"]) for fault in facts["faults"]]
    assert name == "pop/4.m4a" and "m4a files are not supported; convert" in detail
    assert (facts["files"], facts["usable"]) == (5, 4)
    assert facts["shortest"]["seconds"] > 29.9 and facts["longest"]["seconds"] < 30.5


def test_originals_are_recognised_by_their_bytes(gtzan_mini, tmp_path):
    for number, path in enumerate(sorted((gtzan_mini / "genres/jazz").glob("*.flac"))[:3]):
        samples, rate = soundfile.read(path, dtype="int16")
        samples[:number] = 0
        (tmp_path / "jazz").mkdir(exist_ok=True)
        soundfile.write(tmp_path / "jazz" / f"{path.stem}.wav", samples, rate)
    assert "1 of 3 .wav files are GTZAN's originals" in check(tmp_path).stdout


@pytest.mark.parametrize(("suffix", "kind"), AUDIO_SUFFIXES.items(), ids=AUDIO_SUFFIXES)
def test_a_sound_file_of_each_format_is_no_fault_or_named(tmp_path, suffix, kind):
    options = {"rate": 48_000, "subtype": "OPUS"} if suffix == ".opus" else {}
    options |= {"format": kind} if kind else {"format": "RAW", "subtype": "PCM_16"}
    write_tone(tmp_path / "rock" / f"a{suffix}", 6.0, **options)
    assert set(faults(tmp_path)) == (set() if kind else {(f"a{suffix}", "undecodable")})


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [
        ("wav", "bytes fewer than its header announces"),
        ("au", "bytes fewer than its header announces"),
        ("mp3", "samples fewer than its header announces"),
        ("ogg", "its last page is not marked as the end"),
    ],
)
def test_a_file_that_ends_before_its_header_says_is_cut_short(tmp_path, suffix, expected):
    path = tmp_path / "rock" / f"a.{suffix}"
    write_tone(path, 20.0)
    cut(path, 0.6)
    assert expected in faults(tmp_path)[path.name, "cut short"]


def test_a_wav_file_from_a_pipe_is_not_cut_short(tmp_path):
    path = tmp_path / "rock/a.wav"
    write_tone(path, 6.0)
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + b"\xff" * 4 + whole[8:])
    assert faults(tmp_path) == {}


def test_another_format_than_the_suffix_says_is_named_and_used(tmp_path):
    write_tone(tmp_path / "rock/a.wav", 6.0, format="FLAC", subtype="PCM_16")
    (tmp_path / "rock/b.ogg").write_bytes(b"fLaC" + bytes(100))
    (tmp_path / "rock/c.mp3").write_bytes(bytes(100))
    (tmp_path / "rock/d.au").write_text("This is no sound. " * 5000)
    found = faults(tmp_path)
    assert "holds FLAC, and is read" in found["a.wav", "misnamed"]
    assert "holds FLAC" in found["b.ogg", "undecodable"]
    assert "holds other data" in found["c.mp3", "undecodable"]
    assert [detail for (name, _), detail in found.items() if name == "d.au" and "text" in detail]


def test_a_second_file_of_a_track_is_counted_and_named(tmp_path):
    write_tone(tmp_path / "rock/rock.00000.au", 6.0)
    write_tone(tmp_path / "rock/rock.00000.wav", 6.0)
    facts = check_corpus(tmp_path, progress=False)
    assert facts["genres"]["rock"] == {"files": 2, "tracks": 1, "usable": 1}
    assert [fault["fault"] for fault in facts["faults"]] == ["second file"]


def test_equal_tracks_are_each_named_once(tmp_path):
    write_tone(tmp_path / "pop/c.wav", 6.0)
    samples, rate = soundfile.read(tmp_path / "pop/c.wav", dtype="int16")
    (tmp_path / "rock").mkdir()
    soundfile.write(tmp_path / "rock/a.wav", samples, rate)
    soundfile.write(tmp_path / "rock/b.flac", samples, rate)
    details = faults(tmp_path)
    assert set(details) == {("a.wav", "repetition"), ("b.flac", "repetition")}
    assert all("pop/c.wav" in detail for detail in details.values())


def test_an_audio_file_behind_a_link_is_checked_under_its_own_name(tmp_path):
    write_tone(tmp_path / "store/0a1b.wav", 6.0)
    (tmp_path / "store/0a1b.wav").rename(tmp_path / "store/0a1b")
    (tmp_path / "genres/rock").mkdir(parents=True)
    (tmp_path / "genres/rock/a.wav").symlink_to(tmp_path / "store/0a1b")
    facts = check_corpus(tmp_path / "genres", progress=False)
    assert (facts["usable"], facts["wav_files"]) == (1, 1)


def test_the_json_output_is_one_object_with_everything(tmp_path):
    write_genre(tmp_path, "pop")
    write_genre(tmp_path, "rock", tracks=7)
    write_tone(tmp_path / "rock/stereo.wav", 5.5, channels=2)
    result = check(tmp_path, "--json")
    facts = json.loads(result.stdout)
    assert result.exit_code == 0
    assert result.stderr == ""
    assert facts == check_corpus(tmp_path, progress=False)
    assert facts["genres"]["rock"] == {"files": 8, "tracks": 8, "usable": 8}
    assert (facts["trainable"], facts["segments"]) == (True, 14)
    assert facts["tracks_by_segments"] == {"1": 14}
    assert facts["shortest"] == {"track_id": "rock.stereo", "seconds": 5.5}
    assert facts["longest"]["seconds"] == 6.0
    assert facts["converted"] == [{"file": "rock/stereo.wav", "rate_hz": 22_050, "channels": 2}]


@pytest.mark.parametrize(
    ("genres", "expected"),
    [
        ({"rock": 6}, "rock is the only genre"),
        ({"rock": 6, "pop": 5}, r"fewer usable tracks than the 6 partitions: pop (5)."),
    ],
)
def test_too_little_to_train_on_is_said_and_fails(tmp_path, genres, expected):
    for name, tracks in genres.items():
        write_genre(tmp_path, name, tracks)
    (tmp_path / "rock/broken.wav").write_text("text")
    for options in ([], ["--json"]):
        result = check(tmp_path, *options)
        assert result.exit_code == 1
        assert expected in result.stdout


def test_a_corpus_without_a_usable_track_is_described(tmp_path):
    (tmp_path / "rock").mkdir()
    (tmp_path / "rock/a.wav").write_text("text")
    facts = check_corpus(tmp_path, progress=False)
    assert (facts["usable"], facts["shortest"], facts["formats"]) == (0, None, [])
    assert "Cannot be trained on" in describe(facts)


def test_a_folder_that_is_no_corpus_is_told_without_a_traceback(tmp_path):
    result = check(tmp_path / "nowhere")
    assert isinstance(result.exception, SystemExit)
    assert result.exit_code != 0
    assert "nowhere: no such folder" in str(result.exception)
    result = check(tmp_path, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["trainable"] is False
