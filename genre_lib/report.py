"""Run the notebooks, then bind what they say into one HTML page and one PDF."""

import datetime
import os
import shutil
import sys
import time
from pathlib import Path

import papermill
from jupyter_client import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from tqdm import tqdm

from genre_lib import provenance
from genre_lib.binding import bind
from genre_lib.corpus import fingerprint
from genre_lib.failures import failed_runs
from genre_lib.kernels import describe_death
from genre_lib.locks import locked
from genre_lib.runs import load_runs
from genre_lib.workspace import open_workspace

ROOT = Path(__file__).resolve().parent.parent
TITLE = "Music genres from raw waveforms"
SUBTITLE = "A 1D residual network on GTZAN, in three trainings: plain, L2, accumulated gradients"
AUTHORS = ("After a report by R. Donati and A. Borsatto, 2021/22",)
DEMO_NOTICE = (
    "This report was made from the demo corpus: synthetic sounds, made on the spot. It proves that "
    "everything works, and says nothing about music."
)


class ReportError(RuntimeError):
    """The report could not be made; the message says where it stopped and what to do."""


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
        `genre_lib.publication.publish`).

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
        _remove_leftovers(out)
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


def _remove_leftovers(out):
    # Of calls that were killed while they bound; none is at it now.
    for leftover in out.glob(".binding-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _notice(workspace):
    demo = DEMO_NOTICE if workspace.is_demo else ""
    return " ".join(filter(None, [workspace.notice, demo])) or None


def run_notebooks(notebooks, out, parameters):
    """Run notebooks with papermill, one after the other.

    Parameters
    ----------
    notebooks : list of Path
    out : Path
        The executed notebooks go to its folder ``notebooks``.
    parameters : dict
        For the cell tagged ``parameters`` of each.

    Returns
    -------
    list of Path
        The executed notebooks.

    Raises
    ------
    ReportError
        If a cell fails, or a kernel dies.
    """
    folder = out / "notebooks"
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    # Kernels inherit these: TensorFlow's greetings are no news to anyone who waits for a report,
    # and a notebook that takes a whole GPU leaves nothing to runs side by side.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    executed = []
    for number, notebook in enumerate(tqdm(notebooks, desc="Notebooks", unit="notebook")):
        tqdm.write(f"[{number + 1}/{len(notebooks)}] {notebook.name}", file=sys.stderr)
        _run_notebook(notebook, folder / notebook.name, parameters)
        executed.append(folder / notebook.name)
    return executed


def _run_notebook(notebook, target, parameters):
    kernel = AsyncKernelManager()
    try:
        papermill.execute_notebook(
            notebook,
            target,
            parameters=parameters,
            cwd=notebook.parent,
            progress_bar=False,
            stderr_file=sys.stderr,
            km=kernel,
        )
    except papermill.PapermillExecutionError as error:
        raise ReportError(
            f"{notebook.name}, cell {error.cell_index + 1}: {error.ename}: {error.evalue}. The "
            f"notebook as far as it went is {target}. Runs that were finished are kept: mend the "
            "cause and call again."
        ) from error
    except RuntimeError as error:
        # A kernel that dies, or takes too long, while it starts is no DeadKernelError.
        died = isinstance(error, DeadKernelError)
        told = describe_death(target, kernel) if died else f"{notebook.name}: {error}"
        raise ReportError(
            f"{told}. Runs that were finished are kept, and one that was not goes on after its "
            "last whole epoch: call again."
        ) from error


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
    kept = load_runs(runs, workspace.runs_dir, workspace.store.fingerprint)
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
    profile, corpus = workspace.profile, workspace.store.fingerprint
    failed = failed_runs([run for run in runs if run not in kept], workspace.runs_dir, corpus)
    parts = [f"{len(kept)} of {len(runs)}"]
    parts += [
        f"failed: {run.phase} rotation {run.rotation}, seed {run.seed}: {run.reason}"
        for run in failed.itertuples()
    ]
    return "; ".join([*parts, f"kept under runs/{corpus}/{profile.name}-{profile.digest()}"])
