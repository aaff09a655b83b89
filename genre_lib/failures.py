"""Runs that fail: why is noted beside their place, so that the others go on."""

import contextlib
import datetime
import errno
import json
import traceback

import pandas as pd

from genre_lib.provenance import without_home


def failure_record(folder):
    """Return where it is noted that a run failed.

    Parameters
    ----------
    folder : Path
        Of the run, as from `Run.folder`.

    Returns
    -------
    Path
        ``<folder>.failed.json``; it goes when the run is kept.
    """
    return folder.with_name(f"{folder.name}.failed.json")


def attempt(work, folder):
    """Call a function; where it fails, note why.

    Parameters
    ----------
    work : callable
        Takes nothing, and makes a run.
    folder : Path
        Of the run.

    Returns
    -------
    str or None
        In one line why it failed; None where it did not.
    """
    try:
        work()
    except Exception as error:
        reason = ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            reason += f" (make room for {folder}, and call again)"
        reason = without_home(reason)  # it is for the report, the traceback is for this machine
        note = {
            "reason": reason,
            "traceback": traceback.format_exc(),
            "time": datetime.datetime.now().astimezone().isoformat(" ", "seconds"),
        }
        # On a full disk, say, the note fails like the run; the reason is told all the same.
        with contextlib.suppress(OSError):
            _write(note, failure_record(folder))
        return reason
    return None


def _write(note, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}")
    beside.write_text(json.dumps(note, indent=2))
    beside.replace(path)


def failure_reason(folder):
    """Return in one line why a run failed when it was last tried.

    Parameters
    ----------
    folder : Path
        Of the run.

    Returns
    -------
    str or None
        None where it did not, or where the note cannot be read.
    """
    try:
        return json.loads(failure_record(folder).read_text())["reason"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def failed_runs(planned, runs_dir, fingerprint):
    """List those of some runs that failed when they were last tried.

    Parameters
    ----------
    planned : iterable of Run
    runs_dir : str or Path
    fingerprint : str
        Of the corpus.

    Returns
    -------
    pandas.DataFrame
        ``phase``, ``rotation`` (from 1), ``seed``, ``reason`` (one line).
    """
    reasons = {run: failure_reason(run.folder(runs_dir, fingerprint)) for run in planned}
    rows = [
        (run.phase.name, run.rotation + 1, run.seed, reason)
        for run, reason in reasons.items()
        if reason
    ]
    return pd.DataFrame(rows, columns=["phase", "rotation", "seed", "reason"])
