import numpy as np
import pandas as pd
import pytest

from genre_lib.faults import find_label_errors


@pytest.fixture
def swapped():
    """Three swapped labels of 90, and probabilities that know better."""
    true = np.repeat([0, 1, 2], 30)
    given = true.copy()
    given[[3, 40, 75]] = (given[[3, 40, 75]] + 1) % 3
    tracks = pd.DataFrame({"track_id": [f"t{n}" for n in range(90)], "label": given})
    noise = np.random.default_rng(3).dirichlet(np.ones(3), size=90)
    return tracks.assign(genre=np.array(["a", "b", "c"])[given]), 0.1 * noise + 0.9 * np.eye(3)[
        true
    ]


def test_swapped_labels_come_first(swapped):
    table = find_label_errors(*swapped)
    assert set(table["track_id"][:3]) == {"t3", "t40", "t75"}
    assert table["verdict"][:3].sum() >= 2
    assert not table["verdict"][3:].any()
    suggested = table.set_index("track_id")["suggested_genre"]
    assert [suggested[name] for name in ("t3", "t40", "t75")] == ["a", "b", "c"]


def test_what_is_not_a_probability_is_named(swapped):
    tracks, probabilities = swapped
    one = np.arange(90)[:, np.newaxis] == 5
    with pytest.raises(ValueError, match="t5 add up to 2"):
        find_label_errors(tracks, np.where(one, 2 * probabilities, probabilities))
    with pytest.raises(ValueError, match=r"t5 add up to 1, and the lowest is -0\.5"):
        find_label_errors(tracks, np.where(one, [1.5, -0.5, 0], probabilities))
    with pytest.raises(ValueError, match="t5 add up to nan"):
        find_label_errors(tracks, np.where(one, np.nan, probabilities))
    with pytest.raises(ValueError, match=r"Expected \(90, 3\)"):
        find_label_errors(tracks, probabilities[:, :2])
