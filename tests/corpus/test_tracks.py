import shutil

import numpy as np
import pytest
import soundfile
from tones import write_tone

from genre_lib.corpus import CorpusError, count_tracks, fingerprint, load_corpus, usable
from genre_lib.corpus.tracks import describe_left_out, genre_names
from genre_lib.waveform import SAMPLE_RATE


def load(folder, **options):
    return load_corpus(folder, **{"min_samples": 2 * SAMPLE_RATE, "progress": False} | options)


@pytest.mark.parametrize("layout", ["", "genres", "genres_original", "Data/genres_original"])
@pytest.mark.parametrize("suffix", ["wav", "au"])
def test_the_layouts_in_which_gtzan_is_handed_on(tmp_path, layout, suffix):
    for genre in ("blues", "rock"):
        write_tone(tmp_path / layout / genre / f"{genre}.00000.{suffix}", frequency=len(genre))
    corpus = load(tmp_path)
    assert list(corpus["track_id"]) == ["blues.00000", "rock.00000"]
    assert list(corpus["label"]) == [0, 1]
    assert genre_names(corpus) == ["blues", "rock"]
    assert (corpus["status"] == "ok").all()
    assert (corpus["n_samples"] == 3 * SAMPLE_RATE).all()


def test_the_folder_can_be_given_at_any_level(tmp_path):
    write_tone(tmp_path / "Data/genres_original/jazz/jazz.00054.wav")
    ids = [
        list(load(tmp_path / level)["track_id"]) for level in (".", "Data", "Data/genres_original")
    ]
    assert ids == [["jazz.00054"]] * 3


def test_every_broken_file_has_its_reason_and_none_raises(tmp_path):
    genre = tmp_path / "blues"
    write_tone(genre / "good.wav")
    write_tone(genre / "short.wav", seconds=1.9)
    (genre / "undecodable.wav").write_bytes(b"this is text")
    soundfile.write(genre / "empty.wav", np.zeros(0), SAMPLE_RATE)
    soundfile.write(genre / "silent.wav", np.zeros(3 * SAMPLE_RATE), SAMPLE_RATE)
    soundfile.write(genre / "nan.wav", np.full(3 * SAMPLE_RATE, np.nan), SAMPLE_RATE, "FLOAT")
    corpus = load(tmp_path)
    assert dict(zip(corpus["track_id"], corpus["status"], strict=True)) == {
        "blues.empty": "empty",
        "blues.good": "ok",
        "blues.nan": "not finite",
        "blues.short": "too short",
        "blues.silent": "silent",
        "blues.undecodable": "undecodable",
    }
    assert (corpus.loc[corpus["status"] != "ok", "detail"] != "").all()
    assert list(usable(corpus)["track_id"]) == ["blues.good"]
    assert describe_left_out(corpus).startswith("5 of 6 files are left out: 1 empty (blues/empty.")
    assert describe_left_out(usable(corpus)) == "no file is left out"


def test_a_second_file_of_a_track_is_left_out_and_names_the_first(tmp_path):
    write_tone(tmp_path / "blues/blues.00000.au")
    write_tone(tmp_path / "blues/blues.00000.wav")
    corpus = load(tmp_path)
    assert list(corpus["status"]) == ["ok", "second file"]
    assert "blues.00000.au" in corpus["detail"][1]


def test_hidden_files_and_other_files_are_not_tracks(tmp_path):
    write_tone(tmp_path / "rock/rock.00000.WAV", format="WAV")
    for name in ("._rock.00001.wav", ".DS_Store", "notes.txt"):
        (tmp_path / "rock" / name).write_text("no audio")
    (tmp_path / "__MACOSX" / "rock").mkdir(parents=True)
    (tmp_path / "__MACOSX/rock/rock.00002.wav").write_text("no audio")
    assert list(load(tmp_path)["track_id"]) == ["rock.00000"]


@pytest.mark.parametrize("name", ["hiphop", "hip-hop", "Hip Hop", "hip_hop"])
def test_hip_hop_is_one_genre_however_it_is_spelled(tmp_path, name):
    write_tone(tmp_path / name / f"{name}.00007.wav")
    corpus = load(tmp_path)
    assert (corpus["genre"][0], corpus["track_id"][0]) == ("hiphop", "hiphop.00007")


def test_names_with_spaces_and_letters_of_other_alphabets(tmp_path):
    write_tone(tmp_path / "drum and bass" / "číslo 1 + ü.wav")
    assert list(load(tmp_path)["track_id"]) == ["drum and bass.číslo 1 + ü"]


def test_a_corpus_is_recognised_by_its_sound(tone_folder, tmp_path):
    copy = tmp_path / "copy"
    for path in sorted(tone_folder.rglob("*.wav")):
        samples, rate = soundfile.read(path, dtype="int16")
        target = copy / "genres" / path.parent.name / path.with_suffix(".flac").name
        target.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(target, samples, rate)
    original = fingerprint(load(tone_folder))
    assert fingerprint(load(copy)) == original
    (copy / "genres/low/low.00003.flac").unlink()
    assert fingerprint(load(copy)) != original


def test_a_changed_label_changes_the_fingerprint(tone_folder, tmp_path):
    shutil.copytree(tone_folder, tmp_path / "copy")
    (tmp_path / "copy/low/low.00000.wav").rename(tmp_path / "copy/high/high.00007.wav")
    assert fingerprint(load(tmp_path / "copy")) != fingerprint(load(tone_folder))


def test_files_and_tracks_are_counted_by_genre(tmp_path):
    for seconds in (3, 2.5, 1):
        write_tone(tmp_path / f"rock/{seconds}.wav", seconds)
    write_tone(tmp_path / "blues/a.wav", 2)
    counts = count_tracks(load(tmp_path)).set_index("genre")
    assert list(counts.loc["rock"]) == [3, 2, 2.5, 3]
    assert list(counts.loc["blues"]) == [1, 1, 2, 2]
    assert list(counts) == ["files", "tracks", "shortest", "longest"]


def test_a_folder_that_is_not_a_corpus_says_what_was_expected(tmp_path):
    with pytest.raises(CorpusError, match=r"nowhere.*no such folder"):
        load(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(CorpusError, match=r"file: a file, not a folder"):
        load(tmp_path / "file")
    with pytest.raises(CorpusError, match=r"no genre folder.*genres/<genre>"):
        load(tmp_path)
    write_tone(tmp_path / "blues.00000.wav")
    with pytest.raises(CorpusError, match="give the folder above it"):
        load(tmp_path)


def test_the_real_excerpts(gtzan_mini):
    corpus = load_corpus(gtzan_mini, progress=False)
    assert len(usable(corpus)) == 100
    assert corpus.groupby("genre").size().eq(10).all()
    assert fingerprint(corpus) == "352e9c5323305887"  # runs are kept under this name
