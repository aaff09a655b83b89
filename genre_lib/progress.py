"""Show progress bars, also for work in threads."""

import sys
from concurrent.futures import ThreadPoolExecutor

from joblib import cpu_count
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from genre_lib.startup import is_verbose

_RARE = {"mininterval": 300, "maxinterval": 300, "miniters": 1}  # one line every five minutes


def progress_bar(items=None, *, progress, main=False, **look):
    """Return a tqdm bar, which shows nothing without `progress` or with ``$TQDM_DISABLE``.

    Only a `main` bar stays on a terminal when it is done, and only that appears in a log.
    """
    if _in_notebook():
        look["file"] = sys.stdout  # stderr is shown as if it were an error
    elif not is_verbose():
        look.setdefault("leave", main)
        if _in_log():
            progress, look = progress and main, look | _RARE
    # An explicit disable=False would override the environment.
    return tqdm(items, **look) if progress else tqdm(items, **look, disable=True)


def name_running(bar, *running):
    """Show what is running beside a bar."""
    bar.set_postfix_str("; ".join(map(str, running)), refresh=not _in_log())


def _in_notebook():
    return type(sys.stderr).__module__.startswith("ipykernel")


def _in_log():
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    return not (is_terminal or is_verbose() or _in_notebook())


def thread_map(function, *iterables, desc, unit, progress):
    """Call a function in threads with the items of sized iterables; list its results in order."""
    # Not tqdm.contrib.concurrent.thread_map: in a notebook, it shows a bar made of widgets, which
    # stored notebooks cannot show, and warns in red if widgets are not installed.
    look = {"total": len(iterables[0]), "desc": desc, "unit": unit, "progress": progress}
    # More threads would only take more memory. Those of the linear algebra wait in a loop for work,
    # and would take the time of these.
    with ThreadPoolExecutor(cpu_count()) as pool, threadpool_limits(1):
        return list(progress_bar(pool.map(function, *iterables), **look))
