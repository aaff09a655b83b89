"""Notebooks are run with papermill, and a kernel that dies is told of."""

import os
import shutil
import signal
import sys

import nbformat
import papermill
from jupyter_client import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from tqdm import tqdm


class ReportError(RuntimeError):
    """The report could not be made; the message says where it stopped and what to do."""


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


_BECAUSE = {
    signal.SIGKILL: "by hand, or by the system because memory ran out: fewer jobs, a smaller batch "
    "or a narrower profile need less",
    signal.SIGSEGV: "a fault in compiled code",
    signal.SIGABRT: "compiled code gave up; its last lines above may say why",
    signal.SIGTERM: "somebody asked it to end",
}


def describe_death(notebook, manager):
    """Tell which cell a kernel died in, and why as far as it can be known.

    Parameters
    ----------
    notebook : Path
        As papermill has executed it as far as it went.
    manager : jupyter_client.KernelManager
        Of the kernel.

    Returns
    -------
    str
        ``"03_training.ipynb, cell 7: the kernel was killed (SIGKILL: ...)"``.
    """
    return f"{notebook.name}{_cell(notebook)}: the kernel {_how(_exit_status(manager))}"


def _cell(notebook):
    try:
        cells = nbformat.read(notebook, as_version=4).cells
    except (OSError, ValueError):
        return ""
    # Papermill notes of each cell whether it is still to run, running or done.
    begun = [
        number
        for number, cell in enumerate(cells, start=1)
        if cell.metadata.get("papermill", {}).get("start_time")
    ]
    if not begun:
        return ", before its first cell"
    first_line = cells[begun[-1] - 1].source.strip().partition("\n")[0]
    return f", cell {begun[-1]}, which begins with {first_line!r}"


def _exit_status(manager):
    process = getattr(manager.provisioner, "process", None)
    return process.poll() if process else None


def _how(status):
    if status is None:
        return "died; why is not known"
    if status >= 0:
        return f"ended by itself, with exit status {status}"
    try:
        number = signal.Signals(-status)
    except ValueError:
        return f"was killed by signal {-status}"
    because = f": {_BECAUSE[number]}" if number in _BECAUSE else ""
    return f"was killed ({number.name}{because})"
