"""A kept run that is damaged, or that another version kept, counts as none and is made again."""

import json

import numpy as np
import pandas as pd
import pytest

from genre_lib.experiment import NORMAL, SMOKE, Run

RUN = Run(SMOKE, NORMAL, 0)


def flip(name):
    """Change a bit in the middle of a file."""

    def change(folder):
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(data)

    return change


def halve(name):
    def change(folder):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2])

    return change


def edit_facts(change):
    def edit(folder):
        facts = json.loads((folder / "run.json").read_text())
        (folder / "run.json").write_text(json.dumps(change(facts)))

    return edit


DAMAGES = {
    **{f"a bit of {n}": flip(n) for n in ("history.csv", "predictions.npz", "model.keras")},
    **{f"half of {n}": halve(n) for n in ("predictions.npz", "model.keras", "run.json")},
    "a file less": lambda folder: (folder / "model.keras").unlink(),
    "facts that are no JSON": lambda folder: (folder / "run.json").write_bytes(b"\xff{"),
    "facts that are a list": edit_facts(lambda facts: [facts]),
    "facts without checksums": edit_facts(lambda facts: {"rotation": 0, "seed": 0, "seconds": 1.0}),
    "checksums of some files": edit_facts(lambda facts: facts | {"sha256": {}}),
    "checksums that are a text": edit_facts(lambda facts: facts | {"sha256": "abc"}),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_run_counts_as_none_until_it_is_made_again(damage, kept, parts):
    kept.save(RUN, **parts)
    assert list(kept.load_all([RUN])) == [RUN]
    damage(kept.place(RUN))
    assert kept.load_all([RUN]) == {}
    kept.save(RUN, **parts)
    result = kept.load(RUN)
    np.testing.assert_array_equal(result.probabilities, parts["probabilities"])
    pd.testing.assert_frame_equal(result.history, parts["history"])
    assert result.segments.to_dict("list") == parts["segments"].to_dict("list")


OTHER_VERSIONS = {
    "a fact less": lambda parts: {"facts": {"rotation": 0, "seed": 0}},
    "a column less": lambda parts: {"segments": parts["segments"].drop(columns="split")},
    "another history": lambda parts: {"history": parts["history"].drop(columns="val_loss")},
    "fewer probabilities than segments": lambda parts: {
        "probabilities": parts["probabilities"][1:]
    },
}


@pytest.mark.parametrize("change", OTHER_VERSIONS.values(), ids=OTHER_VERSIONS)
def test_a_run_that_lacks_what_this_version_needs_counts_as_none(change, kept, parts):
    kept.save(RUN, **parts | change(parts))
    assert kept.load_all([RUN]) == {}


def test_a_run_that_other_packages_made_is_used_and_says_so(kept, parts):
    kept.save(RUN, **parts)
    assert kept.load(RUN).facts["versions"] == {"keras": "2.0.0"}
