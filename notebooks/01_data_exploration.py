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
# <a href="https://colab.research.google.com/github/"><img src="https://colab.research.google.com/assets/colab-badge.svg" alt="Open in Colab"></a>
#
# **What you will do.** Read a folder of music, see what is in it, cut its tracks into segments, divide
# them into partitions, and look for faults that would spoil a result.
#
# **What you will learn.** What GTZAN is and is not; why a track gives 21 segments and sometimes 20;
# how recordings that occur twice are found.
#
# **What you need.** Nothing: without a corpus of your own, a small synthetic one is made on the
# spot. To use real audio, set `data` below to the folder with the genre folders in it.

# %% tags=["notebook-only"]
import sys

if "google.colab" in sys.modules:  # get this project, and what Colab lacks of what it needs
    import shlex
    import tomllib
    from pathlib import Path

    repository = ""  # the address that you would `git clone`
    assert repository, "put the address of this project between the quotes above"
    # !test -d genre || git clone -q --depth 1 "{repository}" genre
    project = tomllib.loads(Path("genre/pyproject.toml").read_text())["project"]
    needs = shlex.join(project["dependencies"])
    # %pip install -q {needs}
    sys.path.insert(0, str(Path("genre").absolute()))

# %% tags=["parameters"]
profile = None  # a name, such as "laptop", or a TOML file; by default $GENRE_PROFILE, or "demo"
data = None  # a folder of audio or of published results; by default $GENRE_DATA, or the demo corpus

# %%
from genre_lib.workspace import open_workspace

workspace = open_workspace(profile, data)

# %% [markdown]
# # Problem Specification
#
# What genre is a song? Streaming services want to know: to recommend a song to someone who listened
# to similar ones, to tag it automatically, to group what belongs together. The task here is the
# classical one: given an excerpt of about 30 seconds (a *track*), an artificial neural network names one
# of ten genres: blues, classical, country, disco, hip hop, jazz, metal, pop, reggae, rock.
#
# This report rebuilds a student project of 2021/22 that followed
# [Allamy and Koerich (2021)](https://doi.org/10.1109/SSCI50451.2021.9659979). What that project reported is
# marked as quoted; every other number was computed from kept runs, by the code in the cell that shows it.

# %% [markdown]
# # Approach
#
# The network is a one-dimensional residual convolutional network that reads the samples of the
# audio signal directly: no spectrogram, no hand-made features. A track is longer than the network's
# input, so a window slides over it and cuts **segments** of fixed length that overlap by 75%. The
# network gives each segment a probability for each genre; the track gets the genre with the largest
# mean probability over all its segments.

# %%
from genre_lib.corpus import segment_starts
from genre_lib.display import escape_markdown, show_figure, show_table, show_text
from genre_lib.figures import sliding_window

profile, corpus, tracks = workspace.profile, workspace.corpus, workspace.tracks
first = tracks.iloc[0]
starts = segment_starts(first["n_samples"], profile.window, max_segments=profile.max_segments)
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
# The original used GTZAN, the corpus of [Tzanetakis and Cook (2002)](https://doi.org/10.1109/TSA.2002.800560):
# 1000 tracks of 30 seconds, 100 of each genre, mono, 22 050 samples per second. All audio is converted
# to that form: channels are averaged, other sampling rates converted, samples kept as 16-bit integers.
# A file that cannot be used is left out, and a table below says why.

# %%
from genre_lib.corpus import count_tracks

show_table(
    count_tracks(corpus),
    "Files found and tracks used in each genre, and the lengths of the tracks used (in seconds).",
    formats={"shortest": "{:.2f}", "longest": "{:.2f}"},
)

# %% [markdown]
# At 22 050 Hz, 5 seconds are 110 250 samples. A window that moves by a quarter of its length (27 562
# samples) fits 21 times into 661 490 samples, so a track of 30 seconds gives 21 segments. Some tracks
# of GTZAN are a little shorter than 30 seconds and give 20; as in the original, the remainder at the
# end is dropped. A profile can choose another window; the count below is for this corpus.

# %% tags=["nbval-ignore-output"]
from genre_lib.results import premises

segments = workspace.store.segments(window=profile.window, max_segments=profile.max_segments)
show_text(
    f"The window of {profile.window} samples ({profile.window / 22_050:.2f} s) with a hop of "
    f"{profile.hop} makes **{len(segments)} segments**: "
    + premises.on_segment_counts(segments.groupby("track_id").size())
)

# %% [markdown]
# What does the audio look like? One track of each genre, as the network receives it (the waveform) and
# closer to what the ear hears (energy over time and frequency, on the mel scale).

# %%
from genre_lib.figures import genre_gallery

examples = tracks.drop_duplicates("genre").set_index("genre")["track_id"]
show_figure(
    workspace.derived(
        "genre_gallery", lambda: genre_gallery(examples.map(workspace.samples).to_dict())
    ),
    "One track of each genre: waveform and log-mel spectrogram.",
)

# %% [markdown]
# And what does it sound like? If the audio is available, the HTML report and the notebook play it.

# %% tags=["keep-output", "nbval-ignore-output"]
from genre_lib.workspace import play

play(workspace, {f"{genre}: {track_id}": track_id for genre, track_id in examples.items()})

# %% [markdown]
# Two simple measurements already separate some genres, but not others: how loud a track is, and how
# bright (the centre of mass of its spectrum).

# %%
from genre_lib.corpus import describe_tracks
from genre_lib.figures import descriptors_by_genre

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
# The original divided the tracks into six partitions, with each genre spread evenly over them, because
# the whole corpus did not fit into memory. Here the audio is in one memory-mapped file, and memory is
# not a problem. The partitions remain, because they define the experiment. They divide *tracks*, never
# segments, so that no track is used both to train and to test.

# %%
import pandas as pd

from genre_lib.corpus import make_partitions

partition = make_partitions(tracks, profile.n_partitions, profile.partition_seed)
spread = pd.crosstab(tracks["genre"], partition.to_numpy() + 1).add_prefix("partition ")
show_table(spread.reset_index(), "Tracks of each genre in each partition.")

# %% [markdown]
# ## Problems of the dataset
#
# Sturm ([2012](https://doi.org/10.1145/2390848.2390851), [2013](https://arxiv.org/abs/1306.1461)) listened to all
# of GTZAN and found (quoted):
#
# - 7.2% of the tracks come from the same recording as another (5% are exact duplicates);
# - 10.6% are mislabelled;
# - one track is so distorted that it is useless.
#
# A recording used both to train and to test makes a result look better than it is; a wrong label makes
# both training and testing worse. The original quoted these faults without checking for them. This
# report checks. First: which files of *this* corpus cannot be used at all?

# %%
left_out = corpus[corpus["status"] != "ok"]
if left_out.empty:
    show_text("Every file of this corpus can be used.")
else:
    show_table(
        left_out[["file", "status", "detail"]],
        f"Files left out ({len(left_out)} of {len(corpus)}), and why.",
    )

# %% [markdown]
# ### Repetitions
#
# Two detectors look for repetitions. The first compares the decoded audio: equal samples are an *exact
# repetition*, whatever the file is called. The second finds the *same recording* even if it is shifted,
# louder, re-encoded or filtered. Peaks of the spectrogram
# ([Wang, 2003](https://doi.org/10.5281/zenodo.1416340)) propose pairs and where they overlap; the coherence of the two waveforms there decides.
# (Another performance of the same song is another recording, and is not found.)

# %%
from genre_lib.faults import name_music, same_recordings

recordings, distortions = workspace.faults
same = same_recordings(corpus, recordings)
show_text(premises.on_repetitions(same, len(tracks)))

# %%
if len(same):
    names = {"track_id": "track", "other_track_id": "other track", "offset_s": "offset / s"}
    table = same.rename(columns=names)
    columns = ["track", "other track", "exact", "score", "matches", "offset / s"]
    if (music := name_music(workspace.annotated)).any():
        table["by"], table["other by"] = (table[end].map(music) for end in columns[:2])
        columns[1:2] = ["by", "other track", "other by"]
    show_table(
        table[columns],
        "Tracks of the same recording, with artist and title if they are known: whether the audio is "
        "equal, the coherence of the waveforms (0 to 1), the number of spectral peaks in common, and when "
        "the other track begins, relative to the first.",
        formats={"score": "{:.2f}", "offset / s": "{:.2f}"},
    )

# %%
from genre_lib.figures import repetition_map

if len(same):
    kinds = same["exact"].map({True: "exact repetition", False: "same recording"})
    show_figure(
        repetition_map(tracks, same.assign(kind=kinds)),
        "Each dot is a track; arcs join tracks of the same recording.",
    )

# %%
from genre_lib.figures import aligned_pair

if len(same):
    pair = same.loc[same["offset_s"].abs().idxmax()]  # the pair that is furthest apart says most
    names = (pair["track_id"], pair["other_track_id"])
    show_figure(
        workspace.derived(
            "aligned_pair",
            lambda: aligned_pair(*map(workspace.samples, names), pair["offset_s"], names),
        ),
        f"What the second detector compares: two tracks of the same recording, {abs(pair['offset_s']):.2f} s "
        "apart, on a common time axis. Where they overlap, their spectrograms look the same.",
    )

# %% tags=["keep-output", "nbval-ignore-output"]
if len(same):
    play(workspace, dict(zip(names, names, strict=True)))

# %% [markdown]
# ### Distortion
#
# The third detector measures clipping, dropouts, digital noise and digital silence, and calls a track
# distorted if any of these exceeds its limit.

# %%
bad = distortions[distortions["verdict"]]
if bad.empty:
    show_text(f"None of the {len(tracks)} tracks is distorted.")
else:
    show_table(
        bad[["track_id", "reason", "score"]].rename(columns={"track_id": "track"}),
        "Distorted tracks: the reason, and the worst measure as a multiple of its limit.",
        formats={"score": "{:.1f}"},
    )

# %%
from genre_lib.figures import waveform_and_spectrogram

if len(bad):
    worst = bad["track_id"].iloc[0]
    show_figure(
        workspace.derived(
            "distorted_track", lambda: waveform_and_spectrogram(workspace.samples(worst), worst)
        ),
        f"The most distorted track: {escape_markdown(bad['reason'].iloc[0])}.",
    )

# %% tags=["keep-output", "nbval-ignore-output"]
if len(bad):
    play(workspace, {worst: worst}, begin=2 / 3)

# %% [markdown]
# ### Faults found and faults known
#
# How far can the detectors be trusted? The demo corpus has planted faults, and for GTZAN there is
# Sturm's catalogue; the detectors use neither.

# %%
from genre_lib.faults import compare_with_planted

if workspace.is_demo:
    show_table(
        compare_with_planted(workspace.planted, recordings, distortions),
        "The detectors compared with the faults planted in the demo corpus.",
    )
elif not workspace.is_gtzan:
    show_text("No faults of this corpus have been published, so there is nothing to compare with.")

# %%
from genre_lib.faults import compare_with_catalogue

if workspace.is_gtzan:
    compared = compare_with_catalogue(corpus, recordings, "exact_repetition_group")
    if compared.empty:
        show_text("Neither the detector nor the catalogue lists a repetition among these tracks.")
    else:
        show_table(
            compared.rename(columns={"track_id": "track", "other_track_id": "other track"}),
            "Repetitions that the detector found, that the catalogue lists as exact, or both; the score is "
            "the coherence, 0 if the detector does not list the pair.",
            formats={"score": "{:.2f}"},
        )

# %%
if workspace.is_gtzan:
    works = compare_with_catalogue(corpus, recordings, "same_work_group", without=compared)
    if len(works):
        show_table(
            works.rename(columns={"track_id": "track", "other_track_id": "other track"}),
            "Further pairs that the catalogue lists as the same work: other excerpts or performances of it, "
            "which need not be the same recording.",
            formats={"score": "{:.2f}"},
        )

# %% [markdown]
# On real music, the detectors were tested with faults made from 100 tracks of GTZAN, and against Sturm's
# catalogue on 400 others (`make benchmark` repeats the test if that audio is available).

# %%
from genre_lib.results.speed import read_detectors

measured = read_detectors()
show_table(
    measured["same recordings"][["second track", "recall", "precision"]],
    "Detection of the same recording among 100 tracks and a changed copy of each; all pairs of different "
    "tracks are negatives. Changes larger than the detector is meant to find are marked.",
    formats={"recall": "{:.3f}", "precision": "{:.3f}"},
)

# %%
show_table(
    measured["distortions"][["excerpts", "called distorted"]],
    "Distortions made in 100 tracks: the share called distorted. The last rows are untouched tracks, for "
    "which each detection is a false alarm.",
    formats={"called distorted": "{:.3f}"},
)

# %% [markdown]
# ### Artists
#
# A network can learn the sound of an artist or of a record instead of a genre. If the same artist is in
# training and in testing, that counts as success. The artists are taken from the files' tags (ID3,
# Vorbis comments, RIFF INFO) or from a table `artists.csv` beside the audio (`track_id`, `artist`,
# `title`), which takes precedence; for GTZAN, whose files have no tags, from Sturm's catalogue.

# %%
from genre_lib.faults import count_artists

annotated = workspace.annotated
if annotated["artist"].isna().all():
    show_text("The artists of this corpus are not known: neither its files nor a table name them.")
else:
    source = "from Sturm's catalogue" if workspace.is_gtzan else "from tags or `artists.csv`"
    show_table(count_artists(annotated), f"Artists in each genre, {source}.")

# %% [markdown]
# ### What this means for the partitions
#
# A protocol says which tracks take part and which are kept apart. *Original*: every track, as in the
# original. *No repetitions*: only the first of the tracks that repeat each other, and no distorted
# track. *Artist filtered*: the same tracks, with each artist in one partition only. For GTZAN there is
# a fourth, *fault filtered*: the fixed split of
# [Kereliuk, Sturm and Larsen (2015)](https://doi.org/10.1109/TMM.2015.2478068). How many test tracks
# have a repetition, or a track of the same artist, among the tracks that train the network?

# %%
from genre_lib.experiment import count_leaks

leaks, refused = count_leaks(annotated, profile)
names = {
    "test": "tested",
    "repeated": "with a repetition in training",
    "same_artist": "with their artist in training",
}
show_table(
    leaks.rename(columns=names).rename(lambda name: name.replace("_", " ")).reset_index(),
    "Test tracks with a repetition, or with their artist, among the training tracks of their rotation; "
    "over all rotations (the fault-filtered split has one).",
)
if refused:
    show_text("Not possible with this corpus: " + escape_markdown(" ".join(refused)))

# %% [markdown] tags=["notebook-only"]
# ## References
#
# - Safaa Allamy and Alessandro Lameiras Koerich, “1D CNN Architectures for Music Genre Classification,” *2021 IEEE Symposium Series on Computational Intelligence (SSCI)*, pp. 1–7, IEEE, 2021. arXiv:2105.07302. <https://doi.org/10.1109/SSCI50451.2021.9659979>.
# - George Tzanetakis and Perry Cook, “Musical Genre Classification of Audio Signals,” *IEEE Transactions on Speech and Audio Processing*, 10 (5), pp. 293–302, 2002. <https://doi.org/10.1109/TSA.2002.800560>.
# - Bob L. Sturm, “An Analysis of the GTZAN Music Genre Dataset,” *Proceedings of the Second International ACM Workshop on Music Information Retrieval with User-Centered and Multimodal Strategies (MIRUM)*, pp. 7–12, ACM, 2012. <https://doi.org/10.1145/2390848.2390851>.
# - Bob L. Sturm, “The GTZAN Dataset: Its Contents, Its Faults, Their Effects on Evaluation, and Its Future Use,” 2013. arXiv:1306.1461. <https://arxiv.org/abs/1306.1461>.
# - Avery Li-Chun Wang, “An Industrial-Strength Audio Search Algorithm,” *Proceedings of the 4th International Conference on Music Information Retrieval (ISMIR)*, 2003. <https://doi.org/10.5281/zenodo.1416340>.
# - Corey Kereliuk, Bob L. Sturm, and Jan Larsen, “Deep Learning and Music Adversaries,” *IEEE Transactions on Multimedia*, 17 (11), pp. 2059–2071, 2015. <https://doi.org/10.1109/TMM.2015.2478068>.
