"""Notebooks are run with papermill; if a kernel dies, the message says where and why."""

import os
import shutil
import signal
import sys

import nbformat
import papermill
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient.exceptions import DeadKernelError
from tqdm import tqdm

_BECAUSE = {
    "SIGKILL": "by hand, or by the system because memory ran out: fewer jobs, a smaller batch or a "
    "narrower profile need less",
    "SIGSEGV": "a fault in compiled code",
    "SIGABRT": "compiled code gave up; its last lines above may say why",
    "SIGTERM": "somebody asked it to end",
}


class ReportError(RuntimeError):
    """The report could not be made; the message says where it stopped and what to do."""


def run_notebooks(notebooks, out, parameters):
    """Run notebooks with papermill, one after the other, and return the executed ones in `out`."""
    folder = out / "notebooks"
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    # Kernels inherit these: nobody who waits for a report needs TensorFlow's greetings, and a
    # notebook that takes a whole GPU leaves nothing to runs side by side.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    for number, notebook in enumerate(tqdm(notebooks, desc="Notebooks", unit="notebook")):
        tqdm.write(f"[{number + 1}/{len(notebooks)}] {notebook.name}", file=sys.stderr)
        _run_notebook(notebook, folder / notebook.name, parameters)
    return [folder / notebook.name for notebook in notebooks]


def _run_notebook(notebook, target, parameters):
    # Without folders to look into, python3 is the Python that runs this, and not that of a hub.
    kernel = AsyncKernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    options = {"cwd": notebook.parent, "progress_bar": False, "stderr_file": sys.stderr}
    # Papermill reads {...} in a path as a parameter.
    paths = [str(path).replace("{", "{{").replace("}", "}}") for path in (notebook, target)]
    try:
        papermill.execute_notebook(*paths, parameters=parameters, km=kernel, **options)
    except papermill.PapermillExecutionError as error:
        raise ReportError(
            f"{notebook.name}, cell {error.cell_index + 1}: {error.ename}: {error.evalue}. The "
            f"notebook as far as it was executed is {target}. Finished runs are kept: mend the "
            "cause and call again."
        ) from error
    except RuntimeError as error:
        # A kernel that dies, or takes too long, while it starts does not raise DeadKernelError.
        died = isinstance(error, DeadKernelError)
        where = f"{notebook.name}{_cell(target)}: the kernel {_end(kernel)}"
        raise ReportError(
            f"{where if died else f'{notebook.name}: {error}'}. Finished runs are kept, and an "
            "unfinished one resumes after its last complete epoch: call again."
        ) from error


def _cell(notebook):
    """Return which cell a notebook was executing, as papermill has noted it."""
    try:
        cells = nbformat.read(notebook, as_version=4).cells
    except (OSError, ValueError):
        return ""
    for number, cell in reversed(list(enumerate(cells, start=1))):
        if cell.metadata.get("papermill", {}).get("start_time"):
            first_line = cell.source.strip().partition("\n")[0]
            return f", cell {number}, which begins with {first_line!r}"
    return ", before its first cell"


def _end(kernel):
    """Say how a kernel ended, as far as that can be known."""
    process = getattr(kernel.provisioner, "process", None)
    status = process.poll() if process else None
    if status is None:
        return "died; why is not known"
    if status >= 0:
        return f"ended by itself, with exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        return f"was killed by signal {-status}"
    because = f": {_BECAUSE[name]}" if name in _BECAUSE else ""
    return f"was killed ({name}{because})"
