"""Run the notebooks, then bind what they say into one HTML page and one PDF."""

import datetime
import os
import shutil
import sys
import time
from pathlib import Path

import papermill
from tqdm import tqdm

from genre_lib import provenance
from genre_lib.binding import bind
from genre_lib.corpus import fingerprint
from genre_lib.failures import failed_runs
from genre_lib.phases import NORMAL, variant_phases
from genre_lib.runs import load_runs, plan
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


def make_report(profile="demo", data="", out="report/build", home=ROOT):
    """Run all notebooks and bind the report.

    Runs that are kept are not trained again, so a second call takes seconds a notebook.

    Parameters
    ----------
    profile : str
        Name of a profile.
    data : str or Path
        Folder with the audio; empty for the demo corpus.
    out : str or Path
        Where ``report.html``, ``report.pdf`` and the executed ``notebooks/`` go.
    home : str or Path
        Where ``data/demo``, ``cache`` and ``runs`` are kept: the project's folder.

    Returns
    -------
    tuple of Path
        The HTML page and the PDF.

    Raises
    ------
    ReportError
        If a notebook stops with an error.
    CorpusError, ValueError
        If `data` or `profile` cannot be used.
    """
    begin = time.monotonic()
    out, home = Path(out).resolve(), Path(home).resolve()
    data = str(Path(data).expanduser().resolve()) if str(data) else ""
    # Opened here first: a wrong path or profile is told at once, and not from inside a notebook.
    workspace = open_workspace(profile, data, home)
    parameters = {"profile": workspace.profile.name, "data": data, "home": str(home)}
    executed = run_notebooks(sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")), out, parameters)
    took = datetime.timedelta(seconds=round(time.monotonic() - begin))
    return bind(
        executed,
        out,
        title=TITLE,
        subtitle=SUBTITLE,
        authors=AUTHORS,
        date=datetime.date.today().isoformat(),
        notice=DEMO_NOTICE if workspace.is_demo else None,
        provenance=describe(workspace, str(took)),
        template_dir=ROOT / "report",
    )


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
        If a cell fails.
    """
    folder = out / "notebooks"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # Kernels inherit these: TensorFlow's greetings are no news to anyone who waits for a report,
    # and a notebook that takes a whole GPU leaves nothing to runs side by side.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    executed = []
    for number, notebook in enumerate(tqdm(notebooks, desc="Notebooks", unit="notebook")):
        tqdm.write(f"[{number + 1}/{len(notebooks)}] {notebook.name}", file=sys.stderr)
        try:
            papermill.execute_notebook(
                notebook,
                folder / notebook.name,
                parameters=parameters,
                cwd=notebook.parent,
                progress_bar=False,
                stderr_file=sys.stderr,
            )
        except papermill.PapermillExecutionError as error:
            raise ReportError(
                f"{notebook.name}, cell {error.cell_index + 1}: {error.ename}: {error.evalue}. The "
                f"notebook as far as it went is {folder / notebook.name}. Runs that were finished "
                "are kept: mend the cause and call again."
            ) from error
        executed.append(folder / notebook.name)
    return executed


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
    further = [phase for phase in workspace.protocol_phases() if phase != NORMAL]
    further += [phase for found in variant_phases(profile).values() for phase in found]
    runs = plan(profile) + (plan(profile, *further) if further else [])
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
