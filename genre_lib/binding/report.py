"""Run the notebooks, then bind what they say into one HTML page and one PDF."""

import contextlib
import datetime
import json
import os
import shlex
import time
from pathlib import Path

import nbformat

from genre_lib import provenance
from genre_lib.binding.execution import ReportError, run_notebooks
from genre_lib.binding.markdown import bind
from genre_lib.corpus.tracks import fingerprint
from genre_lib.display import figure_png
from genre_lib.experiment.kept import RunError
from genre_lib.experiment.profile_files import differences, profile_path
from genre_lib.experiment.profiles import PROFILES
from genre_lib.experiment.scheduling import wanted_jobs
from genre_lib.figures import accuracies
from genre_lib.files import ROOT, checksum, locked, remove_leftovers
from genre_lib.results.headline import summarize
from genre_lib.workspace.opening import open_workspace

TITLE = "Music genres from raw waveforms"
SUBTITLE = "A 1D residual network on GTZAN, trained in three ways: plain, L2, accumulated gradients"
AUTHORS = ("After a report by R. Donati and A. Borsatto, 2021/22",)
DEMO_NOTICE = (
    "This report was made from the demo corpus, which consists of synthetic sounds. It shows that "
    "everything works, but says nothing about music."
)
FIGURE_CAPTION = "Accuracy with 95% intervals. Hollow markers: what the original reports for GTZAN."
_ENVIRONMENT = {
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}


def make_report(profile=None, data=None, out="report/build", home=None):
    """Run all notebooks, bind the report into `out`, and return its HTML page and its PDF.

    At the end, print where they are, the main result, how long it took, and what to try next.

    All missing runs are trained first, then the notebooks show them. Kept runs are not trained
    again, and a notebook that would show the same is not executed again; after a killed call, the
    next one resumes where it stopped. If another process is making a report in the same folder,
    this one waits for it. `profile`, `data` and `home` are those of
    `genre_lib.workspace.open_workspace`.

    Examples
    --------
    >>> page, pdf = make_report("demo")  # doctest: +SKIP
    """
    begin = time.monotonic()
    notebooks = list_notebooks()
    if not notebooks:
        raise ReportError(
            f"{ROOT}: no notebooks found. The report is made from them, and an installed package "
            "does not include them: clone the repository, and call make report in it."
        )
    out = Path(out).expanduser().resolve()
    home = Path(home or os.environ.get("GENRE_HOME") or ROOT).expanduser().resolve()
    if data is not None and str(data):
        data = str(Path(data).expanduser().resolve())  # notebooks run in another folder
    # Opened here first, so that a wrong path or profile is reported at once, not by a notebook.
    workspace = open_workspace(profile, data, home)
    # Kernels and workers inherit these: a process that takes a whole GPU leaves the others nothing.
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # Choices of the user's own go to the kernels as they were read here: the file may change.
    parameters = {"profile": differences(workspace.profile), "data": data}
    with locked(out / ".report.lock"), _home_of_kernels(home):
        remove_leftovers(out / "binding")
        try:
            workspace.complete()
        except RunError as error:
            raise ReportError(str(error)) from error
        executed = run_notebooks(notebooks, out, parameters, identify(workspace), wanted_jobs())
        took = datetime.timedelta(seconds=round(time.monotonic() - begin))
        notices = (workspace.notice, DEMO_NOTICE if workspace.is_demo else "")
        headline = summarize(workspace)
        bound = bind(
            executed,
            out,
            title=TITLE,
            subtitle=SUBTITLE,
            authors=AUTHORS,
            date=datetime.date.today().isoformat(),
            **page_one(headline),
            notice=" ".join(filter(None, notices)) or None,
            provenance=describe(workspace, str(took)),
            template_dir=ROOT / "report",
        )
    took = datetime.timedelta(seconds=round(time.monotonic() - begin))
    line = headline.line[:1].upper() + headline.line[1:]
    print(*bound, f"{line}.", f"It took {took}. Next:", sep="\n")
    for command, purpose in suggest(workspace, data, profile):
        print(f"  {command}   # {purpose}")
    return bound


def list_notebooks():
    """List the notebooks that are for the report: they have a cell that it shows."""

    def is_shown(cell):
        return "notebook-only" not in cell.metadata.get("tags", ())

    found = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
    return [path for path in found if any(map(is_shown, nbformat.read(path, as_version=4).cells))]


@contextlib.contextmanager
def _home_of_kernels(home):
    """Let kernels and workers inherit a home, without leaving it to the next call."""
    before = os.environ.get("GENRE_HOME")
    os.environ["GENRE_HOME"] = str(home)
    try:
        yield
    finally:
        del os.environ["GENRE_HOME"]
        if before is not None:
            os.environ["GENRE_HOME"] = before


def suggest(workspace, data, profile=None):
    """List two things to try after a report, as commands and their purposes."""
    name = workspace.profile.name
    file = profile_path(profile or (workspace.has_audio and os.environ.get("GENRE_PROFILE")))
    profile = shlex.quote(str(file or (name if name in PROFILES else f"{name}.toml")))
    data = shlex.quote(str(data or os.environ.get("GENRE_DATA", "")))
    if workspace.is_demo:
        music = "make report PROFILE=laptop DATA=path/to/genres OUT=report/mine"
        return [("make lab", "the notebooks, to read and change"), (music, "your own music")]
    if not workspace.has_audio:
        audio = f"make report PROFILE={profile} DATA=path/to/genres OUT=report/mine"
        return [(f"GENRE_DATA={data} make lab", "the same in notebooks"), (audio, "train it again")]
    names = f"PROFILE={profile} DATA={data} RESULTS=report/published/mine"
    return [
        (f"GENRE_PROFILE={profile} GENRE_DATA={data} make lab", "the same in notebooks"),
        (f"make publish {names}", "keep the results in git, without audio"),
    ]


def page_one(headline):
    """Return the abstract, and its figure with caption and runs."""
    figure = None
    if len(headline.rows):
        drawn = accuracies(headline.rows, headline.original, headline.chance)
        figure = (figure_png(drawn), FIGURE_CAPTION, headline.runs)
    return {"abstract": headline.paragraphs, "figure": figure}


def identify(workspace):
    """Return a text that changes with everything that the notebooks' outputs depend on."""
    sources = [ROOT / "genre_lib", ROOT / "report" / "published" / "benchmarks"]
    files = sorted(p for folder in sources for p in folder.rglob("*.*") if p.suffix != ".pyc")
    runs = workspace.kept.load_all(workspace.planned()).values()
    facts = dict(describe(workspace, ""))
    for name in ("Commit", "Made on", "Duration of this call"):
        del facts[name]
    parts = [facts, workspace.corpus.to_csv(), os.environ.get("KERAS_BACKEND")]
    parts += [(str(p.relative_to(ROOT)), checksum(p)) for p in files]
    parts += [(str(run.folder), run.folder.stat().st_mtime_ns) for run in runs]
    return "\n".join(map(str, parts))


def describe(workspace, took):
    """List what a report was made from, as names and values."""
    profile, corpus, runs = workspace.profile, workspace.corpus, workspace.planned()
    kept = workspace.kept.load_all(runs)
    used = f"{len(workspace.tracks)} of {len(corpus)} tracks used"
    return [
        ("Corpus", f"{workspace.corpus_name}: {used}"),
        ("Fingerprint of the corpus", fingerprint(corpus)),
        ("Profile", _describe_profile(profile)),
        ("Runs", _describe_runs(workspace, runs, kept)),
        ("Computed on", provenance.describe_computations(kept.values())),
        *workspace.origin,
        ("Seeds", ", ".join(map(str, profile.seeds)) + f"; partitions {profile.partition_seed}"),
        ("Commit", provenance.commit()),
        ("Machine", ", ".join(provenance.machine().values())),
        ("Made on", datetime.datetime.now().astimezone().isoformat(" ", "minutes")),
        ("Duration of this call", took),
        *provenance.versions().items(),
    ]


def _describe_profile(profile):
    described, choices = f"{profile.name} ({profile.digest()})", differences(profile)
    if isinstance(choices, str):
        return described
    return f"{described}: " + "; ".join(f"{k} = {json.dumps(v)}" for k, v in choices.items())


def _describe_runs(workspace, runs, kept):
    failures = workspace.kept.failures(run for run in runs if run not in kept)
    parts = [f"{len(kept)} of {len(runs)}"]
    parts += [f"failed: {run}: {reason}" for run, reason in failures.items()]
    place = workspace.kept.profile_folder(workspace.profile).relative_to(workspace.runs_dir)
    return "; ".join([*parts, f"kept under runs/{place.as_posix()}"])
