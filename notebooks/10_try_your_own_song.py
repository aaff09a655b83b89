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
# # 10. Try your own song
#
# <a href="https://colab.research.google.com/github/"><img src="https://colab.research.google.com/assets/colab-badge.svg" alt="Open in Colab"></a>
#
# **What you will do.** Let a released network name the genre of a song, and see how its answer changes from
# the beginning of the song to the end.
#
# **What you will learn.** How a network that reads five seconds at a time judges a whole song, how sure it is,
# and what it cannot know.
#
# **What you need.** A song as an audio file (mp3, ogg, flac, wav and others), from a few seconds to an hour
# long. Without one, the notebook makes a synthetic song. It takes a few seconds and uploads nothing, except to
# Colab if you run it there.

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

# %% [markdown] tags=["notebook-only"]
# ## Choose a song
#
# - **In JupyterLab**, drag the file into the list of files on the left, and write its name between the quotes
#   below (or write the path of a file that lies elsewhere).
# - **On Colab**, write `upload = True`, run the cell after it, and choose the file.
#
# Then choose *Run, Run All Cells* (on Colab *Runtime, Run all*).

# %% tags=["parameters", "notebook-only"]
song = ""  # the name or path of a file: "song.mp3"; by default, a synthetic song is made
upload = False  # on Colab: True, to choose a file on your computer
network = None  # the folder of a released network; by default, the one that knows the most genres

# %% tags=["notebook-only"]
if upload:
    from google.colab import files

    song = next(iter(files.upload()), song)

# %% [markdown] tags=["notebook-only"]
# Without a file, two synthetic bands of the demo corpus play 20 seconds each, the first as classical music and
# the second as metal. They show how the answer changes, and nothing about music.

# %% tags=["notebook-only"]
import tempfile
from pathlib import Path

from genre_lib.corpus import make_demo_song

if not song:
    song = make_demo_song(Path(tempfile.mkdtemp()) / "synthetic song.wav")

# %% [markdown] tags=["notebook-only"]
# ## Open a network
#
# A released network is one of the networks behind the published results. Its model card, the file `README.md`
# in its folder, says what it was trained on, how often it is right, and what its limits are.

# %% tags=["notebook-only", "nbval-ignore-output"]
from genre_lib.display import escape_markdown, show_figure, show_table, show_text
from genre_lib.workspace import classify, open_network

released = open_network(network)
show_text(
    f"The network *{released.folder.name}* knows **{len(released.genres)} genres** and no others."
)

# %% [markdown] tags=["notebook-only"]
# ## Ask it
#
# The song is converted to mono at 22 050 Hz and cut into segments, exactly as the tracks that the network was
# trained on. For each segment the network gives every genre a probability; the genre with the highest mean over
# all segments is its answer.

# %% tags=["notebook-only", "nbval-ignore-output"]
answer = classify(song, released)
show_text(escape_markdown(answer.verdict))
show_figure(
    answer.figure(),
    "Probability of each genre over the song, at each moment the mean over the segments that contain it; "
    "beside the names, the mean over the song.",
)

# %% [markdown] tags=["notebook-only"]
# The numbers behind the figure are a table with a row per segment. A segment begins a quarter of its length after
# the one before; every fourth is shown here, so that they do not overlap.

# %% tags=["notebook-only", "nbval-ignore-output"]
show_table(
    answer.table.iloc[::4].head(12).reset_index(),
    "Every fourth segment, up to twelve of them: where it begins, and the probability of each genre.",
    formats={"begin / s": "{:.1f}"} | dict.fromkeys(released.genres, "{:.1%}"),
)

# %% [markdown] tags=["notebook-only"]
# ## What the answer is worth
#
# - The network cannot say "none of these": it gives a song of any other genre one of the names that it knows.
# - A high probability is not a proof. The model card says by how much the network is overconfident, and
#   notebook 08 shows it.
# - It learnt from few tracks; the model card says how many, and how old they are.
#
# From the command line, `python -m genre_lib classify` takes many files or whole folders at once; `--plot`
# draws the figure, and `--json` is for programs.
