"""Songs are read as training tracks are, and what cannot be classified is told in one line."""

import json

import numpy as np
import pytest
import soundfile
import soxr
from click.testing import CliRunner
from PIL import Image
from tones import write_tone

import genre_lib
from genre_lib.__main__ import main
from genre_lib.corpus import AudioError
from genre_lib.experiment import NORMAL
from genre_lib.waveform import SAMPLE_RATE
from genre_lib.workspace import classify, open_published

HOP = 59_049 // 4 / SAMPLE_RATE


def call(released, *arguments):
    """Return the exit status of `classify`, the lines that it prints, and those on stderr."""
    arguments = ["classify", "--network", released, *arguments]
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert isinstance(done.exception, SystemExit | None)  # never a traceback
    return done.exit_code, done.stdout.splitlines(), done.stderr.splitlines()


@pytest.fixture
def song(music):
    return music / "high" / "high.00000.wav"


def test_predictions_are_those_that_were_published_with_the_network(music, released):
    (result,) = open_published(released.parents[1]).runs(NORMAL)[NORMAL]
    assert np.ptp(result.probabilities) > 0.1
    for track_id, rows in list(result.segments.groupby("track_id").groups.items())[::5]:
        table = classify(music / track_id.split(".")[0] / f"{track_id}.wav", released).table
        assert (len(rows), len(table)) == (2, 4)  # the profile limits the segments of a track
        published = result.probabilities[rows]
        np.testing.assert_allclose(table[:2], published, atol=1e-5)
        assert not np.allclose(table[1:3], published, atol=1e-3)


def test_a_song_is_classified_from_its_beginning_to_its_end(song, released):
    found = classify(song, released)
    assert list(found.table) == ["high", "low"]
    np.testing.assert_allclose(found.table.index, HOP * np.arange(4), atol=1e-4)
    np.testing.assert_allclose(found.table.sum(axis=1), 1, atol=1e-6)
    assert found.probabilities.to_dict() == found.table.mean().to_dict()
    assert found.genre == found.table.mean().idxmax() == found.probabilities.index[0]
    assert f"high.00000.wav for {found.genre}" in found.verdict
    assert "knows 2 genres and no others (high, low)" in found.verdict
    assert genre_lib.classify is classify


def test_another_rate_and_channels_are_converted_as_for_training(song, released, tmp_path):
    samples, rate = soundfile.read(song)
    twice = np.repeat(soxr.resample(samples, rate, 2 * rate)[:, np.newaxis], 2, axis=1)
    soundfile.write(tmp_path / "a.flac", twice, 2 * rate)
    again = classify(tmp_path / "a.flac", released).table
    np.testing.assert_allclose(again, classify(song, released).table, atol=1e-3)


def test_one_segment_is_enough_and_less_is_refused(released, tmp_path):
    write_tone(tmp_path / "one.wav", 59_050 / SAMPLE_RATE)
    assert len(classify(tmp_path / "one.wav", released).table) == 1
    write_tone(tmp_path / "less.wav", 59_000 / SAMPLE_RATE)
    with pytest.raises(AudioError, match=r"less.wav: too short .*lasts 2.7 s"):
        classify(tmp_path / "less.wav", released)


def test_bad_files_are_told_in_a_line_each_and_good_ones_are_classified(released, song, tmp_path):
    (tmp_path / "notes.mp3").write_text("no sound")
    (tmp_path / "empty.wav").touch()
    (tmp_path / "nothing").mkdir()
    write_tone(tmp_path / "short.wav", 1.0)
    write_tone(tmp_path / "songs" / "below" / "b.wav", 4.0)
    names = ["notes.mp3", "empty.wav", "nothing", "short.wav", "gone.wav", "songs"]
    status, said, wrong = call(released, song, *(tmp_path / name for name in names))
    assert status == 2
    reasons = ["cannot be read (", "cannot be read (", "no audio file is in", "too short (it"]
    reasons.append("cannot be read (No such file or directory)")
    assert len(wrong) == len(reasons)
    for name, reason, line in zip(names, reasons, wrong, strict=False):
        assert line.startswith(f"{tmp_path / name}: {reason}")
    assert [line.partition(": ")[0] for line in said[:2]] == [
        str(song),
        str(tmp_path / "songs" / "below" / "b.wav"),
    ]
    assert "2 genres and no others (high, low)" in said[2]


def test_silence_is_refused(released, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(3 * SAMPLE_RATE), SAMPLE_RATE)
    status, said, wrong = call(released, tmp_path / "a.wav")
    assert (status, said) == (2, [])
    assert wrong == [f"{tmp_path / 'a.wav'}: silent (all samples are the same)"]


def test_programs_get_one_object(released, song, tmp_path):
    status, said, wrong = call(released, song, tmp_path / "gone.wav", "--json")
    assert (status, len(wrong)) == (2, 1)
    facts = json.loads("\n".join(said))
    (found,), expected = facts["songs"], classify(song, released)
    assert (found["file"], found["genre"]) == (str(song), expected.genre)
    assert found["probabilities"] == expected.probabilities.to_dict()
    assert [s["probabilities"] for s in found["segments"]] == expected.table.to_dict("records")
    assert found["segments"][1]["begin"] == pytest.approx(HOP, abs=1e-4)
    reason = "cannot be read (No such file or directory)"
    assert facts["failed"] == [{"file": str(tmp_path / "gone.wav"), "reason": reason}]


def test_each_song_has_a_figure(released, song, tmp_path):
    assert call(released, song, "--plot", tmp_path / "a.png")[0] == 0
    assert call(released, song, song, "--plot", tmp_path / "b.png")[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b-1.png", "b-2.png"]
    for path in tmp_path.iterdir():
        assert Image.open(path).format == "PNG"
    assert call(released, song, "--plot", tmp_path / "a.pdf")[0] != 0


def test_without_a_network_the_message_says_what_is_needed(song, tmp_path):
    status, said, _ = call(tmp_path, song)
    assert status == 1
    assert f"{tmp_path / 'config.json'}: no such file. Give the folder of a released" in said[0]
