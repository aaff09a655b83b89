import dataclasses
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from made_runs import HISTORY, run_of
from sentences import assert_reads

from genre_lib.experiment import LAPTOP, PAPER, SMOKE, l2_phase
from genre_lib.experiment.protocols import divide
from genre_lib.results import accuracy, pool
from genre_lib.results.headline import APART, BETTER, PHASES, SIMPLE, WAYS, summarize
from genre_lib.workspace import Workspace

HALF = dataclasses.replace(LAPTOP, l2_lambdas=(0.01,), rotations=2, other_rotations=2)
NORMAL, L2, ACCUMULATION = "normal", "l2-0.01", "accumulation"
WHOLE, ARTISTS = "batch-80", "normal-artist-filtered"


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch):
    monkeypatch.setattr("genre_lib.results.statistics._RESAMPLES", 200)


class Made(SimpleNamespace):
    """A workspace of kept runs that recognise these shares of their test tracks, by phase."""

    planned, protocols = Workspace.planned, Workspace.protocols
    protocol_phases, data_phases = Workspace.protocol_phases, Workspace.data_phases
    corpus_name, is_demo = "corpus made_up", False

    def __init__(self, shares, profile=HALF, genres=("blues", "rock"), artists=True, repeated=0):
        n = 60 * len(genres)
        tracks = pd.DataFrame({"track_id": [f"t{k:03d}" for k in range(n)]})
        tracks["label"] = np.arange(n) % len(genres)
        tracks["genre"] = tracks["label"].map(dict(enumerate(genres)))
        groups = [f"r{k // 2}" if k < 2 * repeated else None for k in range(n)]
        annotated = tracks.assign(distorted=False, repetition_group=pd.Series(groups, dtype=object))
        annotated["artist"] = [f"a{k // 6}" if artists else None for k in range(n)]
        annotated["fault_filtered_split"] = None
        kept = SimpleNamespace(load_all=lambda runs: self.load_all(shares, runs))
        super().__init__(profile=profile, tracks=tracks, genres=list(genres), kept=kept)
        self.annotated = annotated

    def load_all(self, shares, runs):
        return {
            run: self.load(run, shares[run.phase.name]) for run in runs if run.phase.name in shares
        }

    def load(self, run, share):
        part = divide(self.annotated, run.phase.protocol, run.profile.n_partitions)
        label = self.tracks.set_index("track_id")["label"]
        segments = []
        for split, number in (("valid", 1), ("test", 2)):
            tested = part.index[part == (run.rotation + number) % run.profile.n_partitions]
            segments.append(pd.DataFrame({"split": split, "track_id": tested}))
        segments = pd.concat(segments, ignore_index=True)
        segments["label"] = segments["track_id"].map(label)
        right = segments.groupby("split").cumcount() < share * segments.groupby("split").transform(
            "size"
        )
        predicted = np.where(right, segments["label"], (segments["label"] + 1) % len(self.genres))
        probabilities = np.eye(len(self.genres))[predicted]
        history = pd.DataFrame({"epoch": [1, 2]} | HISTORY | {"accuracy": 0.9, "val_loss": [1, 2]})
        options = {"rotation": run.rotation, "seed": run.seed, "history": history}
        return run_of(dict(segments), probabilities, **options)


def one(profile=HALF, **changes):
    return dataclasses.replace(profile, **changes)


ALL = {NORMAL: 0.8, L2: 0.8, ACCUMULATION: 0.4, WHOLE: 0.8, ARTISTS: 0.6}


def test_the_accuracies_are_those_of_the_kept_runs():
    workspace = Made(ALL)
    headline = summarize(workspace)
    kept = workspace.kept.load_all(workspace.planned())
    for name, phase in ((NORMAL, NORMAL), ("L2, λ = 0.01", L2), (ACCUMULATION, ACCUMULATION)):
        found = accuracy(pool([result for run, result in kept.items() if run.phase.name == phase]))
        assert f"**{found}** of 40 test tracks with " in headline.paragraphs[1]
        assert f"{found} of 40 tracks" in headline.line
        assert headline.rows.loc[name, "tracks"] == found
    assert "with plain training (the original: 55.35%)" in headline.paragraphs[1]
    assert "guessing gives 50.0%" in headline.paragraphs[1]
    assert headline.chance == 0.5
    assert headline.original["accumulation"] == (0.3731, 0.3792)


def test_the_rows_of_the_figure_stand_in_their_groups():
    rows = summarize(Made(ALL)).rows
    assert dict(rows["group"]) == {
        "normal": PHASES,
        "L2, λ = 0.01": PHASES,
        "accumulation": PHASES,
        "whole batches of 80": WAYS,
        "normal, artist filtered": APART,
    }
    assert list(summarize(Made({NORMAL: 0.8, WHOLE: 0.8})).rows.index) == [
        "normal",
        "whole batches of 80",
    ]


def test_baselines_more_data_and_improvements_are_rows_and_a_sentence():
    profile = one(train_partitions=(1, 4), improvements=("dropout", "improved"))
    shares = ALL | {"majority": 0.1, "svm": 0.8, "normal-4-partitions": 1.0, "improved": 0.4}
    headline = summarize(Made(shares, profile))
    others = headline.rows["group"].iloc[5:]
    assert dict(others) == {
        "librosa features, SVM": SIMPLE,
        "normal, 4 partitions": BETTER,
        "improved": BETTER,
    }
    told = headline.paragraphs[1].partition(" Compared with plain training on the same tracks, ")[2]
    assert told.startswith("significantly better: normal, 4 partitions (+20.0 [")
    assert "; significantly worse: improved (\u221240.0 [" in told
    assert told.endswith("; no difference detected: librosa features, SVM (+0.0 points).")
    assert "Compared with plain" not in summarize(Made(ALL)).paragraphs[1]


def test_runs_of_networks_are_counted_and_not_those_of_baselines():
    text = summarize(Made(ALL | {"svm": 0.8}, one(l2_lambdas=(0.01,)))).paragraphs[0]
    assert "The numbers come from all 9 planned runs of the profile *laptop*" in text


@pytest.mark.parametrize(
    ("accumulation", "verdict", "in_line"),
    [
        (0.4, "**supported** (significantly worse, \u221240.0 [", "(significantly worse)"),
        (0.8, "**open** (no difference detected, +0.0 points, p = 1)", "(no difference detected)"),
        (1.0, "**refuted** (significantly better, +20.0 [", "(significantly better)"),
        (None, "**not tested** (no run to compare).", "plain training"),
    ],
)
def test_the_verdict_on_accumulation(accumulation, verdict, in_line):
    shares = {NORMAL: 0.8, L2: 0.8} | ({ACCUMULATION: accumulation} if accumulation else {})
    headline = summarize(Made(shares))
    assert f"*Gradient accumulation does not help*: {verdict}" in headline.paragraphs[2]
    assert in_line in headline.line
    assert ("Missing: accumulation." in headline.paragraphs[1]) == (not accumulation)


@pytest.mark.parametrize(
    ("accumulation", "whole", "explained"),
    [(0.4, 0.8, True), (0.4, 0.4, False), (0.8, 1.0, False)],
)
def test_batch_normalisation_is_blamed_only_where_whole_batches_mend_a_harm(
    accumulation, whole, explained
):
    text = summarize(Made(ALL | {ACCUMULATION: accumulation, WHOLE: whole})).paragraphs[2]
    assert "Compared with accumulation on the same tracks, " in text
    assert ("these do the harm" in text) == explained


def test_what_leaks_is_counted_and_what_it_adds():
    text = summarize(Made(ALL, repeated=20)).paragraphs[3]
    assert text.startswith("Under the original's protocol, of 40 test tracks ")
    assert "have a repetition among the training tracks, and " in text
    assert "Under the protocol *artist filtered*, plain training recognises **" in text
    assert re.search(r"\]\*\* of \d+ tracks; on the \d+ that both protocols tested, ", text)


def test_what_the_improvements_add_under_the_stricter_protocol_is_told():
    profile = one(improvements=("improved",))
    shares = ALL | {"improved": 0.8, "improved-artist-filtered": 1.0, "svm-artist-filtered": 0.6}
    told = summarize(Made(shares, profile)).paragraphs[3].partition(" The improved network ")[2]
    assert told.startswith("recognises **100.0% [100.0%, 100.0%]** there. On the same tracks, ")
    assert "with 1 training partition, the improved network is significantly better than " in told
    assert "than the plain network (+" in told
    assert "than the baseline *librosa features, SVM* (+" in told
    for others in (ALL, {name: shares[name] for name in shares if "artist" not in name}):
        assert "The improved network" not in summarize(Made(others, profile)).paragraphs[3]


def test_without_artists_faults_and_protocols_the_text_says_so():
    profile = dataclasses.replace(HALF, protocols=("original",))
    text = summarize(Made(ALL, profile, artists=False)).paragraphs[3]
    assert text == (
        "Under the original's protocol, of 40 test tracks none has a repetition among the "
        "training tracks, and their artists are not known. No stricter protocol was run "
        "to show what that adds."
    )


def test_the_limits_are_those_of_the_profile_and_the_runs():
    text = summarize(Made(ALL)).paragraphs[4]
    assert text.startswith("Limits of these results: the network has 1/16 of the original's ")
    assert text.endswith("tracks or seeds, and there is one seed per run.")
    small = dataclasses.replace(SMOKE, l2_lambdas=(0.01,), protocols=("original",), variants=())
    text = summarize(Made({NORMAL: 0.5, L2: 0.5}, small)).paragraphs[4]
    assert "1 planned run is missing; the network has 1/32 of" in text
    assert "a segment lasts 2.7 s instead of the original's 5 s" in text
    assert "plain training and L2, λ = 0.01 were still improving in the only epoch" in text
    assert "each way is run in 1 or 2 of the 3 rotations" in text
    seeds = dataclasses.replace(PAPER, seeds=(0, 1), l2_lambdas=(0.01,), variants=())
    text = summarize(Made({NORMAL: 0.5}, seeds)).paragraphs[4]
    assert "planned runs are missing; the intervals" in text  # and all rotations were run
    assert text.endswith("not other training tracks or seeds.")
    made = Made(ALL)
    made.is_demo = True
    assert "results: the sounds are synthetic; " in summarize(made).paragraphs[4]


CORPORA = {
    "all rotations": {"profile": one(rotations=6, other_rotations=6)},
    "one rotation": {"profile": one(rotations=1, other_rotations=1)},
    "two seeds": {"profile": one(seeds=(0, 1))},
    "no penalty": {"profile": one(l2_lambdas=())},
    "two penalties": {"profile": one(l2_lambdas=(0.01, 0.001))},
    "no variants": {"profile": one(variants=())},
    "no other protocol": {"profile": one(protocols=("original",))},
    "no original protocol": {"profile": one(protocols=("artist_filtered",))},
    "more data": {"profile": one(train_partitions=(1, 2))},
    "all": {"profile": one(PAPER, l2_lambdas=(0.01,), seeds=(3,))},
    "no artists": {"artists": False},
    "one repetition": {"repeated": 1},
    "many repetitions": {"repeated": 20},
    "ten genres": {"genres": tuple("abcdefghij")},
    "strange genres": {"genres": ("<b>", "*r*")},
}


SHARES = [{NORMAL: 1.0}, {NORMAL: 0.0, ACCUMULATION: 0.0}, {L2: 0.5}, {ARTISTS: 0.5}, {}]


@pytest.mark.parametrize(
    ("shares", "corpus"),
    [(ALL, corpus) for corpus in CORPORA.values()]
    + [(shares, corpus) for shares in SHARES for corpus in ({}, CORPORA["one rotation"])],
)
def test_every_sentence_is_whole(corpus, shares):
    headline = summarize(Made(shares, **corpus))
    for paragraph in headline.paragraphs:
        assert_reads(paragraph)
        assert paragraph
    assert_reads(headline.line + ".")
    assert "accumulation" in headline.paragraphs[1] or not shares.keys() & {NORMAL, L2}


def test_the_label_of_a_penalty_is_that_of_its_phase():
    assert l2_phase(0.01).name == L2
