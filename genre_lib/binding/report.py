"""Run the notebooks, then bind what they say into one HTML page and one PDF."""

import datetime
import time
from pathlib import Path

from genre_lib import provenance
from genre_lib.binding.execution import run_notebooks
from genre_lib.binding.markdown import bind
from genre_lib.corpus.tracks import fingerprint
from genre_lib.files import ROOT, locked, remove_leftovers
from genre_lib.workspace.opening import open_workspace

TITLE = "Music genres from raw waveforms"
SUBTITLE = "A 1D residual network on GTZAN, in three trainings: plain, L2, accumulated gradients"
AUTHORS = ("After a report by R. Donati and A. Borsatto, 2021/22",)
DEMO_NOTICE = (
    "This report was made from the demo corpus: synthetic sounds, made on the spot. It proves that "
    "everything works, and says nothing about music."
)


def make_report(profile=None, data="", out="report/build", home=ROOT, results=""):
    """Run all notebooks and bind the report.

    Runs that are kept are not trained again, so a second call takes seconds a notebook, and one
    after a call that was killed goes on where that was. Where another process is at a report in
    the same folder, it is waited for.

    Parameters
    ----------
    profile : str, optional
        Name of a profile: ``"demo"`` by default, or that of the `results`.
    data : str or Path
        Folder with the audio; empty for the demo corpus.
    out : str or Path
        Where ``report.html``, ``report.pdf`` and the executed ``notebooks/`` go.
    home : str or Path
        Where ``data/demo``, ``cache`` and ``runs`` are kept: the project's folder.
    results : str or Path
        Published results to make it from, without audio and without training (see
        `genre_lib.workspace.publishing.publish`).

    Returns
    -------
    tuple of Path
        The HTML page and the PDF.

    Raises
    ------
    ReportError
        If a notebook stops with an error, or its kernel dies.
    CorpusError, ValueError
        If `data`, `profile` or `results` cannot be used, or contradict each other.
    """
    begin = time.monotonic()
    out, home = Path(out).resolve(), Path(home).resolve()
    data, results = (str(Path(p).expanduser().resolve()) if str(p) else "" for p in (data, results))
    # Opened here first: a wrong path or profile is told at once, and not from inside a notebook.
    workspace = open_workspace(profile or "demo", data, home, results)
    name = workspace.profile.name
    if results and profile not in (None, name):
        raise ValueError(
            f"profile {profile!r}: the results in {results} are of the profile {name!r}. Leave it "
            "away, or choose other results."
        )
    parameters = {"profile": name, "data": data, "home": str(home), "results": results}
    with locked(out / ".report.lock"):
        remove_leftovers(out / "binding")
        notebooks = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
        executed = run_notebooks(notebooks, out, parameters)
        took = datetime.timedelta(seconds=round(time.monotonic() - begin))
        return bind(
            executed,
            out,
            title=TITLE,
            subtitle=SUBTITLE,
            authors=AUTHORS,
            date=datetime.date.today().isoformat(),
            notice=_notice(workspace),
            provenance=describe(workspace, str(took)),
            template_dir=ROOT / "report",
        )


def _notice(workspace):
    demo = DEMO_NOTICE if workspace.is_demo else ""
    return " ".join(filter(None, [workspace.notice, demo])) or None


def describe(workspace, took):
    """List what the report was made from.

    Parameters
    ----------
    workspace : Workspace
    took : str
        How long it took.

    Returns
    -------
    list of tuple of str
        Names and values.
    """
    profile, corpus = workspace.profile, workspace.corpus
    runs = workspace.planned()
    kept = workspace.kept.load_all(runs)
    described = [
        (
            "Corpus",
            f"{workspace.corpus_name}: {len(workspace.tracks)} of {len(corpus)} tracks used",
        ),
        ("Fingerprint of the corpus", fingerprint(corpus)),
        ("Profile", f"{profile.name} ({profile.digest()})"),
        ("Runs", _describe_runs(workspace, runs, kept)),
        ("Computed on", provenance.describe_computations(kept.values())),
        *workspace.origin,
        ("Seeds", ", ".join(map(str, profile.seeds)) + f"; partitions {profile.partition_seed}"),
        ("Commit", provenance.commit()),
        ("Machine", ", ".join(provenance.machine().values())),
        ("Made on", datetime.datetime.now().astimezone().isoformat(" ", "minutes")),
        ("Duration of this call", took),
    ]
    return described + [(name, version) for name, version in provenance.versions().items()]


def _describe_runs(workspace, runs, kept):
    failures = workspace.kept.failures(run for run in runs if run not in kept)
    parts = [f"{len(kept)} of {len(runs)}"]
    parts += [f"failed: {run}: {reason}" for run, reason in failures.items()]
    place = workspace.kept.profile_folder(workspace.profile).relative_to(workspace.runs_dir)
    return "; ".join([*parts, f"kept under runs/{place.as_posix()}"])
