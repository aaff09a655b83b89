"""Train many runs: one after the other, in parallel, or on a cluster."""

import contextlib
import functools
import multiprocessing
import os
import threading
import warnings
from pathlib import Path

import joblib
from joblib.externals.loky import ProcessPoolExecutor, get_reusable_executor
from joblib.externals.loky.backend.process import LokyProcess
from joblib.externals.loky.process_executor import BrokenProcessPool

from genre_lib.experiment.kept import KeptRuns, RunError
from genre_lib.progress import name_running, progress_bar
from genre_lib.startup import is_verbose, load_less

_ONE_AT_A_TIME = threading.Lock()


def fit_runs(runs, store, runs_dir="runs", progress=True, jobs=None):
    """Train the runs that are not kept yet.

    A run that fails causes a warning and leaves a note beside its folder; the next call tries it
    again. The others continue, and if all fail, a RunError is raised. If a worker process is
    killed, the remaining runs are trained one at a time.

    With several jobs, worker processes share the cores of the machine. To use a Dask cluster, set
    the environment variable ``GENRE_SCHEDULER`` to the address of its scheduler (``tcp://...``);
    other backends of joblib are chosen with ``joblib.parallel_config(backend=...)``. Workers must
    find `runs_dir` and the store under the same paths. The number of threads changes the order of
    sums, so results agree as closely as those of two machines, but not to the last digit.

    Parameters
    ----------
    runs, store : sequence of Run, SegmentStore
    runs_dir : str or Path, folder of all kept runs
    progress : bool, show a bar over the runs and, with one job, one over the epochs
    jobs : int, parallel runs; by default the environment variable ``GENRE_JOBS``, or 1

    Returns
    -------
    dict of Run to RunResult, in the order of `runs`, without those that failed

    Examples
    --------
    >>> results = fit_runs(plan(DEMO, NORMAL), workspace.store, jobs=2)  # doctest: +SKIP
    """
    kept, reasons = KeptRuns(Path(runs_dir).resolve(), store.fingerprint), {}
    results = kept.load_all(runs)
    jobs, missing = jobs or wanted_jobs(), [run for run in runs if run not in results]
    if _in_workers(jobs):
        missing.sort(key=_turn)
    look = {"total": len(runs), "initial": len(results), "desc": "Runs", "unit": "run"}
    # The mean speed, because parallel runs end together.
    bar = progress_bar(**look, smoothing=0, main=True, progress=progress)
    # Closed, not left to the garbage collector: an interrupt must reach the workers.
    with bar, contextlib.closing(_attempts((*missing,), store, kept, bar, jobs)) as attempts:
        name_running(bar, *missing[:jobs])
        for run, reason in attempts:
            missing.remove(run)
            bar.update()
            name_running(bar, *missing[:jobs])
            if (result := kept.load(run)) is not None:
                results[run] = result
                continue
            reasons[run] = reason or f"not found under {kept.runs_dir}, which workers must share"
            warnings.warn(f"run failed: {run}: {reasons[run]}", stacklevel=2)
    if reasons and not results:
        listed = "\n".join(f"  {run}: {reason}" for run, reason in reasons.items())
        raise RunError(
            f"all runs failed:\n{listed}\nTheir tracebacks are in {kept.folder}/**/*.failed.json. "
            "Fix the cause and call again."
        )
    return {run: results[run] for run in runs if run in results}


def _in_workers(jobs):
    return jobs > 1 or bool(os.environ.get("GENRE_SCHEDULER"))


def _turn(run):
    """Return what the runs of workers are sorted by."""
    # A long run that begins last would run alone. A worker whose memory grows much after its first
    # run is replaced, so what needs most begins. A network is compiled once for runs in a row.
    return -_cost(run), not run.phase.whole_batch, sorted(run.phase.network.items())


def _cost(run):
    """Guess how long a run takes, in epochs of the normal phase."""
    in_groups = run.phase.network.get("normalization") == "group"
    in_parts = run.phase.accumulates or run.phase.whole_batch
    return run.epochs * (2 if in_groups else 1) * (2 if in_parts else 1)


def wanted_jobs():
    """Return the number of parallel runs that the environment variable ``GENRE_JOBS`` asks for."""
    wanted = os.environ.get("GENRE_JOBS") or "1"
    if not wanted.isdecimal() or int(wanted) < 1:
        raise ValueError(f"GENRE_JOBS={wanted!r}: expected the number of parallel runs, 1 or more.")
    return int(wanted)


def _attempts(runs, store, kept, bar, jobs):
    """Yield each run when it is done and, if it failed, the reason."""
    if runs and _in_workers(jobs):
        yield from _attempts_in_workers(runs, store, kept, jobs)
        return
    for run in runs:
        yield _attempt(run, store, kept, progress=not bar.disable)


def _attempts_in_workers(runs, store, kept, jobs):
    work = functools.partial(_attempt, store=store, kept=kept)
    left = list(runs)
    try:
        for run, reason in side_by_side(work, runs, jobs):
            left.remove(run)
            yield run, reason
    except BrokenProcessPool:
        # Usually memory ran out, and one run at a time needs least. In a process of its own, a
        # run that kills its process can be named.
        warnings.warn(
            f"a worker process was killed: the remaining {len(left)} of {len(runs)} runs are "
            "trained one at a time. If memory ran out, use fewer jobs.",
            stacklevel=4,
        )
        for run in left:
            with ProcessPoolExecutor(1) as pool:
                train = pool.submit(_call, work, run, min(jobs, len(runs))).result
                yield run, kept.attempt(run, train) or kept.failure_reason(run)


@functools.cache
def _networks():
    """Return those of this process: a worker is called once per run, but compiles once."""
    from genre_lib.experiment.models import Networks

    return Networks()


def _attempt(run, store, kept, progress=False):
    # Imported here: with workers, the process that starts them needs no Keras, half a gigabyte.
    from genre_lib.experiment.training import fit_run

    is_alone = _is_own_worker() and not is_verbose()

    def train():
        with kept.stderr_of(run) if is_alone else contextlib.nullcontext():
            fit_run(run, store, kept.runs_dir, progress, _networks())

    reason = kept.attempt(run, train)
    if reason:
        # A network that failed halfway, perhaps for lack of memory, must not keep its memory.
        _networks().forget()
    return run, reason


def side_by_side(work, items, jobs):
    """Call a picklable function with each item in worker processes; yield results as they come."""
    shares, is_done = min(jobs, len(items)), False
    with _parallel(jobs) as parallel:
        try:
            yield from parallel(joblib.delayed(_call)(work, item, shares) for item in items)
            is_done = True
        finally:
            # Idle processes would keep their networks, and GPU memory, for minutes. A killed one
            # leaves a semaphore, of which Python warns.
            get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=not is_done)


@contextlib.contextmanager
def _parallel(jobs):
    # One call at a time, because each takes minutes; no backend, so that the caller's counts.
    parallel = functools.partial(
        joblib.Parallel, prefer="processes", batch_size=1, return_as="generator_unordered"
    )
    if not (address := os.environ.get("GENRE_SCHEDULER")):
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
                f"the cluster at {address} has a single thread, so joblib would work here and "
                "leave it idle: start its worker with --nthreads 2, or leave GENRE_SCHEDULER "
                "unset."
            )
        yield parallel(-1)


def _is_own_worker():
    """Say whether this process is a worker that the project has started; a cluster's is not."""
    return isinstance(multiprocessing.current_process(), LokyProcess)


def _call(work, item, shares):
    if _is_own_worker():
        load_less()
    threads = str(max(1, joblib.cpu_count() // shares))
    # TensorFlow, and XLA under JAX, read these when they first compute; values that a worker was
    # started with take precedence. No process may reserve a whole GPU in advance.
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "NPROC")
    sharing = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    for name, value in (dict.fromkeys(names, threads) | sharing).items():
        os.environ.setdefault(name, value)
    # A worker of a cluster may have threads, but Keras has one seed and one session for all.
    with _ONE_AT_A_TIME:
        return work(item)
