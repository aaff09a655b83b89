"""Model cards: what a released network was trained on, how well it does, and where it fails."""

from fractions import Fraction

import yaml

from genre_lib.display import escape_markdown, pipe_table
from genre_lib.experiment.protocols import divide, split_tracks
from genre_lib.results.calibration import confidences, summarize_calibration
from genre_lib.results.diagnostics import describe_runs
from genre_lib.results.scoring import pool
from genre_lib.results.statistics import accuracy
from genre_lib.results.wording import count, join
from genre_lib.waveform import SAMPLE_RATE

_PROTOCOLS = {
    "original": "every track takes part; an artist or a recording may be in training and test",
    "no_repetitions": "without repeated or distorted tracks; artists may be in training and test",
    "artist_filtered": "without repeated or distorted tracks; no artist is in two partitions",
    "fault_filtered": "the split of Kereliuk, Sturm and Larsen (2015), in which no artist is in "
    "training and test",
}
_CARD = """\
---
{head}---

# {title}

A one-dimensional residual network, after Allamy and Koerich (2021), that reads the samples of a
track and names one of {count} genres: {genres}. It belongs to a worked example of a reproducible
report, for teaching and research; it is not fit to label a collection.

## Use

    python -m genre_lib classify song.mp3
    python -c "import genre_lib; print(genre_lib.classify('song.mp3').verdict)"

`model.keras` maps 16-bit samples (mono, {rate} Hz, {window} at a time) to probabilities, in the
order of the genres in `config.json`; Keras 3 loads it once `genre_lib` is imported. The genre of a
song is the one with the highest mean over its segments.

## Training

{training}

## Accuracy

95% intervals come from a bootstrap over tracks; guessing gives {chance:.1%}.

{table}

## Calibration

{calibration}

## Limits

{limits}

## Licence

The network is under the MIT licence, as is the code. {rights} The network holds none of the audio,
and nothing can be played from it.
"""
_GTZAN_RIGHTS = """\
GTZAN has no licence: its excerpts were gathered in 2000 and 2001 from discs, radio and microphones,
without copyright permission, and the rights in the recordings remain with their owners. Whether a
network that was trained on them may be used commercially depends on the country; find out first."""


def model_cards(workspace, names):
    """Write the model cards of kept runs, as a dict of Run to str, for `publish`.

    A card is Markdown with the metadata that the Hugging Face Hub reads. A name is that of a run:
    ``"normal-rotation-0-seed-0"``; an unknown one raises a ValueError that lists all.

    Examples
    --------
    >>> cards = model_cards(workspace, ["normal-rotation-0-seed-0"])  # doctest: +SKIP
    """
    kept = workspace.kept.load_all(workspace.planned())
    known = {run.slug: run for run in kept if not run.phase.baseline}
    if unknown := [name for name in names if name not in known]:
        raise ValueError(
            f"{', '.join(unknown)}: no network of this name is kept. Expected one of "
            f"{', '.join(known)}."
        )
    return {known[name]: _write(workspace, known[name], kept) for name in names}


def _write(workspace, run, kept):
    profile, genres, result = workspace.profile, workspace.genres, kept[run]
    parts = _split(workspace, run)
    scores = _scores(workspace, run, kept, parts)
    rows = [
        [name, str(accuracy(table, "segments")), str(accuracy(table)), str(len(table))]
        for name, table in scores.items()
    ]
    header = ["tested", "segments", "tracks", "test tracks"]
    rights = _GTZAN_RIGHTS if workspace.is_gtzan else "Its audio has terms of its own."
    return _CARD.format(
        head=yaml.safe_dump(_head(workspace, run, scores), sort_keys=False, allow_unicode=True),
        title=f"{escape_markdown(run.phase.label)}: {len(genres)} genres from raw waveforms",
        count=len(genres),
        genres=join([escape_markdown(genre) for genre in genres]),
        rate=SAMPLE_RATE,
        window=profile.window,
        training=_on_training(workspace, run, result, parts),
        chance=1 / len(genres),
        table=pipe_table(header, rows, [False, False, False, True]),
        calibration=_on_calibration(result),
        limits="\n".join(f"- {limit}" for limit in _limits(workspace, parts)),
        rights="The sounds it was trained on are synthetic." if workspace.is_demo else rights,
    )


def _split(workspace, run):
    """Return the tracks of a run by split, annotated and indexed by track id."""
    tracks, (profile, phase) = workspace.annotated, (run.profile, run.phase)
    partition = divide(tracks, phase.protocol, profile.n_partitions, profile.partition_seed)
    parts = split_tracks(partition, run.rotation, phase.train_partitions)
    return {split: tracks.set_index("track_id").loc[ids] for split, ids in parts.items()}


def _scores(workspace, run, kept, parts):
    """Return what was tested, by name: this network first, then others to compare it with."""
    scores = {"this network": pool([kept[run]])}
    train, test = parts["train"], parts["test"]
    heard = test["repetition_group"].isin(set(train["repetition_group"].dropna()))
    apart = test.index[test["artist"].notna() & ~test["artist"].isin(train["artist"]) & ~heard]
    if len(apart):
        found = scores["this network"]
        name = "this network, known artists that it was not trained on"
        scores[name] = found[found["track_id"].isin(apart)]
    phases = [run.phase, *workspace.protocol_phases(run.phase.train_partitions)]
    for phase in dict.fromkeys(phases):
        found = [result for other, result in kept.items() if other.phase == phase]
        if found and (len(found) > 1 or phase != run.phase):
            original = ", original protocol" * (phase.protocol == "original")
            scores[f"{phase.label}{original}, {count(len(found), 'network')}"] = pool(found)
    return scores


def _head(workspace, run, scores):
    name = "GTZAN" if workspace.is_gtzan else workspace.corpus_name
    name = f"{name}, {len(workspace.genres)} genres"
    source = "marsyas/gtzan" if workspace.is_gtzan else workspace.corpus_name
    results = [
        {
            "task": {"type": "audio-classification"},
            "dataset": {"name": f"{name} ({tested})", "type": source, "split": "test"},
            "metrics": [
                _metric(f"Accuracy of {of}", accuracy(table, of)) for of in ("tracks", "segments")
            ],
        }
        for tested, table in scores.items()
        if tested.startswith("this network")
    ]
    return {
        "license": "mit",
        "library_name": "keras",
        "pipeline_tag": "audio-classification",
        "tags": ["music", "genre-classification", "waveform"],
        **({"datasets": [source]} if workspace.is_gtzan else {}),
        "metrics": ["accuracy"],
        "model-index": [{"name": f"{run.profile.name}-{run.slug}", "results": results}],
    }


def _metric(name, found):
    interval = f"95% interval {found.low:.3f} to {found.high:.3f}"
    return {"type": "accuracy", "value": round(found.value, 4), "name": f"{name} ({interval})"}


def _on_training(workspace, run, result, parts):
    profile, (row,) = workspace.profile, describe_runs([result]).to_dict("records")
    train, valid, test = (len(parts[split]) for split in ("train", "valid", "test"))
    corpus = escape_markdown(workspace.corpus_name)
    return (
        f"Corpus: {len(workspace.tracks)} tracks of the {corpus}. In rotation {run.rotation + 1}, "
        f"{train} tracks train, {valid} validate and {test} test the network. Protocol "
        f"*{run.phase.protocol}*: {_PROTOCOLS[run.phase.protocol]}.\n\n"
        f"Profile *{escape_markdown(profile.name)}*, phase *{escape_markdown(run.phase.label)}*, "
        f"{Fraction(profile.width).limit_denominator(99)} of the original's filters, seed "
        f"{run.seed}, batches of {run.batch_size} segments of {profile.window / SAMPLE_RATE:.1f} "
        f"s, Adam with a learning rate of {profile.learning_rate:g}. The weights are those of "
        f"epoch {row['best']:.0f} of {row['epochs']:.0f}, which has the lowest validation loss; "
        f"the accuracy of segments was {row['training']:.1%} in training and "
        f"{row['validation']:.1%} in validation."
    )


def _on_calibration(result):
    table = summarize_calibration({of: confidences([result], of) for of in ("tracks", "segments")})
    return " ".join(
        f"Of {row['of']}, the mean confidence is {row['confidence']:.1%} and the accuracy "
        f"{row['accuracy']:.1%}, a difference of {row['confidence less accuracy / points']} "
        f"points; the expected calibration error is {row['ECE']:.3f}."
        for row in table.to_dict("records")
    )


def _limits(workspace, parts):
    yield "A song of any other genre is given one of these names, too."
    yield (
        f"It has heard {len(parts['train'])} tracks. The intervals show how far other test tracks "
        "would move a number, not other training tracks or seeds."
    )
    if workspace.is_demo:
        yield "The tracks are synthetic: the numbers say nothing about music."
    if workspace.is_gtzan:
        yield (
            "GTZAN's excerpts of 30 s were gathered in 2000 and 2001. Sturm (2012) doubts about a "
            "tenth of its labels, and some recordings are in it twice."
        )
