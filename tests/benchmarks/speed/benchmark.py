"""The benchmark: every figure of speed and memory, in one table and one JSON file."""

import contextlib
import dataclasses
import datetime
import importlib.metadata
import os
import tempfile
from pathlib import Path

from tqdm import tqdm

from genre_lib import provenance
from genre_lib.corpus import build_store, load_corpus
from genre_lib.experiment import PAPER, measure_updates
from genre_lib.network import devices
from genre_lib.waveform import SHORTEST_WINDOW
from tests.benchmarks.speed.derived import derive, figure_row
from tests.benchmarks.speed.growth import measure_growth, measure_store, write_noise
from tests.benchmarks.speed.limits import describe_limits
from tests.benchmarks.speed.rivals import SHARED_GPU, TRACKS_PER_BATCH, Process, list_rivals

SECTIONS = ("training", "inference", "limit", "feeder", "store", "update", "width")

_RACES = {"training": "train", "inference": "predict", "feeder": "feed"}
_WIDTHS = (1 / 32, 1 / 16, 1 / 8, 1 / 4)
_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_tile", "asimd", "sve")
_MOST_SEGMENTS = 2000  # in one repeat; as float32, plain Keras holds them all


@dataclasses.dataclass(frozen=True)
class Options:
    """How much is measured."""

    width: float = 1.0  # factor on the number of filters
    batch_sizes: tuple[int, ...] = (32, 80)  # segments in a training batch
    repeats: int = 5  # of each figure; the median is shown
    seconds: float = 2.0  # that a repeat takes, unless a single batch takes longer
    tracks: int = 1000  # in the corpus whose store is built
    without: tuple[str, ...] = ()  # texts in the names of rivals that are left out
    quick: bool = False  # short windows and tracks: shows that everything runs, and nothing else

    @property
    def profile(self):
        """The original's, at this width."""
        window = SHORTEST_WINDOW if self.quick else PAPER.window
        return dataclasses.replace(PAPER, name="benchmark", width=self.width, window=window)


QUICK = Options(1 / 32, (4,), repeats=2, seconds=0.05, tracks=10, quick=True)


def choose_options(quick=False, batch_sizes=(), without=(), **given):
    """Return options; what is not given suits the device: full width on a GPU, else an eighth."""
    os.environ.update(SHARED_GPU)
    options = QUICK if quick else Options(1.0 if devices.find_device().is_gpu else 0.125)
    given |= {"batch_sizes": tuple(batch_sizes), "without": tuple(without)}
    return dataclasses.replace(options, **{name: value for name, value in given.items() if value})


def run_benchmark(options, sections=SECTIONS, progress=True):
    """Measure speed and memory.

    Parameters
    ----------
    options : Options
    sections : sequence of str
        Which of `SECTIONS` to measure.
    progress : bool
        Show what is being measured.

    Returns
    -------
    dict
        ``device``, ``machine``, ``versions``, ``commit``, ``made``, ``options``, ``limits`` (see
        `describe_limits`) and ``figures``, a list of dict: ``figure`` (the section), ``what``,
        ``batch``, ``value`` (the median), ``unit``, ``repeats`` (all values), and ``note`` if it
        could not be measured.
    """
    with tempfile.TemporaryDirectory(prefix="genre-benchmark-") as folder:
        figures, limits = _race(options, sections, Path(folder), progress)
        if "store" in sections:
            figures += _store_figures(options, Path(folder))
    if "update" in sections:
        figures += _update_figures(options, progress)
    return _origin(limits["device"]) | {
        "options": dataclasses.asdict(options),
        "limits": limits,
        "environment": {rival.name: rival.environment for rival in _rivals(options)},
        "figures": figures,
    }


def run_growth(options, progress=True):
    """Measure the cost as the corpus grows: 100, 300 and 1000 tracks, 1 and 2 processes.

    Returns
    -------
    dict
        As from `run_benchmark`, with ``growth`` (the rows of `measure_growth`) instead of
        ``options``, ``limits`` and ``figures``.
    """
    counts, seconds = ((60, 120), 3) if options.quick else ((100, 300, 1000), 30)
    with tempfile.TemporaryDirectory(prefix="genre-growth-") as folder:
        rows = measure_growth(Path(folder), counts, seconds=seconds, progress=progress)
    return _origin(devices.find_device().name) | {"growth": rows.to_dict("records")}


def _origin(device):
    machine, versions = provenance.machine(), provenance.versions()
    for package in ("jaxlib", "torch"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    machine["flags"] = " ".join(_flags())
    return {
        "device": device,
        "machine": machine,
        "versions": versions,
        "commit": provenance.commit(),
        "made": datetime.datetime.now().astimezone().isoformat(" ", "minutes"),
    }


def _flags():
    with contextlib.suppress(OSError):
        found = Path("/proc/cpuinfo").read_text().split()
        return [flag for flag in _FLAGS if flag in found]
    return []


def _rivals(options):
    on_gpu = devices.find_device().is_gpu
    return list_rivals(on_gpu, on_gpu or "avx512_bf16" in _flags(), options.without)


def _race(options, sections, folder, progress):
    """Measure the rivals in turn, and how near the first of them comes to the device's limit."""
    write_noise(folder / "few", 10, seconds=8 if options.quick else 30)
    corpus = load_corpus(folder / "few", progress=False)
    store = build_store(corpus, folder / "few-store", progress=False)
    rivals = _rivals(options)
    if not {"training", "inference"} & set(sections):
        rivals = rivals[:1]
    figures, limits = [], None
    for group in _by_precision(rivals):
        started = [(rival, options.profile) for rival in group]
        with _started(started, store, progress) as (processes, bar):
            if limits is None:
                limits = _limits(processes[0], options)
            for figure in [section for section in _RACES if section in sections]:
                inference = TRACKS_PER_BATCH * options.profile.max_segments
                sizes = (inference,) if figure == "inference" else options.batch_sizes
                fed = [process for process in processes if process.rival is rivals[0]]
                chosen = fed if figure == "feeder" else processes
                for size in sizes:
                    figures += take_turns(chosen, figure, size, options, bar)
    figures.sort(key=lambda row: (list(_RACES).index(row["figure"]), row["batch"]))
    if "limit" in sections:
        figures += derive(figures, limits, options.profile)
    if "width" in sections:
        figures += _width_figures(rivals[0], store, options, progress)
    return figures, limits


def _by_precision(rivals):
    """Divide the rivals on a CPU by precision: together they would keep more than 24 GB."""
    if devices.find_device().is_gpu:
        return [rivals]
    half = [rival for rival in rivals if "bfloat16" in rival.name]
    return [group for group in ([r for r in rivals if r not in half], half) if group]


@contextlib.contextmanager
def _started(rivals, store, progress):
    """Start pairs of a rival and a profile; provide processes and a bar that says what they do."""
    processes = []
    bar = tqdm(disable=not progress, bar_format="{desc} [{elapsed}]")
    try:
        for rival, profile in rivals:
            bar.set_description(f"starting {rival.name}")
            processes.append(Process(rival, profile, store))
        yield processes, bar
    finally:
        bar.close()
        for process in processes:
            process.close()


def _limits(process, options):
    limits, failure = process.call(describe_limits, options.profile, options.quick)
    if failure:
        raise RuntimeError(f"{process.rival.name} cannot compute here: {failure}")
    return limits


def _width_figures(rival, store, options, progress):
    """Measure what a segment of the shortest window costs in training, by the number of filters."""
    profile = dataclasses.replace(options.profile, window=SHORTEST_WINDOW)
    rivals = [
        (
            dataclasses.replace(rival, name=f"1/{1 / width:g} of the filters"),
            dataclasses.replace(profile, width=width),
        )
        for width in _WIDTHS[: 2 if options.quick else None]
    ]
    with _started(rivals, store, progress) as (processes, bar):
        return [
            row | {"figure": "width"}
            for size in ((4,) if options.quick else (8, 16, 32))
            for row in take_turns(processes, "training", size, options, bar)
        ]


def take_turns(processes, figure, batch_size, options, bar):
    """Measure rivals in turn, each warmed up, and list their figures in the order of `processes`.

    Taking turns spreads what else the machine does over all of them.
    """
    method, counts, failures = _RACES[figure], {}, {}
    for process in processes:
        bar.set_description(f"{figure}, {batch_size}: {process.rival.name}, warming up")
        process.measure(method, batch_size, 1)
        seconds, failures[process] = process.measure(method, batch_size, 1)
        most = max(1, _MOST_SEGMENTS // batch_size)
        counts[process] = min(most, max(1, round(options.seconds / seconds))) if seconds else 1
    taken = {process: [] for process in processes}
    for repeat in range(options.repeats):
        for process in [p for p in processes if not failures[p]]:
            bar.set_description(f"{figure}, {batch_size}: {process.rival.name}, {repeat + 1}")
            seconds, failures[process] = process.measure(method, batch_size, counts[process])
            taken[process].append(seconds)
    segments = options.profile.max_segments if figure == "inference" else 1
    unit = "tracks/s" if figure == "inference" else "segments/s"
    rows = []
    for process, seconds in taken.items():
        failure = failures[process]
        done = counts[process] * batch_size / segments
        rates = [] if failure else [done / s for s in seconds]
        rows.append(figure_row(figure, process.rival.name, rates, unit, batch_size, failure))
    return rows


def _store_figures(options, folder):
    write_noise(folder / "many", options.tracks, seconds=8 if options.quick else 30)
    found = measure_store(folder / "many", folder / "many-store")
    seconds = found["reading"] + found["storing"]
    tracks = f"{found['tracks']} tracks"
    return [
        figure_row("store", f"{tracks}, read and stored", [found["tracks"] / seconds], "tracks/s"),
        figure_row("store", f"{tracks}, peak of the process", [found["memory"] / 2**20], "MiB"),
    ]


def _update_figures(options, progress):
    profile = options.profile
    if options.quick:
        profile = dataclasses.replace(profile, accumulated_batch_size=4, micro_batch_size=2)
    rows = []
    for update in measure_updates(profile, progress=progress).itertuples():
        peak = f"{update.update}, peak of memory"
        rows.append(figure_row("update", update.update, [update.seconds], "s"))
        rows.append(figure_row("update", peak, [update.memory], "MiB"))
    return rows
