"""What the tests of the room share: a network of one layer in place of thirty."""

import keras
import pytest


@pytest.fixture(scope="session")
def small_network():
    """A function that builds a network which compiles in a second."""

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


@pytest.fixture(scope="module")
def small_networks(small_network):
    """Let the runs of a module train it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genre_lib.experiment.models.build_resnet1d", small_network)
        yield
