"""Run the notebooks, then bind what they say into one HTML page and one PDF."""

import datetime
import os
import time
from pathlib import Path

from genre_lib import provenance
from genre_lib.binding.execution import ReportError, run_notebooks
from genre_lib.binding.markdown import bind
from genre_lib.corpus.tracks import fingerprint
from genre_lib.files import ROOT, locked, remove_leftovers
from genre_lib.workspace.opening import open_workspace

TITLE = "Music genres from raw waveforms"
SUBTITLE = "A 1D residual network on GTZAN, trained in three ways: plain, L2, accumulated gradients"
AUTHORS = ("After a report by R. Donati and A. Borsatto, 2021/22",)
DEMO_NOTICE = (
    "This report was made from the demo corpus: synthetic sounds, made on the spot. It proves that "
    "everything works, and says nothing about music."
)


def make_report(profile=None, data=None, out="report/build", home=ROOT):
    """Run all notebooks, bind the report into `out`, and return its HTML page and its PDF.

    Kept runs are not trained again, so a second call takes seconds per notebook, and a call after
    one that was killed resumes where that stopped. If another process makes a report in the same
    folder, this one waits for it. `profile`, `data` and `home` are those of
    `genre_lib.workspace.open_workspace`.

    Examples
    --------
    >>> page, pdf = make_report("demo")  # doctest: +SKIP
    """
    begin = time.monotonic()
    notebooks = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
    if not notebooks:
        raise ReportError(
            f"{ROOT}: the notebooks, which the report is made of, are not there. An installed "
            "package lacks them: clone the repository, and call make report in it."
        )
    out, home = Path(out).expanduser().resolve(), Path(home).expanduser().resolve()
    if data is not None and str(data):
        data = str(Path(data).expanduser().resolve())  # notebooks run in another folder
    # Opened here first, so that a wrong path or profile is reported at once, not by a notebook.
    workspace = open_workspace(profile, data, home)
    os.environ["GENRE_HOME"] = str(home)  # for the kernels, which are processes of their own
    parameters = {"profile": workspace.profile.name, "data": data}
    with locked(out / ".report.lock"):
        remove_leftovers(out / "binding")
        executed = run_notebooks(notebooks, out, parameters)
        took = datetime.timedelta(seconds=round(time.monotonic() - begin))
        notices = (workspace.notice, DEMO_NOTICE if workspace.is_demo else "")
        return bind(
            executed,
            out,
            title=TITLE,
            subtitle=SUBTITLE,
            authors=AUTHORS,
            date=datetime.date.today().isoformat(),
            notice=" ".join(filter(None, notices)) or None,
            provenance=describe(workspace, str(took)),
            template_dir=ROOT / "report",
        )


def describe(workspace, took):
    """List what a report was made from, as names and values."""
    profile, corpus, runs = workspace.profile, workspace.corpus, workspace.planned()
    kept = workspace.kept.load_all(runs)
    used = f"{len(workspace.tracks)} of {len(corpus)} tracks used"
    return [
        ("Corpus", f"{workspace.corpus_name}: {used}"),
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
        *provenance.versions().items(),
    ]


def _describe_runs(workspace, runs, kept):
    failures = workspace.kept.failures(run for run in runs if run not in kept)
    parts = [f"{len(kept)} of {len(runs)}"]
    parts += [f"failed: {run}: {reason}" for run, reason in failures.items()]
    place = workspace.kept.profile_folder(workspace.profile).relative_to(workspace.runs_dir)
    return "; ".join([*parts, f"kept under runs/{place.as_posix()}"])
