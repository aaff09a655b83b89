"""Results without audio and without weights: written to be published.

A published folder holds ``results.json`` (what it is, and the checksum of every other file),
``corpus.csv`` (the table of tracks), ``recordings.csv`` and ``distortions.csv`` (what the
detectors found) and ``runs/``, laid out as runs are kept: of each its ``run.json``,
``history.csv`` and ``predictions.npz``, and beside them, in ``derived/``, what notebooks
computed from audio or from weights. `genre_lib.workspace.published` opens it.
"""

import dataclasses
import json
import shutil
from pathlib import Path

from genre_lib import provenance
from genre_lib.experiment.kept import KeptRuns
from genre_lib.files import checksum, whole_folder
from genre_lib.workspace.derived import write_table

FORMAT = 1
FACTS = "results.json"
FAULTS = ("recordings", "distortions")


class PublicationError(ValueError):
    """Results that cannot be published or opened; the message names what is wrong."""


def publish(workspace, out):
    """Write what is kept of a workspace where it can be published: no audio, no weights.

    Call it after a report, whose notebooks keep what they compute from audio and from weights.
    Where runs of the plan are missing or failed, the rest is published.

    Parameters
    ----------
    workspace : Workspace
    out : str or Path
        The folder to write. Published results that are there are replaced as soon as the new ones
        are whole; other files in it (a rendered report, say) stay.

    Returns
    -------
    dict
        What ``results.json`` says.

    Raises
    ------
    PublicationError
        If no run is kept, no report was made, or `out` holds something else.
    """
    out, planned = Path(out).expanduser().resolve(), workspace.planned()
    kept = workspace.kept.load_all(planned)
    derived = [
        path
        for path in workspace.kept.derived_folder(workspace.profile).glob("[!.]*")
        if path.suffix in (".csv", ".png")
    ]
    if not kept or not derived:
        lacking = "derived facts" if kept else "run"
        raise PublicationError(
            f"{workspace.kept.profile_folder(workspace.profile)}: no {lacking} of the profile {workspace.profile.name} on the "
            f"{workspace.corpus_name}. Expected what make report keeps there: call it with the "
            "same PROFILE and DATA, then publish."
        )
    if out.exists() and not (out / FACTS).is_file() and (out.is_file() or any(out.iterdir())):
        raise PublicationError(
            f"{out}: holds something else than published results. Choose another folder, or empty "
            "this one."
        )
    with whole_folder(out) as beside:
        _write_tables(workspace, beside)
        published = KeptRuns(beside / "runs", workspace.store.fingerprint)
        _copy_derived(derived, published.derived_folder(workspace.profile))
        for run in kept:
            workspace.kept.copy_without_weights(run, published)
        failures = workspace.kept.failures(run for run in planned if run not in kept)
        for run, reason in failures.items():
            # The kind of error alone: what it says may name folders of the machine.
            published.note_failure(run, reason.partition(":")[0])
        facts = _describe(workspace, len(planned), len(kept), len(failures))
        facts["sha256"] = {name: checksum(beside / name) for name in list_files(beside)}
        (beside / FACTS).write_text(json.dumps(facts, indent=2) + "\n")
        _keep_other_files(out, beside)
    return facts


def _write_tables(workspace, folder):
    write_table(workspace.corpus.drop(columns="path"), folder / "corpus.csv")
    for name, table in zip(FAULTS, workspace.faults, strict=True):
        write_table(table, folder / f"{name}.csv")


def _copy_derived(paths, folder):
    folder.mkdir(parents=True)
    for path in paths:
        shutil.copyfile(path, folder / path.name)


def _describe(workspace, planned, kept, failed):
    return {
        "what": "results of genre_lib, published without audio and without weights",
        "format": FORMAT,
        "profile": dataclasses.asdict(workspace.profile),
        "corpus": {
            "name": workspace.corpus_name,
            "is_demo": workspace.is_demo,
            "fingerprint": workspace.store.fingerprint,
            "files": len(workspace.corpus),
            "tracks": len(workspace.tracks),
            "genres": workspace.genres,
        },
        "runs": {"planned": planned, "kept": kept, "failed": failed},
        "published_by": {"commit": provenance.commit(), "versions": provenance.versions()},
    }


def _keep_other_files(out, beside):
    """Copy what else lies in the published folder, a rendered report for instance."""
    for path in out.iterdir() if out.exists() else []:
        if path.is_file() and not (beside / path.name).exists():
            shutil.copyfile(path, beside / path.name)


def list_files(folder, root=None):
    """List the files below a folder, hidden ones left out, relative to it or to `root`."""
    paths = [path for path in folder.rglob("[!.]*") if path.is_file()]
    return sorted(path.relative_to(root or folder).as_posix() for path in paths)
