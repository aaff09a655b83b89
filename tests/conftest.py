"""What the tests share: a corpus of tones and its store, and the real excerpts if at hand."""

from pathlib import Path

import pytest
from tones import TINY, write_tones

from genre_lib.corpus import build_store, load_corpus

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def gtzan_mini():
    """The folder of 100 real excerpts, ten per genre."""
    folder = SHARED / "gtzan_mini"
    if not folder.is_dir():
        pytest.skip("the real excerpts are not on this machine")
    return folder


@pytest.fixture(scope="session")
def tone_folder(tmp_path_factory):
    """Two genres of seven 3 s tracks: low tones and high tones. Not to be changed."""
    return write_tones(tmp_path_factory.mktemp("tones"))


@pytest.fixture(scope="session")
def tone_corpus(tone_folder):
    """The table of its tracks."""
    return load_corpus(tone_folder, min_samples=TINY.window, progress=False)


@pytest.fixture(scope="session")
def tone_store(tone_corpus, tmp_path_factory):
    """The store of its audio. Not to be changed."""
    return build_store(tone_corpus, tmp_path_factory.mktemp("cache"), progress=False)


@pytest.fixture
def keras_json():
    """A function that sets Keras as a user's keras.json does, for one test."""
    import keras

    names = ("floatx", "epsilon", "image_data_format", "dtype_policy")
    before = {name: getattr(keras.config, name)() for name in names}

    def choose(**settings):
        policy = {"dtype_policy": settings["floatx"]} if "floatx" in settings else {}
        for name, value in (policy | settings).items():
            getattr(keras.config, f"set_{name}")(value)

    yield choose
    choose(**before)
