"""What a corpus and the plan of a profile say before any result, as computed sentences."""

from genre_lib.display import escape_markdown
from genre_lib.experiment.runs import plan
from genre_lib.results.wording import count, join

_VARIANTS = {
    "whole-batch": "the batch, which is normalised in one piece",
    "group-norm": "the normalisation, which is by groups of filters",
    "momentum": "the momentum",
    "statistics": "the statistics, re-estimated over the training segments before each validation",
    "patience": "patience, counted in updates of the normal phase",
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
        return f"None of the {n_tracks} tracks is found to repeat another."
    exact, across = same["exact"].sum(), same["across_genres"].sum()
    repeating = len(set(same["track_id"]) | set(same["other_track_id"]))
    pairs = "1 pair is" if len(same) == 1 else f"{len(same)} pairs are"
    return (
        f"Among the {n_tracks} tracks, **{pairs} of the same recording** (exact repetitions: "
        f"{exact or 'none'}; across two genres: {across or 'none'}): {repeating} tracks "
        f"({repeating / n_tracks:.1%}) repeat or are repeated."
    )


def on_rotations(profile):
    """Say what the networks of a profile are trained and tested on."""
    n, run = profile.n_partitions, profile.rotations
    tested = "all are run, so that each track is tested exactly once"
    if run < n:
        is_run, tests = ("is run", "tests") if run == 1 else ("are run", "test")
        tested = f"{run} of the {n} rotations {is_run}, which {tests} {run}/{n} of the tracks, "
        tested += "each once"
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
            gaps.append(f"{phase.name} ({len(found) or 'none'} of {planned})")
    if not gaps:
        return ""
    rest = "What follows is computed from the runs that are there."
    if not any(runs.values()):
        rest = "There is none to compute anything from."
    return f"**Runs of the plan are missing**: {', '.join(gaps)}. {rest}"


def on_variants(profile):
    """Say what the variants of a profile change about accumulation."""
    named = [_VARIANTS.get(name, name) for name in profile.variants if name != "l2-mean"]
    if not named:
        return f"The profile *{profile.name}* trains no variant that tells these apart."
    if not named[1:]:
        return f"The variant below changes one thing: {named[0]}."
    return f"Each variant below changes one thing: {'; '.join(named)}."
