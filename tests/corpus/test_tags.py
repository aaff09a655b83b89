"""Who plays what, from tags and from a table beside the audio."""

import numpy as np
import pytest
import soundfile

from genre_lib.corpus import CorpusError, fingerprint, load_corpus
from genre_lib.waveform import SAMPLE_RATE

NAMES = ["artist", "title"]


def write_tagged(path, artist="", title="", **options):
    """Write a second of noise with tags."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(str(path))).normal(scale=0.1, size=SAMPLE_RATE)
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, **options) as file:
        if artist:
            file.artist = artist
        if title:
            file.title = title
        file.write(noise)


def load(folder, **options):
    corpus = load_corpus(folder, min_samples=1, progress=False, **options)
    return corpus.set_index("track_id")


@pytest.mark.parametrize("suffix", ["mp3", "flac", "ogg", "wav", "aiff"])
def test_artist_and_title_are_those_of_the_tags(tmp_path, suffix):
    write_tagged(tmp_path / f"pop/a.{suffix}", "Sigur Rós", "Ára  bátur")
    write_tagged(tmp_path / f"pop/b.{suffix}")
    corpus = load(tmp_path)
    assert corpus.loc["pop.a", NAMES].tolist() == ["Sigur R\u00f3s", "Ára bátur"]
    assert corpus.loc["pop.b", NAMES].tolist() == ["", ""]


@pytest.mark.parametrize("artist", ["Various Artists", "<unknown>", "unknown artist", "\t"])
def test_nobody_is_no_artist(tmp_path, artist):
    write_tagged(tmp_path / "pop/a.flac", artist, "One")
    assert load(tmp_path).loc["pop.a", NAMES].tolist() == ["", "One"]


def test_one_artist_is_one_name_in_whatever_form(tmp_path):
    write_tagged(tmp_path / "pop/a.flac", "Bj\u00f6rk")
    write_tagged(tmp_path / "pop/b.flac", "Bjo\u0308rk")
    assert load(tmp_path)["artist"].nunique() == 1


def test_a_table_beside_the_audio_wins_over_tags(tmp_path):
    for name in "abc":
        write_tagged(tmp_path / f"genres/pop/{name}.flac", "of the tags", name)
    before = load_corpus(tmp_path, min_samples=1, progress=False)
    table = "\ufefftrack_id,year,artist\npop.a,1990, The  Band \npop.b,1991,\npop.z,1992,Nobody\n"
    (tmp_path / "artists.csv").write_text(table, encoding="utf-8")
    (tmp_path / "album.csv").write_text("track_id,artist\npop.a,of the other table\n")
    corpus = load(tmp_path)
    assert list(corpus["artist"]) == ["The Band", "of the tags", "of the tags"]
    assert list(corpus["title"]) == ["a", "b", "c"]
    # What is kept of a corpus is found again, whoever plays it.
    assert fingerprint(corpus.reset_index()) == fingerprint(before)


def test_any_table_with_the_columns_names_artists_and_no_other_does(tmp_path):
    write_tagged(tmp_path / "pop/a.flac", "of the tags")
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe,broken\n\0\n")
    (tmp_path / "b.csv").write_text("file,artist\npop.a,of another\n")
    (tmp_path / "c.csv").mkdir()
    assert load(tmp_path).loc["pop.a", "artist"] == "of the tags"
    (tmp_path / "metadata.csv").write_text("artist,track_id,title\nof the table,pop.a,A\n")
    assert load(tmp_path).loc["pop.a", NAMES].tolist() == ["of the table", "A"]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"track_id;artist\npop.a;A\n", "columns are track_id;artist"),
        (b"", "cannot be read"),
        (b"track_id,artist\npop.a,\xff\n", "cannot be read"),
    ],
)
def test_a_table_that_should_name_artists_and_does_not_is_refused(tmp_path, content, found):
    write_tagged(tmp_path / "pop/a.flac", "of the tags")
    (tmp_path / "artists.csv").write_bytes(content)
    with pytest.raises(CorpusError, match=rf"artists.csv: .*{found}.*Expected a table in UTF-8"):
        load(tmp_path)


def test_tags_are_read_once_and_changed_tags_again(tmp_path, monkeypatch):
    audio, cache = tmp_path / "audio", tmp_path / "cache"
    write_tagged(audio / "pop/a.flac", "First")
    assert load(audio, cache=cache)["artist"].tolist() == ["First"]
    with monkeypatch.context() as patch:
        patch.setattr(soundfile, "SoundFile", None)
        assert load(audio, cache=cache)["artist"].tolist() == ["First"]
    write_tagged(audio / "pop/a.flac", "Second")
    assert load(audio, cache=cache)["artist"].tolist() == ["Second"]
