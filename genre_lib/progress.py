"""Work in threads, with a progress bar."""

from concurrent.futures import ThreadPoolExecutor

from tqdm import tqdm


def thread_map(function, *iterables, desc, unit, progress):
    """Call a function with the items of sized iterables in threads, and list what it returns.

    `tqdm.contrib.concurrent.thread_map` would take a bar of widgets in a notebook, which no stored
    notebook can show, and warn in red if they are not installed.
    """
    bar = {"total": len(iterables[0]), "desc": desc, "unit": unit, "disable": not progress}
    with ThreadPoolExecutor() as pool:
        return list(tqdm(pool.map(function, *iterables), **bar))
