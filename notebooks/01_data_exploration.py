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

# %% tags=["nbval-ignore-output"]
from genre_lib import open_workspace
from genre_lib.display import escape_markdown, show_figure, show_table, show_text

workspace = open_workspace(profile, data, home)
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

first = workspace.store.tracks.iloc[0]
samples = workspace.store.read([first["offset"]], first["n_samples"])[0]
starts = segment_starts(len(samples), profile.window, profile.hop, profile.max_segments)
show_figure(
    sliding_window(samples, starts, profile.window),
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

# %% [markdown]
# What does it look like? One track of each genre, as the network gets it (the waveform) and as the
# ear hears it (energy over time and pitch, on the mel scale).

# %% tags=["nbval-ignore-output"]
from genre_lib.corpus_figures import genre_gallery

examples = workspace.store.tracks.drop_duplicates("genre")
gallery = {
    track.genre: workspace.store.read([track.offset], track.n_samples)[0]
    for track in examples.itertuples()
}
show_figure(genre_gallery(gallery), "One track of each genre: waveform and log-mel spectrogram.")

# %% [markdown]
# Two plain measurements already tell some genres apart, and others not at all: how loud a track is,
# and how bright (the centre of mass of its spectrum).

# %% tags=["nbval-ignore-output"]
from genre_lib.corpus_figures import descriptors_by_genre
from genre_lib.descriptors import describe_tracks

descriptors = describe_tracks(tracks)
show_figure(
    descriptors_by_genre(descriptors),
    "Level and spectral centroid of every track, by genre; boxes are quartiles.",
)

# %%
medians = descriptors.groupby("genre")[["level", "centroid"]].median()
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
# training and testing worse. The original quoted these faults and went on. The first step beyond is
# to look: which files of *this* corpus cannot be used at all?

# %%
left_out = corpus[corpus["status"] != "ok"]
if left_out.empty:
    show_text("Every file of this corpus can be used.")
else:
    show_table(
        left_out[["file", "status", "detail"]],
        f"Files that are left out ({len(left_out)} of {len(corpus)}), and why.",
    )
