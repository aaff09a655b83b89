# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["notebook-only"]
# # 1. Explore the data
#
# **What you will do.** Read a folder of music, see what is in it, cut it into segments, divide it
# into partitions, and look for faults that would spoil a result.
#
# **What you will learn.** What GTZAN is and is not; why a track gives 21 segments and sometimes 20;
# how recordings that occur twice are found without being told.
#
# **What you need.** Nothing: without a corpus of your own, a small synthetic one is made on the
# spot. To use real audio, set `data` below to the folder with the genre folders in it.

# %% tags=["notebook-only"]
# Outside of the project's own environment (on Colab, say) the project is fetched first.
import importlib.util

repository = ""  # the address that you would `git clone`
if importlib.util.find_spec("genre_lib") is None:
    assert repository, "Set `repository` to the address of the project's git repository."
    # !git clone --quiet --depth 1 {repository} genre-report
    # %cd genre-report/notebooks
    # %pip install --quiet --editable ..

# %% tags=["parameters"]
import os

profile = os.environ.get("GENRE_PROFILE", "demo")
data = os.environ.get("GENRE_DATA", "")
home = ".."
results = os.environ.get("GENRE_RESULTS", "")  # a folder of published results, in place of data

# %% tags=["nbval-ignore-output"]
from genre_lib import open_workspace
from genre_lib.display import escape_markdown, show_figure, show_table, show_text

workspace = open_workspace(profile, data, home, results)
profile, corpus, tracks = workspace.profile, workspace.corpus, workspace.tracks

# %% [markdown]
# # Problem Specification
#
# Which genre is a song? Services that stream music want to know: to recommend a song to someone who
# listened to similar ones, to tag it without a person, to group what belongs together. The problem
# here is the classical one: given an excerpt of about 30 seconds, an artificial neural network
# names one of ten genres: blues, classical, country, disco, hip hop, jazz, metal, pop, reggae,
# rock.
#
# This report rebuilds a student project of 2021/22 that followed Allamy and Koerich [@allamy2021].
# What that project reported is quoted, and marked as quoted; every other number here was computed,
# from runs that are kept, by the code that stands beside it.

# %% [markdown]
# # Approach
#
# The network is a one-dimensional residual convolutional network that reads the samples of the
# audio signal themselves: no spectrogram, no hand-made features. A song is longer than the network's
# input, so a window slides over it: **segments** of fixed length that overlap by 75%. The network
# gives each segment a probability for each genre; the song gets the genre with the largest mean
# probability over all its segments.

# %% tags=["nbval-ignore-output"]
from genre_lib.corpus_figures import sliding_window
from genre_lib.segments import segment_starts

first = tracks.iloc[0]
starts = segment_starts(first["n_samples"], profile.window, profile.hop, profile.max_segments)
show_figure(
    workspace.derived(
        "sliding_window",
        lambda: sliding_window(workspace.samples(first["track_id"]), starts, profile.window),
    ),
    f"The track {escape_markdown(first['track_id'])} and the segments that the window cuts from it.",
)

# %% [markdown]
# # Dataset
#
# The original used GTZAN [@tzanetakis2002]: 1000 excerpts of 30 seconds, 100 of each genre, mono,
# 22 050 samples a second. Whatever the folder holds is brought to that form: channels are averaged,
# other rates converted, samples kept as 16-bit integers. A file that cannot be used is left out,
# and the table of faults below says why.

# %%
import pandas as pd

counts = tracks.groupby("genre").agg(
    tracks=("track_id", "size"),
    shortest=("n_samples", lambda n: n.min() / 22_050),
    longest=("n_samples", lambda n: n.max() / 22_050),
)
counts.insert(0, "files", corpus.groupby("genre").size())
show_table(
    counts.reset_index(),
    "Files found and tracks used in each genre, and how long the used ones are (in seconds).",
    formats={"shortest": "{:.2f}", "longest": "{:.2f}"},
)

# %% [markdown]
# At 22 050 Hz, 5 seconds are 110 250 samples, and a window that moves on by a quarter of itself
# (27 562 samples) fits 21 times into 661 490 samples: a track of 30 seconds gives 21 segments. Some
# excerpts of GTZAN are a little shorter than 30 seconds and give 20; as in the original, what is left
# at the end is dropped. A profile can choose another window; the count below is that of this corpus.

# %% tags=["nbval-ignore-output"]
segments = workspace.store.segments(window=profile.window, max_segments=profile.max_segments)
per_track = segments.groupby("track_id").size().value_counts().sort_index(ascending=False)
listing = ", ".join(f"{number} tracks give {size}" for size, number in per_track.items())
show_text(
    f"The window of {profile.window} samples ({profile.window / 22_050:.2f} s) with a hop of "
    f"{profile.hop} makes **{len(segments)} segments** from {len(tracks)} tracks: {listing}."
)

# %% tags=["nbval-ignore-output"]
fewer = segments.groupby("track_id").size()
fewer = list(fewer.index[fewer < fewer.max()])
if 0 < len(fewer) <= 20:
    show_text("The tracks that give fewer are " + escape_markdown(", ".join(fewer)) + ".")

# %% [markdown]
# What does it look like? One track of each genre, as the network gets it (the waveform) and as the
# ear hears it (energy over time and pitch, on the mel scale).

# %% tags=["nbval-ignore-output"]
from genre_lib.corpus_figures import genre_gallery

examples = tracks.drop_duplicates("genre").set_index("genre")["track_id"]
show_figure(
    workspace.derived(
        "genre_gallery", lambda: genre_gallery(examples.map(workspace.samples).to_dict())
    ),
    "One track of each genre: waveform and log-mel spectrogram.",
)

# %% [markdown]
# And what does it sound like? (Players are in the HTML report and in a notebook that you run yourself.)

# %% tags=["keep-output", "nbval-ignore-output"]
from genre_lib.listening import play

play(workspace, {f"{genre}: {track_id}": track_id for genre, track_id in examples.items()})

# %% [markdown]
# Two plain measurements already tell some genres apart, and others not at all: how loud a track is,
# and how bright (the centre of mass of its spectrum).

# %% tags=["nbval-ignore-output"]
from genre_lib.corpus_figures import descriptors_by_genre
from genre_lib.descriptors import describe_tracks

descriptors = workspace.derived("descriptors", lambda: describe_tracks(tracks))
show_figure(
    descriptors_by_genre(descriptors),
    "Level and spectral centroid of every track, by genre; boxes are quartiles.",
)

# %%
medians = descriptors.groupby("genre")[["level", "centroid"]].median().rename(escape_markdown)
show_text(
    f"In this corpus the loudest genre is {medians['level'].idxmax()} (median "
    f"{-medians['level'].max():.1f} dB below full scale) and the softest {medians['level'].idxmin()} "
    f"({-medians['level'].min():.1f} dB); the brightest is {medians['centroid'].idxmax()} "
    f"({medians['centroid'].max():.0f} Hz) and the darkest {medians['centroid'].idxmin()} "
    f"({medians['centroid'].min():.0f} Hz)."
)

# %% [markdown]
# ## Partitions
#
# The original divided the tracks into six partitions with the genres evenly in each, because the
# whole did not fit into memory. Here the audio lies in one memory-mapped file and fits everywhere,
# but the partitions stay: they define the experiment. They divide *tracks*, never segments, so that
# no track is on both sides.

# %%
from genre_lib.partitions import make_partitions

partition = make_partitions(tracks, profile.n_partitions, profile.partition_seed)
spread = pd.crosstab(tracks["genre"], partition.to_numpy() + 1)
spread.columns = [f"partition {number}" for number in spread.columns]
show_table(spread.reset_index(), "Tracks of each genre in each partition.")

# %% [markdown]
# ## Problems of the dataset
#
# Sturm [@sturm2012; @sturm2013] listened to all of GTZAN and found (quoted):
#
# - 7.2% of the excerpts come from the same recording as another (5% are exact duplicates);
# - 10.6% are mislabeled;
# - distortion makes one excerpt useless.
#
# A track that trains *and* tests makes a result look better than it is; a wrong label makes both
# training and testing worse. The original quoted these faults and went on. Here we look: first, which
# files of *this* corpus cannot be used at all?

# %%
left_out = corpus[corpus["status"] != "ok"]
if left_out.empty:
    show_text("Every file of this corpus can be used.")
else:
    show_table(
        left_out[["file", "status", "detail"]],
        f"Files that are left out ({len(left_out)} of {len(corpus)}), and why.",
    )

# %% [markdown]
# ### Repetitions
#
# Two detectors look for them without being told. The first compares the decoded audio: equal samples
# are an *exact repetition*, whatever the file is called. The second finds the *same recording* even
# where it is shifted, louder, re-encoded or filtered: peaks of the spectrogram [@wang2003] name the
# candidates and where they overlap, and the coherence of the two waveforms there decides. (Another
# performance of the same song is another recording, and is not found.)

# %% tags=["nbval-ignore-output"]
from genre_lib.faults import find_exact_repetitions

recordings, distortions = workspace.faults
same = recordings[recordings["verdict"]].copy()
exact = find_exact_repetitions(corpus)
ends = ["track_id", "other_track_id"]
same["exact"] = pd.MultiIndex.from_frame(same[ends]).isin(pd.MultiIndex.from_frame(exact[ends]))

# %%
labels = tracks.set_index("track_id")["genre"]
repeating = set(same[ends].to_numpy().ravel())
across = sum(labels[pair.track_id] != labels[pair.other_track_id] for pair in same.itertuples())
show_text(
    f"Among the {len(tracks)} tracks, **{len(same)} pairs are of the same recording**, "
    f"{int(same['exact'].sum())} of them exact repetitions and {across} across two genres: "
    f"{len(repeating)} tracks ({len(repeating) / len(tracks):.1%}) repeat or are repeated."
)

# %% tags=["nbval-ignore-output"]
if len(same):
    show_table(
        same[[*ends, "exact", "score", "matches", "offset_s"]].rename(
            columns={"track_id": "track", "other_track_id": "other track", "offset_s": "offset / s"}
        ),
        "Tracks of the same recording: whether the audio is equal, the coherence of the waveforms (0 to "
        "1), spectral peaks in common, and where the other track begins on the clock of the first.",
        formats={"score": "{:.2f}", "offset / s": "{:.2f}"},
    )

# %% tags=["nbval-ignore-output"]
from genre_lib import fault_figures

if len(same):
    kinds = same["exact"].map({True: "exact repetition", False: "same recording"})
    show_figure(
        fault_figures.repetition_map(tracks, same.assign(kind=kinds)),
        "Every track as a dot; arcs join those of the same recording.",
    )

# %% [markdown]
# What the second detector sees: the two tracks of a pair on one clock. Where both sound, their
# spectrograms are the same picture.

# %% tags=["nbval-ignore-output"]
# The pair that is furthest apart says most; any pair will do where all are in step.
shown = same.loc[same["offset_s"].abs().nlargest(1).index]
pair = next(shown.itertuples(), None)
if pair:
    names = (pair.track_id, pair.other_track_id)
    show_figure(
        workspace.derived(
            "aligned_pair",
            lambda: fault_figures.aligned_pair(
                *map(workspace.samples, names), pair.offset_s, names
            ),
        ),
        f"Two tracks of the same recording, {abs(pair.offset_s):.2f} s apart.",
    )

# %% tags=["keep-output", "nbval-ignore-output"]
if pair:
    play(workspace, dict(zip(names, names, strict=True)))

# %% [markdown]
# ### Distortion
#
# The third detector measures clipping, dropouts, digital noise and digital silence, and calls a track
# distorted where a measure passes its limit.

# %% tags=["nbval-ignore-output"]
bad = distortions[distortions["verdict"]]
if bad.empty:
    show_text(f"None of the {len(tracks)} tracks is distorted.")
else:
    show_table(
        bad[["track_id", "reason", "score"]].rename(columns={"track_id": "track"}),
        "Distorted tracks: why, and the worst measure as a multiple of its limit.",
        formats={"score": "{:.1f}"},
    )

# %% tags=["nbval-ignore-output"]
if len(bad):
    worst = bad["track_id"].iloc[0]
    show_figure(
        workspace.derived(
            "distorted_track",
            lambda: fault_figures.waveform_and_spectrogram(workspace.samples(worst), worst),
        ),
        f"The most distorted track: {escape_markdown(bad['reason'].iloc[0])}.",
    )

# %% tags=["keep-output", "nbval-ignore-output"]
if len(bad):
    play(workspace, {worst: worst}, begin=2 / 3)

# %% [markdown]
# ### Found and known
#
# How far can the detectors be trusted? The demo corpus has planted faults, and GTZAN has Sturm's
# catalogue; neither is known to a detector.

# %% tags=["nbval-ignore-output"]
from pathlib import Path

from genre_lib.demo_corpus import read_truth

from genre_lib.faults import compare_with_catalogue

if workspace.is_demo:
    truth = workspace.derived("planted", lambda: read_truth(Path(home) / "data" / "demo"))
    planted = truth[truth["fault"].isin(["exact_repetition", "same_recording"])]
    wanted = set(map(frozenset, planted[ends].to_numpy()))
    found = set(map(frozenset, same[ends].to_numpy()))
    spoilt_ids = set(truth.loc[truth["fault"] == "distorted", "track_id"])
    rows = [
        ("repetitions", len(wanted), len(wanted & found), len(found - wanted)),
        (
            "distorted tracks",
            len(spoilt_ids),
            len(spoilt_ids & set(bad["track_id"])),
            len(set(bad["track_id"]) - spoilt_ids),
        ),
    ]
    show_table(
        pd.DataFrame(rows, columns=["fault", "planted", "found", "found but not planted"]),
        "The detectors against the faults planted in the demo corpus.",
    )
elif workspace.is_gtzan:
    compared = compare_with_catalogue(corpus, recordings, "exact_repetition_group")
    show_table(
        compared.rename(columns={"track_id": "track", "other_track_id": "other track"}),
        "Repetitions that the detector found, that the catalogue names as exact, or both; the score is "
        "the coherence, 0 where the detector does not even list the pair.",
        formats={"score": "{:.2f}"},
    )
    works = compare_with_catalogue(corpus, recordings, "same_work_group")
    further = works.merge(compared[ends], on=ends, how="left", indicator=True)
    further = further[further.pop("_merge") == "left_only"]
    if len(further):
        show_table(
            further.rename(columns={"track_id": "track", "other_track_id": "other track"}),
            "Further pairs that the catalogue files under one work: other excerpts or performances of it, "
            "which need not share a recording.",
            formats={"score": "{:.2f}"},
        )
else:
    show_text("Nothing is published about this corpus, so there is nothing to compare with.")

# %% [markdown]
# On real music the detectors were measured with faults made from 100 excerpts of GTZAN, and with
# Sturm's catalogue on 400 others (`make benchmark` repeats it where that audio is at hand).

# %%
import json

from genre_lib.speed.results import PUBLISHED

measured = json.loads((PUBLISHED / "detectors.json").read_text())
show_table(
    pd.DataFrame(measured["same recordings"])[["second track", "recall", "precision"]],
    "Same recordings among 100 excerpts and a changed copy of each; all pairs of different excerpts "
    "are negatives. Changes beyond what is promised are marked.",
    formats={"recall": "{:.3f}", "precision": "{:.3f}"},
)
show_table(
    pd.DataFrame(measured["distortions"])[["excerpts", "called distorted"]],
    "Distortions made in 100 excerpts: share called distorted. The last rows are untouched excerpts, "
    "where every call is a false alarm.",
    formats={"called distorted": "{:.3f}"},
)

# %% [markdown]
# ### Artists
#
# A network can learn the sound of an artist or of a record in place of a genre. Where the same artist
# is in training and in testing, that counts as success.

# %% tags=["nbval-ignore-output"]
annotated = workspace.annotated
if annotated["artist"].isna().all():
    show_text(
        "Nobody names the artists of this corpus. (Of GTZAN's excerpts, the catalogue names them.)"
    )
else:
    by_genre = annotated.groupby("genre")["artist"]
    artists = pd.DataFrame(
        {
            "tracks": by_genre.size(),
            "identified": by_genre.count(),
            "artists": by_genre.nunique(),
            "most frequent": by_genre.agg(lambda names: names.mode().iloc[0]),
            "tracks of that one": by_genre.agg(lambda names: names.value_counts().iloc[0]),
        }
    )
    show_table(artists.reset_index(), "Artists in each genre, after Sturm's catalogue.")

# %% [markdown]
# ### What this does to the partitions
#
# Protocols say what may stand on both sides: *original*, every track as reported;
# *no repetitions*, only the first of tracks that repeat each other, and no distorted one; *artist
# filtered*, those tracks with each artist in one partition only. For GTZAN there is a fourth, *fault
# filtered*: the fixed split of Kereliuk, Sturm and Larsen [@kereliuk2015]. How many test tracks have a
# relative among the tracks that the network was trained on?

# %% tags=["nbval-ignore-output"]
from genre_lib.protocols import PROTOCOLS, divide, leakage

rows, refused = [], []
for protocol in PROTOCOLS:
    try:
        parts = divide(annotated, protocol, profile.n_partitions, profile.partition_seed)
    except ValueError as error:
        refused.append(str(error))
        continue
    counted = leakage(annotated, parts)
    counted = counted[:1].sum() if protocol == "fault_filtered" else counted.sum()
    rows.append(
        {
            "protocol": protocol.replace("_", " "),
            "tracks": len(parts),
            "tested": counted["test"],
            "with a repetition in training": counted["repeated"],
            "with their artist in training": counted["same_artist"],
        }
    )
show_table(
    pd.DataFrame(rows),
    "Test tracks over all rotations (the fault-filtered split has one) that have a repetition, or their "
    "artist, among the training tracks of their rotation.",
)
if refused:
    show_text("Not for this corpus: " + escape_markdown(" ".join(refused)))
