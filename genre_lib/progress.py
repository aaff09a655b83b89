"""Work in threads, with a progress bar."""

from concurrent.futures import ThreadPoolExecutor

from tqdm import tqdm


def thread_map(function, *iterables, desc, unit, progress):
    """Call a function in threads with the items of sized iterables; list its results in order."""
    # Not tqdm.contrib.concurrent.thread_map: in a notebook, that shows a bar of widgets, which no
    # stored notebook can show, and warns in red if they are not installed.
    bar = {"total": len(iterables[0]), "desc": desc, "unit": unit, "disable": not progress}
    with ThreadPoolExecutor() as pool:
        return list(tqdm(pool.map(function, *iterables), **bar))
