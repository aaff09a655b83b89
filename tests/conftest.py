"""What the tests share: a corpus of tones, a small network, and the real excerpts if at hand."""

import gc
from pathlib import Path

import pytest
from tones import SMALL_DEMO, TINY, write_tones

from genre_lib.corpus import build_store, load_corpus, make_demo_corpus
from genre_lib.startup import load_less

load_less()
gc.disable()  # until everything is imported

SHARED = Path(__file__).resolve().parents[2] / "shared"

# The files that take longest come first, so that neither of two processes waits for the other at
# the end.
FIRST = ["test_report", "test_kills", "test_resnet1d", "test_checkpoints", "test_inference"]


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: [*FIRST, item.path.stem].index(item.path.stem))


def pytest_collection_finish():
    # What is imported by now need not be searched whenever a network is forgotten.
    gc.freeze()
    gc.enable()


def pytest_sessionfinish():
    gc.freeze()  # pytest searches for garbage five times before it ends


@pytest.fixture(scope="session")
def gtzan_mini():
    """The folder of 100 real excerpts, ten per genre."""
    folder = SHARED / "gtzan_mini"
    if not folder.is_dir():
        pytest.skip("the real excerpts are not on this machine")
    return folder


@pytest.fixture(scope="session")
def gtzan_four():
    """The folder of the 400 real excerpts of four genres."""
    folder = SHARED / "gtzan_four"
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


@pytest.fixture(scope="session")
def small_demo(tmp_path_factory):
    """The folder of a small demo corpus. Not to be changed."""
    folder = tmp_path_factory.mktemp("demo") / "corpus"
    make_demo_corpus(folder, **SMALL_DEMO)
    return folder


@pytest.fixture(scope="session")
def small_network():
    """A function that builds a network which compiles in a second."""

    import keras

    def build(window, n_classes, dropout=0, **_):
        inputs = keras.Input((window, 1), dtype="int16")
        x = keras.layers.Rescaling(1 / 2**15)(inputs)
        x = keras.layers.Conv1D(8, 64, strides=32, activation="relu")(x)
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        x = keras.layers.GlobalAveragePooling1D()(x)
        if dropout:
            x = keras.layers.Dropout(dropout)(x)
        return keras.Model(inputs, keras.layers.Dense(n_classes, activation="softmax")(x))

    return build


@pytest.fixture
def font_of_triangles(tmp_path):
    """An installed font that has triangles for 中 and 文, for one test."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from matplotlib.font_manager import fontManager

    from genre_lib.figures import style

    names = {ord(character): f"u{ord(character):x}" for character in "中文"}
    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    pen.lineTo((500, 700))
    pen.lineTo((900, 0))
    pen.closePath()
    glyphs = dict.fromkeys([".notdef", *names.values()], pen.glyph())
    font = FontBuilder(1000)
    font.setupGlyphOrder(list(glyphs))
    font.setupCharacterMap(names)
    font.setupGlyf(glyphs)
    font.setupHorizontalMetrics(dict.fromkeys(glyphs, (1000, 100)))
    font.setupHorizontalHeader(ascent=800, descent=-200)
    family = {"familyName": "Triangles", "styleName": "Regular", "psName": "Triangles-Regular"}
    font.setupNameTable(family)
    font.setupOS2(sTypoAscender=800, sTypoDescender=-200)
    font.setupPost()
    font.save(tmp_path / "triangles.ttf")
    style._search_fonts.cache_clear()
    before = list(fontManager.ttflist)
    fontManager.addfont(tmp_path / "triangles.ttf")
    yield
    fontManager.ttflist[:] = before
    style._search_fonts.cache_clear()


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
