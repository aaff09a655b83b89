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
# # 8. Diagnosis
#
# <a href="https://colab.research.google.com/github/"><img src="https://colab.research.google.com/assets/colab-badge.svg" alt="Open in Colab"></a>
#
# **What you will do.** Look for what explains the results: overfitting, the number of segments per track,
# the reliability of the probabilities, and labels that may be wrong.
#
# **What you will learn.** What an accuracy does not show, and which of the original's three statements hold
# here.
#
# **What you need.** The runs of the earlier notebooks; missing ones are trained first.

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
# # Diagnosis
#
# ## Does the network overfit?
#
# The original explains its result by overfitting: training accuracy kept rising after validation accuracy
# had stopped. The gap between the two is measured at two epochs: at the best, which has the lowest validation
# loss and whose weights make all predictions here, and at the last. Training accuracy is measured during the
# epoch, while the weights still improve, so the gap is somewhat understated.

# %% tags=["nbval-ignore-output"]
from genre_lib.display import show_figure, show_table, show_text
from genre_lib.experiment import NORMAL
from genre_lib.results import accuracy_gaps, findings

profile, runs = workspace.profile, workspace.runs()
normal = runs[NORMAL]
gaps = {phase.label: accuracy_gaps(found) for phase, found in runs.items() if found}
if gaps:
    show_table(
        findings.mean_gaps(gaps),
        "Overfitting: accuracy of segments in training and in validation, and the gap between them, at the "
        "best epoch and at the last; means over the runs of each phase.",
        formats=dict.fromkeys(next(iter(gaps.values())), "{:.1%}"),
        runs=runs,
    )

# %% tags=["nbval-ignore-output"]
if normal:
    show_text(findings.on_overfitting(gaps))

# %% [markdown]
# ## Does it matter how segments are joined?
#
# A track is classified from all its segments, which overlap by three quarters. How many of them are needed?
# To find out, only 1, 2, 4 … of them are kept, evenly spread: the track is divided into that many equal
# stretches, and the segment in the middle of each is kept. The network stays the same; only the number of
# segments averaged changes.
#
# The original takes the mean of the probabilities. The alternatives: a vote of the segments, the largest
# probability in any segment, and the mean of the logarithms.

# %%
from genre_lib.figures import joined_segments
from genre_lib.results import RULES, accuracy, pool, scores_by_segments

if normal:
    by_count = scores_by_segments(normal)
    by_rule = {rule: pool(normal, rule) for rule in RULES}
    show_figure(
        joined_segments(
            {count: accuracy(table) for count, table in by_count.items()},
            {rule: accuracy(table) for rule, table in by_rule.items()},
        ),
        "Accuracy of tracks in the normal phase with 95% intervals. Left: by the number of segments whose "
        "probabilities are averaged, evenly spread over the track. Right: by the rule that joins all segments.",
        runs=normal,
    )

# %% tags=["nbval-ignore-output"]
if normal:
    show_text(findings.on_segments(by_count))

# %% tags=["nbval-ignore-output"]
if normal:
    show_table(
        (rules := findings.compare_rules(by_rule))[["tracks", "difference"]]
        .rename(columns={"difference": "difference to the mean / points"})
        .reset_index(),
        "Accuracy of tracks by the rule that joins their segments, normal phase; the difference is paired, "
        "track by track.",
        runs=normal,
    )

# %% tags=["nbval-ignore-output"]
if normal:
    show_text(findings.on_rules(rules))

# %% [markdown]
# ## Can the probabilities be trusted?
#
# A network that predicts a genre with 80% should be right in 80% of the cases. A reliability diagram tests this
# ([Guo et al., 2017](https://proceedings.mlr.press/v70/guo17a.html)). Examples are sorted into ten bins by their confidence, the probability of the predicted
# genre, and in each bin the share that is correct is compared with the mean confidence. The expected
# calibration error (ECE) is the mean distance between the two; if a bin holds few examples, chance alone
# raises it above zero. The mean of confidence minus accuracy says whether confidence is too high or too low
# overall, with its interval from the bootstrap over tracks.
#
# The probabilities of a track are the mean of those of its segments. They cannot be more confident than the
# segments are on average: if the segments disagree, confidence falls, whether or not the genre is right.

# %%
from genre_lib.figures import reliability_diagrams
from genre_lib.results import confidences, reliability

if normal:
    examples = {of: confidences(normal, of) for of in ("segments", "tracks")}
    show_figure(
        reliability_diagrams({of: reliability(table) for of, table in examples.items()}),
        "Reliability of the probabilities in the normal phase. Top: the share correct against the mean "
        "confidence in ten bins; below the dotted line the network is over-confident. Bottom: the number of "
        "examples in each bin.",
        runs=normal,
    )

# %% tags=["nbval-ignore-output"]
from genre_lib.results import summarize_calibration

if normal:
    show_table(
        summarize_calibration(examples),
        "Calibration of the normal phase on the test partitions.",
        formats=dict.fromkeys(("confidence", "accuracy", "ECE"), "{:.1%}"),
        runs=normal,
    )

# %% tags=["nbval-ignore-output"]
if normal:
    show_text(findings.on_calibration(examples))

# %% [markdown]
# ## Which labels do the networks doubt?
#
# A track is tested only by networks that were not trained on it. If they are sure of another genre, the
# label may be wrong: confident learning
# ([Northcutt, Jiang and Chuang, 2021](https://doi.org/10.1613/jair.1.12125)) ranks the tracks by the probability of their
# labelled genre. A suspect is an invitation to listen, not a proof.

# %%
from genre_lib.faults import find_label_errors
from genre_lib.results import out_of_fold

if normal:
    probabilities = out_of_fold(normal)
    tested = workspace.tracks.set_index("track_id").loc[probabilities.index].reset_index()
    suspects = find_label_errors(tested, probabilities)

# %% tags=["nbval-ignore-output"]
names = {
    "track_id": "track",
    "suggested_genre": "suggested",
    "score": "probability of its genre",
    "verdict": "called an error",
}
if normal:
    show_table(
        suspects.head(10).rename(columns=names),
        findings.on_suspects(suspects),
        formats={"probability of its genre": "{:.3f}"},
        runs=normal,
    )

# %% tags=["nbval-ignore-output"]
if workspace.is_demo and normal:
    show_text(findings.on_swapped_labels(workspace.planted, suspects))

# %% tags=["keep-output", "nbval-ignore-output"]
from genre_lib.workspace import play

if normal:
    play(
        workspace,
        {
            f"{suspect.track_id}, rather {suspect.suggested_genre}?": suspect.track_id
            for suspect in suspects.head(5).itertuples()
        },
    )

# %% [markdown]
# ## Possible improvements
#
# The original proposed data augmentation, dropout, and another structure. This report provides what is
# needed to judge them: intervals that tell an improvement from luck, partitions that keep repetitions
# apart, and runs that anyone can repeat.

# %% [markdown]
# # Conclusion

# %% tags=["nbval-ignore-output"]
from genre_lib.results import headline

for paragraph in headline.summarize(workspace).paragraphs:
    show_text(paragraph)

# %% [markdown]
# The cell above computes the paragraphs of the report's first page. The table below repeats the verdicts on
# the original's three statements; if no difference is detected, a statement stays open.

# %% tags=["nbval-ignore-output"]
from genre_lib.results import compare, original, original_groups

show_table(
    original.judge_statements(gaps, compare(original_groups(profile, runs), to="normal")),
    "The original's statements about its results, compared with the runs of this report.",
    runs=runs,
)

# %% [markdown]
# The original could not improve its result with regularisation or with gradient accumulation, and could not
# say whether the differences meant anything. Here each difference comes with a test, each number with an
# interval, and each run with everything that defines it. Change a hyper-parameter in one place and call
# `make report` again: the report shows the effect.

# %% [markdown] tags=["notebook-only"]
# ## References
#
# - Chuan Guo, Geoff Pleiss, Yu Sun, and Kilian Q. Weinberger, “On Calibration of Modern Neural Networks,” *Proceedings of the 34th International Conference on Machine Learning*, 70, pp. 1321–1330, PMLR, 2017. arXiv:1706.04599. <https://proceedings.mlr.press/v70/guo17a.html>.
# - Curtis G. Northcutt, Lu Jiang, and Isaac L. Chuang, “Confident Learning: Estimating Uncertainty in Dataset Labels,” *Journal of Artificial Intelligence Research*, 70, pp. 1373–1411, 2021. <https://doi.org/10.1613/jair.1.12125>.
