"""Progress bars, and work in threads that shows one."""

from concurrent.futures import ThreadPoolExecutor

from tqdm import tqdm


def progress_bar(items=None, *, progress, **look):
    """Return a tqdm bar, which shows nothing without `progress` or with ``$TQDM_DISABLE``."""
    # Given as False, `disable` would outweigh the environment.
    return tqdm(items, **look) if progress else tqdm(items, **look, disable=True)


def thread_map(function, *iterables, desc, unit, progress):
    """Call a function in threads with the items of sized iterables; list its results in order."""
    # Not tqdm.contrib.concurrent.thread_map: in a notebook, that shows a bar of widgets, which no
    # stored notebook can show, and warns in red if they are not installed.
    look = {"total": len(iterables[0]), "desc": desc, "unit": unit, "progress": progress}
    with ThreadPoolExecutor() as pool:
        return list(progress_bar(pool.map(function, *iterables), **look))
