"""What the tests of the room share: runs train a network of one layer in place of thirty."""

import pytest


@pytest.fixture(scope="module")
def small_networks(small_network):
    """Let the runs of a module train it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genre_lib.experiment.models.build_resnet1d", small_network)
        yield
