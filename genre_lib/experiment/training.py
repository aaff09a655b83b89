"""Train, validate and test the network of one run, and keep the result."""

import time

import keras
import numpy as np
import pandas as pd

from genre_lib.experiment.checkpoints import Checkpoints
from genre_lib.experiment.kept import KeptRuns
from genre_lib.experiment.models import Networks
from genre_lib.experiment.protocols import split_segments
from genre_lib.experiment.runs import describe
from genre_lib.network.averaging import AveragedWeights
from genre_lib.network.batch_statistics import ReestimatedStatistics
from genre_lib.network.batches import SegmentBatches, feed, nearest_samples
from genre_lib.network.devices import default_settings, describe_computation
from genre_lib.network.inference import evaluate, predict
from genre_lib.network.memory import check_memory, explain_exhaustion
from genre_lib.progress import progress_bar


def fit_run(run, store, runs_dir="runs", progress=True, networks=None):
    """Train, validate and test once, and keep the result.

    A kept run is returned as it is; an interrupted one resumes after its last complete epoch. If
    another process is training the same run, this one waits for its result. A batch that does not
    fit into memory raises a MemoryError that says which size does.

    Parameters
    ----------
    run, store : Run, SegmentStore
    runs_dir : str or Path, folder of all kept runs
    progress : bool, show a bar over the epochs
    networks : Networks, shared by several runs to save compilation

    Returns
    -------
    RunResult

    Examples
    --------
    >>> result = fit_run(Run(DEMO, NORMAL, rotation=0), workspace.store)  # doctest: +SKIP
    """
    kept = KeptRuns(runs_dir, store.fingerprint)
    if (result := kept.load(run)) is not None:
        return result
    with kept.locked(run):
        if kept.load(run) is None:  # another process may have trained it meanwhile
            _train_and_keep(run, store, kept, progress, networks or Networks())
    return kept.load(run)


def _train_and_keep(run, store, kept, progress, networks):
    kept.remove_leftovers(run)
    parts = split_segments(run, store)
    model = networks.give(run, len(store.genres))
    # If segments are mixed, all labels are shares of genres, even those of unmixed segments.
    labels = {"n_classes": len(store.genres) if run.phase.mixes else None}
    changes = {"seed": run.seed, "augmentation": run.phase.augmentation}
    batches = {
        "train": _batches(run, store, parts["train"], run.batch_size, **changes, **labels),
        "valid": _batches(run, store, parts["valid"], **labels),
        "statistics": _batches(run, store, parts["train"]),
    }
    facts, state = describe(run, store), kept.training_state(run)
    facts["computation"] = describe_computation(run.profile.precision, run.profile.jit_compile)
    # What shapes training besides the code; a state made from anything else is void.
    made_from = {name: facts[name] for name in ("phase", "rotation", "seed", "corpus", "versions")}
    made_from |= {"profile": run.profile.digest(), "backend": facts["computation"]["backend"]}
    history = train(model, run, batches, state, made_from, progress)
    begin = time.perf_counter()
    tested = pd.concat([parts[split].assign(split=split) for split in ("test", "valid")])
    tested = tested[["split", "track_id", "segment", "label"]].reset_index(drop=True)
    probabilities = np.concatenate(
        [predict(model, _batches(run, store, parts[s])) for s in ("test", "valid")]
    )
    seconds = history["seconds"].sum() + time.perf_counter() - begin
    facts["seconds"] = round(float(seconds), 1)
    kept.save(run, facts, history, tested, probabilities, model.save)


@default_settings()
def train(model, run, batches, state, made_from, progress=True):
    """Train until the validation loss stops falling, and return the history."""
    # The model ends with the weights of its best epoch. `state` and `made_from`: see `Checkpoints`.
    check_memory(model, run.step_setting, run.step_size)
    epochs = run.epochs
    stopping = keras.callbacks.EarlyStopping(
        monitor="val_loss", patience=run.patience, restore_best_weights=True
    )
    checkpoints = Checkpoints(state, made_from, stopping)
    done = checkpoints.restore(model)
    for _ in range(done):
        batches["train"].on_epoch_end()
    bar = progress_bar(total=epochs, initial=done, desc="  epochs", leave=False, progress=progress)
    training = feed(batches["train"])
    averages = [AveragedWeights()] if run.phase.averages else []
    statistics = [ReestimatedStatistics(batches["statistics"])] if run.phase.reestimates else []

    def validate(_, logs):
        for preparation in averages + statistics:
            preparation.on_test_begin()
        found = evaluate(model, batches["valid"])
        logs.update((f"val_{name}", value) for name, value in found.items())

    def shuffle(*_):
        if training is not batches["train"]:  # Keras does this itself for a PyDataset
            batches["train"].on_epoch_end()

    shuffle()
    follow = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda _, logs: (shuffle(), bar.set_postfix(logs), bar.update())
    )
    # Keras would validate with the network as it is trained, in more than twice the time.
    validation = keras.callbacks.LambdaCallback(on_epoch_end=validate)
    # Early stopping sees the averages; the state is saved without them.
    callbacks = [*_scheduler(run), validation, stopping, *averages, *statistics]
    callbacks += [checkpoints, follow]
    with bar, explain_exhaustion(run.step_setting, run.step_size):
        try:
            model.fit(
                training,
                # A run that was interrupted after it had stopped early has no epochs left.
                initial_epoch=epochs if checkpoints.stopped else done,
                epochs=epochs,
                callbacks=callbacks,
                shuffle=False,
                verbose=0,
            )
        except TypeError as error:
            # On JAX, Keras hides an error in an epoch's first update behind another one: it misses
            # the averages of that update.
            raise error.__context__ or error from None
    history = pd.DataFrame(checkpoints.history)
    history.insert(0, "epoch", np.arange(1, len(history) + 1))
    return history


def _scheduler(run):
    if run.phase.cosine:
        # By epoch, so that the compiled network does not depend on the number of updates in it.
        rate = keras.optimizers.schedules.CosineDecay(run.profile.learning_rate, run.epochs)
        yield keras.callbacks.LearningRateScheduler(lambda epoch, _: float(rate(epoch)))


def _batches(run, store, segments, batch_size=None, **options):
    profile = run.profile
    size, samples = batch_size or profile.batch_size, nearest_samples(store)
    return SegmentBatches(samples, segments, size, window=profile.window, **options)
