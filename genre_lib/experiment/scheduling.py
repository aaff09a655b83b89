"""Many runs: one after the other, side by side, or on a cluster."""

import contextlib
import functools
import os
import threading
import warnings
from pathlib import Path

import joblib
from joblib.externals.loky import ProcessPoolExecutor, get_reusable_executor
from joblib.externals.loky.process_executor import BrokenProcessPool
from tqdm import tqdm

from genre_lib.experiment.kept import KeptRuns
from genre_lib.experiment.models import Networks
from genre_lib.experiment.training import fit_run


class RunError(RuntimeError):
    """No run succeeded; the message says why."""


def fit_runs(runs, store, runs_dir="runs", progress=True, jobs=None):
    """Make sure that every run is kept, training those that are not.

    A run that fails is warned of, noted beside its place (see `genre_lib.experiment.kept`) and tried
    again by the next call; the others go on. So they do where a worker process is killed: those
    that are left are then trained one at a time, each in a process of its own.

    With one job, all is done in this process. With more, worker processes train side by side and
    share the cores of the machine. To use the machines of a Dask cluster, set the environment
    variable ``GENRE_SCHEDULER`` to the address of its scheduler (``tcp://...``); any other backend
    of joblib is chosen around the call, with ``joblib.parallel_config(backend=...)``. Workers
    write to `runs_dir` and read the store by themselves, so both must lie on a file system that
    they share, under the same path. How many threads a run has changes the order of its sums: its
    numbers agree with those of one job like those of another machine, and not to the last digit.

    Parameters
    ----------
    runs : sequence of Run
        As from `genre_lib.experiment.runs.plan`.
    store : SegmentStore
        The audio.
    runs_dir : str or Path
        Where runs are kept.
    progress : bool
        Show a bar over the runs and, with one job, one inside over the epochs.
    jobs : int, optional
        Runs side by side on a machine; ``GENRE_JOBS``, or 1, by default. A cluster has its own
        number of workers.

    Returns
    -------
    dict of Run to RunResult
        In the order of `runs`, without those that failed.

    Raises
    ------
    RunError
        If there is not one result.
    ValueError
        If ``GENRE_JOBS`` is no whole number from 1.
    ImportError, OSError, RuntimeError
        If the cluster cannot be used.
    """
    kept, reasons = KeptRuns(Path(runs_dir).resolve(), store.fingerprint), {}
    results = kept.load_all(runs)
    missing = [run for run in runs if run not in results]
    bar = tqdm(total=len(runs), initial=len(results), desc="Runs", unit="run", disable=not progress)
    # Closed, and not left to the garbage collector: an interrupt must reach the workers.
    with bar, contextlib.closing(_attempts(missing, store, kept, bar, jobs)) as attempts:
        for run, reason in attempts:
            bar.update()
            result = kept.load(run)
            if result is None:
                reasons[run] = (
                    reason or f"not found under {kept.runs_dir}, which workers must share"
                )
                warnings.warn(f"run failed: {run}: {reasons[run]}", stacklevel=2)
            else:
                results[run] = result
    if reasons and not results:
        raise RunError(_explain(reasons, kept))
    return {run: results[run] for run in runs if run in results}


def _explain(reasons, kept):
    listed = "\n".join(f"  {run}: {reason}" for run, reason in reasons.items())
    return (
        f"all runs failed:\n{listed}\n"
        f"Their tracebacks are in {kept.folder}/**/*.failed.json. Mend the cause and call again."
    )


def _attempts(runs, store, kept, bar, jobs):
    jobs = _wanted_jobs() if jobs is None else jobs
    if not runs:
        return
    if jobs > 1 or _scheduler():
        yield from _attempts_in_workers(runs, store, kept, jobs)
        return
    networks = Networks()
    for run in runs:
        bar.set_postfix_str(str(run))
        yield _attempt(run, store, kept, not bar.disable, networks)


def _attempts_in_workers(runs, store, kept, jobs):
    work = functools.partial(_attempt_in_worker, store=store, kept=kept)
    left = list(runs)
    try:
        for run, reason in side_by_side(work, runs, jobs):
            left.remove(run)
            yield run, reason
    except BrokenProcessPool:
        # Mostly for want of memory, of which one run at a time needs least; and by itself, one that
        # takes its process with it is known.
        warnings.warn(
            f"a worker process was killed: the {len(left)} runs that are left are trained one at a "
            "time. If memory was short, fewer jobs need less.",
            stacklevel=4,
        )
        for run in left:
            train = functools.partial(in_process_of_its_own, work, run, min(jobs, len(runs)))
            yield run, kept.attempt(run, train) or kept.failure_reason(run)


def _attempt(run, store, kept, progress, networks):
    fit = functools.partial(fit_run, run, store, kept.runs_dir, progress, networks)
    reason = kept.attempt(run, fit)
    if reason:
        # A network that failed halfway, for want of memory, say, must not stay in the way.
        networks.forget()
    return run, reason


def _attempt_in_worker(run, store, kept):
    return _attempt(run, store, kept, False, _networks_of_this_process())


@functools.cache
def _networks_of_this_process():
    # A worker is called run by run: what it has compiled must outlive the call.
    return Networks()


def _wanted_jobs():
    wanted = os.environ.get("GENRE_JOBS") or "1"
    if not wanted.isdecimal() or int(wanted) < 1:
        raise ValueError(
            f"GENRE_JOBS={wanted!r}: expected how many runs to train side by side, 1 or more."
        )
    return int(wanted)


def _scheduler():
    return os.environ.get("GENRE_SCHEDULER", "")


def side_by_side(work, items, jobs):
    """Call a function with each item in worker processes, and yield what it returns.

    The workers are joblib's: its process pool; or those of the backend that the caller has chosen
    with ``joblib.parallel_config(backend=...)``; or, where ``GENRE_SCHEDULER`` is set, all of that
    Dask cluster. A worker does one call at a time.

    Parameters
    ----------
    work : callable
        Takes an item. It, the items and what it returns are pickled.
    items : list
    jobs : int
        Workers on a machine: each takes its share of the machine's cores.

    Yields
    ------
    object
        What `work` returns, in the order in which the calls end.

    Raises
    ------
    ImportError
        If ``GENRE_SCHEDULER`` is set and ``distributed`` is not installed.
    OSError
        If the scheduler cannot be reached.
    RuntimeError
        If the cluster has a single thread.
    """
    shares = min(jobs, len(items))
    with _parallel(jobs) as parallel:
        try:
            yield from parallel(joblib.delayed(_call)(work, item, shares) for item in items)
        finally:
            # Idle processes would hold their networks, and memory of a GPU, for minutes.
            get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)


def in_process_of_its_own(work, item, shares):
    """Call a function with an item in a new process.

    Parameters
    ----------
    work : callable
        Takes an item. It, the item and what it returns are pickled.
    item : object
    shares : int
        The process takes the machine's cores divided by this.

    Returns
    -------
    object
        What `work` returns.

    Raises
    ------
    joblib.externals.loky.process_executor.BrokenProcessPool
        If the process is killed.
    """
    with ProcessPoolExecutor(1) as pool:
        return pool.submit(_call, work, item, shares).result()


@contextlib.contextmanager
def _parallel(jobs):
    # One call at a time, as each takes minutes; no backend, so that the caller's choice counts.
    parallel = functools.partial(
        joblib.Parallel, prefer="processes", batch_size=1, return_as="generator_unordered"
    )
    address = _scheduler()
    if not address:
        yield parallel(jobs)
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise ImportError(
            f"GENRE_SCHEDULER={address} needs the package distributed, which is not installed: "
            "pip install distributed"
        ) from error
    with (
        Client(address, set_as_default=False) as client,
        joblib.parallel_config(backend="dask", client=client),
    ):
        if joblib.effective_n_jobs(-1) == 1:
            raise RuntimeError(
                f"the cluster at {address} has a single thread, and joblib would work here rather "
                "than hand it anything: start its worker with --nthreads 2, or leave "
                "GENRE_SCHEDULER unset."
            )
        yield parallel(-1)


_ONE_AT_A_TIME = threading.Lock()


def _call(work, item, shares):
    threads = str(max(1, joblib.cpu_count() // shares))
    # TensorFlow, and XLA under JAX, read these when they first compute; what a worker was started
    # with counts more. And none may take a whole GPU in advance.
    for name, value in {
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": threads,
        "NPROC": threads,
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }.items():
        os.environ.setdefault(name, value)
    # A worker of a cluster may have threads, and Keras has one seed and one session for them all.
    with _ONE_AT_A_TIME:
        return work(item)
