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
# # 6. Improve
#
# <a href="https://colab.research.google.com/github/"><img src="https://colab.research.google.com/assets/colab-badge.svg" alt="Open in Colab"></a>
#
# **What you will do.** Train with what the original names as possible improvements, each alone and all together.
#
# **What you will learn.** How augmentation changes a segment, and which change is worth its cost.
#
# **What you need.** Nothing for the demo corpus; for the comparison, a profile with improvements and an
# hour or more.

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
# # Improvements
#
# The original ends with improvements that it did not try: data augmentation, dropout, other structures,
# and more time and resources. Each of these is a phase like the others, trained and tested on the same tracks:
#
# - *random crops*: each epoch cuts new segments anywhere in a track, instead of the same fixed windows;
# - *gain, polarity*: each segment becomes up to 6 dB louder or softer, and half of them are inverted;
# - *mixup*: each segment is mixed with another, and so are their labels ([Zhang et al., 2018](https://arxiv.org/abs/1710.09412));
# - *dropout* of 30% before the output ([Srivastava et al., 2014](https://jmlr.org/papers/v15/srivastava14a.html));
# - *four levels*: the output also sees the averages of three earlier blocks, not only the last one;
# - *averages, cosine*: the weights are averaged over the updates, and the learning rate falls to zero along a cosine
#   ([Loshchilov and Hutter, 2017](https://arxiv.org/abs/1608.03983));
# - *improved*: all of these together, for three times as many epochs, but not more than 60.
#
# ## What does the network hear?
#
# The figure and the players show one track in three epochs, with the augmentation of the *improved* phase and
# made by the code that feeds the network. The crop, the gain and the other segment are drawn again in each
# epoch, from the seed and its number, so that a run that resumes sees what it would have seen.

# %%
from genre_lib.display import show_figure, show_table, show_text
from genre_lib.experiment import IMPROVEMENTS
from genre_lib.figures import augmented_segments
from genre_lib.network import hear_augmented

profile = workspace.profile
augmentation = IMPROVEMENTS["improved"](profile).augmentation
track_id = workspace.tracks["track_id"].iloc[0]
if workspace.has_audio:
    heard = hear_augmented(workspace.store, track_id, augmentation, profile.window)
show_figure(
    workspace.derived("augmentation", lambda: augmented_segments(heard)),
    f"The track {track_id} in three epochs of the improved phase: random crops, gain, polarity, and another "
    "segment mixed in.",
)

# %% tags=["nbval-ignore-output"]
from genre_lib.workspace import play_samples

if workspace.has_audio:
    play_samples(heard)

# %% [markdown]
# ## What does each change add?
#
# Each change alone is compared with the normal phase, on the rotations that both ran; all together also under
# the stricter protocols and with more training tracks (in fewer epochs, so that it makes as many updates).

# %% tags=["nbval-ignore-output"]
from genre_lib.experiment import NORMAL, improvement_phases
from genre_lib.results import compare, findings, on_common_rotations, premises

phases = improvement_phases(profile)
runs = workspace.runs(NORMAL, *phases)
if phases:
    show_text(premises.on_gaps(profile, runs))
else:
    show_text(f"The profile *{profile.name}* trains none of them.")

# %% tags=["nbval-ignore-output"]
named = {phase.label: found for phase, found in runs.items() if found}
alone = on_common_rotations(named)
compared = compare(alone, to="normal")
names = {"difference": "difference / points", "training": "training", "seconds": "s / epoch"}
if len(named) > 1:
    show_table(
        compared[["segments", "tracks", *names, "p", "epochs"]]
        .rename(columns=names)
        .rename_axis("phase")
        .reset_index(),
        "Accuracy on the test partitions with 95% intervals; the difference of tracks to the normal phase on the same "
        "tracks; the training accuracy in the best epoch (with augmentation, of augmented segments); the median time "
        "of an epoch, during which the machine may have done other work, too; p of McNemar's exact test; all on the "
        "same rotations.",
        formats={"training": "{:.1%}", "s / epoch": "{:.1f}", "p": "{:.3g}", "epochs": "{:.0f}"},
        runs=alone,
    )

# %% tags=["nbval-ignore-output"]
if len(named) > 1:
    show_text(findings.on_phases(compared.drop("normal")))

# %%
from genre_lib.figures import learning_curves

if improved := next((found for phase, found in runs.items() if phase.name == "improved"), []):
    show_figure(
        learning_curves([run.history for run in improved], "Improved"),
        "Learning curves of the improved phase. Training is harder than validation, because only "
        "training segments are mixed.",
        runs=improved,
    )

# %% tags=["nbval-ignore-output"]
from genre_lib.results import compare_improved, on_improved

if improved:
    by_setting = workspace.runs(*workspace.data_phases())
    rivals = compare_improved(by_setting)
    names = {"difference": "difference / points", "only_reference": "only the other right"}
    names |= {"only_this": "only improved right"}
    columns = ["protocol", "partitions", "improved", "compared with", "accuracy", *names, "p"]
    show_table(
        rivals[columns].rename(columns=names),
        "Accuracy of tracks of the improved network, by protocol and number of training partitions, beside that of "
        "the plain network and of the support vector machine on librosa's features; difference on the same tracks.",
        formats={"p": "{:.3g}"},
        runs=by_setting,
    )
    show_text(on_improved(rivals))

# %% [markdown] tags=["notebook-only"]
# ## References
#
# - Hongyi Zhang, Moustapha Cisse, Yann N. Dauphin, and David Lopez-Paz, “Mixup: Beyond Empirical Risk Minimization,” *International Conference on Learning Representations (ICLR)*, 2018. arXiv:1710.09412. <https://arxiv.org/abs/1710.09412>.
# - Nitish Srivastava, Geoffrey Hinton, Alex Krizhevsky, Ilya Sutskever, and Ruslan Salakhutdinov, “Dropout: A Simple Way to Prevent Neural Networks from Overfitting,” *Journal of Machine Learning Research*, 15 (56), pp. 1929–1958, 2014. <https://jmlr.org/papers/v15/srivastava14a.html>.
# - Ilya Loshchilov and Frank Hutter, “SGDR: Stochastic Gradient Descent with Warm Restarts,” *5th International Conference on Learning Representations (ICLR)*, 2017. arXiv:1608.03983. <https://arxiv.org/abs/1608.03983>.
