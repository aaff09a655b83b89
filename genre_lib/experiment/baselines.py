"""Fit simpler classifiers on the same partitions, and keep their runs like those of the network."""

import functools
import time
import warnings

import numpy as np
import pandas as pd
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from genre_lib.corpus.descriptors import measure_features
from genre_lib.experiment.kept import KeptRuns
from genre_lib.experiment.protocols import divide, split_tracks
from genre_lib.experiment.runs import describe
from genre_lib.progress import progress_bar

# By the name in a phase: the classifier, and which features it sees.
_CLASSIFIERS = {
    "majority": (DummyClassifier(strategy="most_frequent"), "."),
    "mfcc": (LogisticRegression(max_iter=1000), r"^mfcc \d+ mean$"),
    "svm": (SVC(C=10), "."),
}


def fit_baselines(runs, store, runs_dir, cache, progress=True):
    """Fit the runs of `BASELINES` that are not kept yet.

    The features are measured once and kept in the folder `cache`. A run that fails causes a
    warning and leaves a note beside its folder; the next call tries it again.
    """
    kept = KeptRuns(runs_dir, store.fingerprint)
    measure = functools.cache(lambda: measure_features(store, cache, progress))
    missing = [run for run in runs if kept.load(run) is None]
    bar = progress_bar(missing, desc="Baselines", unit="run", progress=progress and bool(missing))
    for run in bar:
        fit = functools.partial(_fit_and_keep, run, store, kept, measure)
        if reason := kept.attempt(run, fit):
            warnings.warn(f"run failed: {run}: {reason}", stacklevel=2)


def _fit_and_keep(run, store, kept, measure):
    features = measure()
    with kept.locked(run):
        if kept.load(run) is None:  # another process may have fitted it meanwhile
            kept.remove_leftovers(run)
            kept.save(run, *_fit(run, store, features))


def _fit(run, store, features):
    """Return what to keep of a run: facts, history, examples and probabilities."""
    begin, profile, phase = time.perf_counter(), run.profile, run.phase
    partition = divide(store.tracks, phase.protocol, profile.n_partitions, profile.partition_seed)
    parts = split_tracks(partition, run.rotation, phase.train_partitions)
    classifier, columns = _CLASSIFIERS[phase.baseline]
    model, seen = make_pipeline(StandardScaler(), classifier), features.filter(regex=columns)
    labels = store.tracks.set_index("track_id")["label"]
    with threadpool_limits(1):  # several threads take forty times as long, waiting
        model.fit(seen.loc[parts["train"]], labels[parts["train"]])
    table = pd.concat(  # a track is a single example
        pd.DataFrame({"split": split, "track_id": parts[split], "segment": 0})
        for split in ("test", "valid", "train")
    )
    table["label"] = labels[table["track_id"]].to_numpy()
    predicted = model.predict(seen.loc[table["track_id"]])
    right = (predicted == table["label"]).groupby(table["split"]).mean()
    seconds = time.perf_counter() - begin
    # The loss is the share of errors.
    history = {"epoch": 1, "loss": 1 - right["train"], "accuracy": right["train"]}
    history |= {"val_loss": 1 - right["valid"], "val_accuracy": right["valid"], "seconds": seconds}
    facts = describe(run, store) | {"backend": "scikit-learn", "seconds": round(seconds, 3)}
    # A support vector machine has no probabilities that agree with its own decisions.
    probabilities = np.eye(len(store.genres), dtype=np.float32)[predicted]
    tested = (table["split"] != "train").to_numpy()
    return facts, pd.DataFrame([history]), table[tested], probabilities[tested]
