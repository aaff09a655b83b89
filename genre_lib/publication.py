"""Results without audio and without weights: written to be published.

A published folder holds ``results.json`` (what it is, and the checksum of every other file),
``corpus.csv`` (the table of tracks), ``recordings.csv`` and ``distortions.csv`` (what the
detectors found) and ``runs/``, laid out as runs are kept: of each its ``run.json``,
``history.csv`` and ``predictions.npz``, and beside them, in ``derived/``, what notebooks
computed from audio or from weights. `genre_lib.published_workspace` opens it.
"""

import dataclasses
import hashlib
import json
import shutil
import tempfile
from pathlib import Path

from genre_lib import provenance
from genre_lib.derived import write_table
from genre_lib.failures import failed_runs, failure_record
from genre_lib.runs import load_runs

FORMAT = 1
FACTS = "results.json"
FAULTS = ("recordings", "distortions")
_WEIGHTS = "model.keras"


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
    kept = load_runs(planned, workspace.runs_dir, workspace.store.fingerprint)
    derived = sorted(
        path
        for path in (workspace.kept_dir / "derived").glob("[!.]*")
        if path.suffix in (".csv", ".png")
    )
    if not kept or not derived:
        lacking = "derived facts" if kept else "run"
        raise PublicationError(
            f"{workspace.kept_dir}: no {lacking} of the profile {workspace.profile.name} on the "
            f"{workspace.corpus_name}. Expected what make report keeps there: call it with the "
            "same PROFILE and DATA, then publish."
        )
    if out.exists() and not (out / FACTS).is_file() and (out.is_file() or any(out.iterdir())):
        raise PublicationError(
            f"{out}: holds something else than published results. Choose another folder, or empty "
            "this one."
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        _write_tables(workspace, beside)
        here = beside / "runs" / workspace.kept_dir.relative_to(workspace.runs_dir)
        for path in derived:
            _copy(path, here / "derived" / path.name)
        for result in kept.values():
            _publish_run(result, here / result.folder.relative_to(workspace.kept_dir))
        failed = _publish_failures(workspace, [r for r in planned if r not in kept], beside)
        facts = _describe(workspace, len(planned), len(kept), failed)
        facts["sha256"] = {name: file_checksum(beside / name) for name in list_files(beside)}
        (beside / FACTS).write_text(json.dumps(facts, indent=2) + "\n")
        beside.chmod(0o755)
        _replace(out, beside)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return facts


def _write_tables(workspace, folder):
    write_table(workspace.corpus.drop(columns="path"), folder / "corpus.csv")
    for name, table in zip(FAULTS, workspace.faults, strict=True):
        write_table(table, folder / f"{name}.csv")


def _publish_run(result, folder):
    # What was kept, but for the weights: their checksum stays, for who has them.
    facts = json.loads((result.folder / "run.json").read_text())
    facts["sha256_of_weights"] = facts["sha256"].pop(_WEIGHTS, None)
    for name in facts["sha256"]:
        _copy(result.folder / name, folder / name)
    (folder / "run.json").write_text(json.dumps(facts, indent=2))


def _publish_failures(workspace, missing, folder):
    fingerprint_, runs_dir = workspace.store.fingerprint, workspace.runs_dir
    count = 0
    for run in missing:
        for failure in failed_runs([run], runs_dir, fingerprint_).itertuples():
            place = failure_record(run.folder(folder / "runs", fingerprint_))
            place.parent.mkdir(parents=True, exist_ok=True)
            # The kind of error alone: what it says may name folders of the machine.
            kind = failure.reason.partition(":")[0]
            place.write_text(json.dumps({"reason": kind}, indent=2))
            count += 1
    return count


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


def _replace(out, beside):
    if not out.exists():
        beside.rename(out)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{out.name}-old-", dir=out.parent)) / "results"
    out.rename(old)
    beside.rename(out)
    for path in old.iterdir():
        if not (out / path.name).exists() and path.name not in ("runs", FACTS):
            path.rename(out / path.name)
    shutil.rmtree(old.parent)


def list_files(folder, root=None):
    """List the files below a folder, hidden ones left out, relative to it or to `root`."""
    paths = [path for path in folder.rglob("[!.]*") if path.is_file()]
    return sorted(path.relative_to(root or folder).as_posix() for path in paths)


def _copy(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def file_checksum(path):
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
