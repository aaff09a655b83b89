"""Run notebooks with papermill; if a kernel dies, say where and why."""

import contextlib
import functools
import hashlib
import json
import logging
import re
import signal
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed

import nbformat
import papermill
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.utils import run_sync
from nbclient.exceptions import DeadKernelError
from tqdm import tqdm

from genre_lib.files import whole_file
from genre_lib.progress import name_running, progress_bar
from genre_lib.startup import is_verbose

_STAMP = "genre_lib_made_from"  # in the metadata of an executed notebook
_BECAUSE = {
    "SIGKILL": "by hand, or by the system because memory ran out: use fewer jobs, a smaller batch "
    "or a narrower profile",
    "SIGSEGV": "a fault in compiled code",
    "SIGABRT": "compiled code gave up; its last lines above may say why",
    "SIGTERM": "on request",
}


class ReportError(RuntimeError):
    """The report could not be made; the message says where it stopped and what to do."""


def run_notebooks(notebooks, out, parameters, made_from="", jobs=1):
    """Run notebooks with papermill, as many at a time as `jobs`, and return the executed ones.

    They lie in `out`. A notebook that was already executed with the same parameters and the same
    text is not run again. `made_from` is a text that identifies everything else its outputs depend
    on. If a notebook fails, those that are still running are stopped.
    """
    folder = out / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    targets = {notebook: folder / notebook.name for notebook in notebooks}
    stamps = {notebook: _stamp(notebook, parameters, made_from) for notebook in notebooks}
    missing = [n for n in notebooks if _read_stamp(targets[n]) != stamps[n]]
    kept = {targets[notebook] for notebook in notebooks if notebook not in missing}
    for path in set(folder.iterdir()) - kept:
        path.unlink()
    if jobs > 1:
        missing.sort(key=_cost, reverse=True)  # a long one that begins last would run alone
    look, told = {"total": len(missing), "desc": "Notebooks", "unit": "notebook"}, set()
    bar = progress_bar(**look, main=True, progress=bool(missing))
    # Closed, not left to the garbage collector: an interrupt must reach the kernels.
    with bar, contextlib.closing(_run_side_by_side(missing, targets, parameters, jobs)) as ended:
        name_running(bar, *(notebook.stem for notebook in missing[:jobs]))
        waiting = list(missing)
        for notebook in ended:
            executed = nbformat.read(targets[notebook], as_version=4)
            executed.metadata[_STAMP] = stamps[notebook]
            with whole_file(targets[notebook]) as beside:
                nbformat.write(executed, beside)
            for warning in sorted(_warnings(executed) - told):
                tqdm.write(f"{notebook.name}: {warning}", file=sys.stderr)
            told |= _warnings(executed)
            waiting.remove(notebook)
            bar.update()
            name_running(bar, *(notebook.stem for notebook in waiting[:jobs]))
    return list(targets.values())


def _run_side_by_side(notebooks, targets, parameters, jobs):
    """Run notebooks in threads, each with a kernel of its own, and yield them as they end."""
    # Without kernel folders, python3 is the Python that runs this, not a hub's.
    kernels = {
        notebook: AsyncKernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
        for notebook in notebooks
    }
    failed = threading.Event()

    def run(notebook):
        if failed.is_set():
            return False
        try:
            _run_notebook(notebook, targets[notebook], parameters, kernels[notebook])
        except BaseException:
            failed.set()  # here, before this thread takes the next one
            raise
        return True

    with ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(run, notebook): notebook for notebook in notebooks}
        try:
            for future in as_completed(futures):
                if future.result():
                    yield futures[future]
        except BaseException:  # an interrupt, too, must not wait for the others
            failed.set()
            for kernel in kernels.values():
                if (process := _process(kernel)) is not None:
                    process.kill()
            raise


def _cost(path):
    """Guess how long a notebook takes: by cells with the tag ``slow``, then by its code."""
    cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    slow = sum("slow" in cell.metadata.get("tags", ()) for cell in cells)
    return slow, sum(len(cell.source) for cell in cells)


def _warnings(notebook):
    """Return the first line of each warning in an executed notebook."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    printed = "\n".join(output.text for output in outputs if output.get("name") == "stderr")
    return set(re.findall(" UserWarning: (.*)", printed))


def _stamp(notebook, parameters, made_from):
    """Identify everything that the outputs of a notebook depend on."""
    facts = [notebook.read_text(encoding="utf-8"), parameters, made_from]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _read_stamp(target):
    try:
        return nbformat.read(target, as_version=4).metadata.get(_STAMP)
    except (OSError, ValueError):  # missing, or never finished
        return None


def _run_notebook(notebook, target, parameters, kernel):
    # Not papermill's `cwd`, which is that of the whole process while a notebook runs.
    options = {"resources": {"metadata": {"path": str(notebook.parent)}}, "progress_bar": False}
    if is_verbose():
        options["stderr_file"] = sys.stderr
    elif papermill.log.logger.level == logging.NOTSET:
        papermill.log.logger.setLevel(logging.ERROR)  # not every notebook takes all parameters
    clients, connect = [], kernel.client
    kernel.client = lambda **given: clients.append(connect(**given)) or clients[-1]
    # Papermill reads {...} in a path as a parameter.
    paths = [str(path).replace("{", "{{").replace("}", "}}") for path in (notebook, target)]
    try:
        with contextlib.nullcontext() if is_verbose() else _stderr_held_back(kernel):
            papermill.execute_notebook(*paths, parameters=parameters, km=kernel, **options)
    except papermill.PapermillExecutionError as error:
        raise ReportError(
            f"{notebook.name}, cell {error.cell_index + 1}: {error.ename}: {error.evalue}. The "
            f"partly executed notebook is {target}. Finished runs are kept: fix the cause and call "
            "again."
        ) from error
    except RuntimeError as error:
        # A kernel that dies or takes too long while it starts does not raise DeadKernelError.
        died = isinstance(error, DeadKernelError)
        where = f"{notebook.name}{_cell(target)}: the kernel {_end(kernel)}"
        raise ReportError(
            f"{where if died else f'{notebook.name}: {error}'}. Finished runs are kept, and an "
            "unfinished one resumes after its last complete epoch: call again."
        ) from error
    finally:
        # Papermill does not shut down a kernel that it was given, nor the connections to it.
        if kernel.has_kernel:
            run_sync(kernel.shutdown_kernel)(now=True)
        for client in clients:
            client.stop_channels()


@contextlib.contextmanager
def _stderr_held_back(kernel):
    """Hold back what a kernel's process writes to stderr, and show it only if it dies."""
    with tempfile.TemporaryFile() as file:
        kernel.start_kernel = functools.partial(kernel.start_kernel, stderr=file)
        try:
            yield
        except RuntimeError:
            file.seek(0)
            sys.stderr.write(file.read().decode(errors="replace"))
            raise


def _cell(notebook):
    """Return which cell a notebook was executing, as papermill noted it."""
    try:
        cells = nbformat.read(notebook, as_version=4).cells
    except (OSError, ValueError):
        return ""
    for number, cell in reversed(list(enumerate(cells, start=1))):
        if cell.metadata.get("papermill", {}).get("start_time"):
            first_line = cell.source.strip().partition("\n")[0]
            return f", cell {number}, which begins with {first_line!r}"
    return ", before its first cell"


def _process(kernel):
    """Return the process of a kernel, or None if it has none."""
    return getattr(kernel.provisioner, "process", None)


def _end(kernel):
    """Say how a kernel ended, as far as that can be known."""
    process = _process(kernel)
    status = process.poll() if process else None
    if status is None:
        return "died for an unknown reason"
    if status >= 0:
        return f"ended by itself, with exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        return f"was killed by signal {-status}"
    because = f": {_BECAUSE[name]}" if name in _BECAUSE else ""
    return f"was killed ({name}{because})"
