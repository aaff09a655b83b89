"""Kernels that die while they run a notebook: where, and why as far as it can be known."""

import signal

import nbformat

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
