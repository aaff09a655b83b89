"""What a corpus and the plan of a profile say before any result, as computed sentences."""

from genre_lib.display import escape_markdown
from genre_lib.experiment.runs import plan
from genre_lib.results.wording import count, join

_VARIANTS = {
    "whole-batch": "the batch, which is normalised in one piece",
    "group-norm": "the normalisation, which uses groups of filters",
    "momentum": "the momentum of the moving statistics",
    "accumulation-momentum": "that momentum, with accumulation",
    "statistics": "the statistics, re-estimated on the training segments before each validation",
    "patience": "the patience, which waits for as many updates as the normal phase does",
}


def on_segment_counts(per_track):
    """Say how many segments the tracks give; takes a Series of counts by track id."""
    counted = per_track.value_counts().sort_index(ascending=False)
    if len(counted) == 1:
        return f"each of the {len(per_track)} tracks gives {count(counted.index[0], 'segment')}."
    listed = [f"{n} {'give' if n > 1 else 'gives'} {size}" for size, n in counted.items()]
    text = f"of {len(per_track)} tracks, {join(listed)}."
    fewer = per_track.index[per_track < per_track.max()]
    if len(fewer) <= 20:
        text += f" Fewer than the others: {escape_markdown(', '.join(fewer))}."
    return text


def on_repetitions(same, n_tracks):
    """Say how many tracks are of the same recording, as from `same_recordings`."""
    if same.empty:
        return f"No repetition was found among the {n_tracks} tracks."
    exact, across = same["exact"].sum(), same["across_genres"].sum()
    repeating = len(set(same["track_id"]) | set(same["other_track_id"]))
    pairs = "1 pair is" if len(same) == 1 else f"{len(same)} pairs are"
    return (
        f"Among the {n_tracks} tracks, **{pairs} of the same recording** (exact repetitions: "
        f"{exact or 'none'}; across genres: {across or 'none'}): {repeating} tracks "
        f"({repeating / n_tracks:.1%}) repeat another or are repeated."
    )


def on_rotations(profile):
    """Say what the networks of a profile are trained and tested on."""
    n, run = profile.n_partitions, profile.rotations
    tested = "all are run, so that each track is tested exactly once"
    if run < n:
        is_run, tests = ("is run and", "tests") if run == 1 else ("are run and", "test")
        tested = f"{run} of the {n} rotations {is_run} {tests} {run}/{n} of the tracks, each once"
    return (
        f"So each network is trained on 1/{n} of the tracks and tested on another 1/{n}. In the "
        f"normal phase of the profile *{profile.name}*, {tested}. (Most published results on GTZAN "
        "train on nine tenths.)"
    )


def on_gaps(profile, runs):
    """Name the phases that lack runs of the plan; an empty text if none does."""
    gaps = []
    for phase, found in runs.items():
        if len(found) < (planned := len(plan(profile, phase))):
            gaps.append(f"{phase.name} ({len(found) or 'none'} of {planned} done)")
    if not gaps:
        return ""
    rest = "What follows is computed from the others."
    if not any(runs.values()):
        rest = "Nothing can be computed."
    return f"**Planned runs are missing**: {', '.join(gaps)}. {rest}"


def on_variants(profile):
    """Say what the variants of a profile change about accumulation."""
    named = [_VARIANTS.get(name, name) for name in profile.variants if name != "l2-mean"]
    if not named:
        return f"The profile *{profile.name}* trains no variant that tells these apart."
    if not named[1:]:
        return f"The variant below changes one thing: {named[0]}."
    return f"Each variant below changes one thing: {'; '.join(named)}."
