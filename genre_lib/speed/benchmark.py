"""The benchmark: every figure of speed and memory, in one table and one JSON file."""

import dataclasses
import datetime
import importlib.metadata
import os
import statistics
import tempfile
from pathlib import Path

from tqdm import tqdm

from genre_lib import provenance
from genre_lib.corpus import load_corpus
from genre_lib.profiles import PAPER
from genre_lib.segments import build_store
from genre_lib.speed.growth import measure_growth, measure_store, write_noise
from genre_lib.speed.limits import describe_limits
from genre_lib.speed.rivals import SHARED_GPU, TRACKS_A_BATCH, Process, list_rivals
from genre_lib.step_memory import measure_updates

SECTIONS = ("training", "inference", "limit", "feeder", "store", "update")

_RACES = {"training": "train", "inference": "predict", "feeder": "feed"}
_MOST_SEGMENTS = 2000  # in one repeat; of float32, plain Keras holds them all


@dataclasses.dataclass(frozen=True)
class Options:
    """How much is measured.

    Parameters
    ----------
    width : float
        Factor on the number of filters.
    batch_sizes : tuple of int
        Segments in a training batch.
    repeats : int
        Of each figure, of which the median is shown.
    seconds : float
        About how long a repeat takes, if not a single batch takes longer.
    tracks : int
        In the corpus whose store is built.
    quick : bool
        The shortest window and tracks, to see that everything runs; its numbers mean nothing.
    """

    width: float = 1.0
    batch_sizes: tuple[int, ...] = (32, 80)
    repeats: int = 5
    seconds: float = 2.0
    tracks: int = 1000
    quick: bool = False

    @property
    def profile(self):
        """The original's, at this width."""
        window = 59_049 if self.quick else PAPER.window
        return dataclasses.replace(PAPER, name="benchmark", width=self.width, window=window)


QUICK = Options(1 / 32, (4,), repeats=2, seconds=0.05, tracks=10, quick=True)


def choose_options(quick=False, width=None, batch_sizes=(), repeats=None):
    """Return options, with what fits the device where nothing is given.

    Parameters
    ----------
    quick : bool
        Begin with those that only show that everything runs.
    width, batch_sizes, repeats
        As in `Options`; the width is 1 by default where a GPU computes, and an eighth elsewhere.

    Returns
    -------
    Options
    """
    from genre_lib.devices import find_device

    os.environ.update(SHARED_GPU)
    options = QUICK if quick else Options(1.0 if find_device().is_gpu else 0.125)
    given = {"width": width, "batch_sizes": tuple(batch_sizes), "repeats": repeats}
    return dataclasses.replace(options, **{name: value for name, value in given.items() if value})


def run_benchmark(options, sections=SECTIONS, progress=True):
    """Measure.

    Parameters
    ----------
    options : Options
    sections : sequence of str
        Those of `SECTIONS` that are wanted.
    progress : bool
        Show what is being measured.

    Returns
    -------
    dict
        ``device``, ``machine``, ``versions``, ``commit``, ``made``, ``options``, ``limits`` and
        ``figures``, a list of dict: ``figure``, ``what``, ``batch``, ``value`` (the median),
        ``unit``, ``repeats`` (all values), and ``note`` where there is none.
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
        "figures": figures,
    }


def run_growth(options, progress=True):
    """Measure the cost as the corpus grows: 100, 300 and 1000 tracks, 1 and 2 processes.

    Parameters
    ----------
    options : Options
    progress : bool

    Returns
    -------
    dict
        As from `run_benchmark`, with ``growth`` (rows as from
        `genre_lib.speed.growth.measure_growth`) in place of ``limits`` and ``figures``.
    """
    from genre_lib.devices import find_device

    counts, seconds = ((60, 120), 3) if options.quick else ((100, 300, 1000), 30)
    with tempfile.TemporaryDirectory(prefix="genre-growth-") as folder:
        rows = measure_growth(Path(folder), counts, seconds=seconds, progress=progress)
    return _origin(find_device().name) | {"growth": rows.to_dict("records")}


def _origin(device):
    versions = provenance.versions()
    for package in ("jaxlib", "torch"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "device": device,
        "machine": provenance.machine(),
        "versions": versions,
        "commit": provenance.commit(),
        "made": datetime.datetime.now().astimezone().isoformat(" ", "minutes"),
    }


def _race(options, sections, folder, progress):
    """Measure the rivals in turn, then what the first of them leaves of the device's limit."""
    from genre_lib.devices import find_device

    write_noise(folder / "few", 10, seconds=8 if options.quick else 30)
    store = build_store(load_corpus(folder / "few", progress=False), folder / "few-store")
    rivals = list_rivals(half=find_device().is_gpu)
    if not {"training", "inference"} & set(sections):
        rivals = rivals[:1]
    bar = tqdm(disable=not progress, bar_format="{desc} [{elapsed}]")
    processes, figures = [], []
    try:
        for rival in rivals:
            bar.set_description(f"starting {rival.name}")
            processes.append(Process(rival, options.profile, store))
        limits = processes[0].call(describe_limits, options.profile, options.quick)
        if limits is None:
            raise RuntimeError(f"this project cannot compute here: {processes[0].failure}")
        for figure in [section for section in _RACES if section in sections]:
            inference = TRACKS_A_BATCH * options.profile.max_segments
            sizes = (inference,) if figure == "inference" else options.batch_sizes
            chosen = processes[:1] if figure == "feeder" else processes
            for size in sizes:
                figures += _take_turns(chosen, figure, size, options, bar)
    finally:
        bar.close()
        for process in processes:
            process.close()
    figures += _derive(figures, limits, options.profile, sections)
    return figures, limits


def _take_turns(processes, figure, batch_size, options, bar):
    method, counts = _RACES[figure], {}
    for process in processes:
        bar.set_description(f"{figure}, {batch_size}: {process.rival.name}, warming up")
        process.measure(method, batch_size, 1)
        seconds = process.measure(method, batch_size, 1)
        most = max(1, _MOST_SEGMENTS // batch_size)
        counts[process] = min(most, max(1, round(options.seconds / seconds))) if seconds else 1
    taken = {process: [] for process in processes}
    for repeat in range(options.repeats):
        for process in processes:
            bar.set_description(f"{figure}, {batch_size}: {process.rival.name}, {repeat + 1}")
            taken[process].append(process.measure(method, batch_size, counts[process]))
    segments = options.profile.max_segments if figure == "inference" else 1
    unit = "tracks/s" if figure == "inference" else "segments/s"
    rows = []
    for process, seconds in taken.items():
        rates = [counts[process] * batch_size / segments / s for s in seconds if s]
        what, note = process.rival.name, process.failure
        rows.append(_row(figure, what, [] if note else rates, unit, batch_size, note))
    return rows


def _row(figure, what, values, unit, batch=None, note=None):
    median = statistics.median(values) if values else None
    row = {"figure": figure, "what": what, "batch": batch, "value": median, "unit": unit}
    return row | {"repeats": list(values)} | ({"note": note} if note else {})


def _derive(figures, limits, profile, sections):
    rows = []
    if "limit" in sections:
        name = limits["device"]
        rows += [
            _row("limit", f"{name}: products", [limits["product_rate"] / 1e12], "TFLOP/s"),
            _row("limit", f"{name}: copies", [limits["bandwidth"] / 1e9], "GB/s"),
        ]
    floors = {
        "training": limits["seconds_training"],
        "inference": profile.max_segments * limits["seconds_forward"],
    }
    for row in figures:
        floor = floors.get(row["figure"])
        if "limit" in sections and floor and row["value"] and row["what"].startswith("this"):
            what = f"share of the floor in {row['figure']}, {row['what'].split(', ')[1]}"
            rows.append(_row("limit", what, [100 * row["value"] * floor], "%", row["batch"]))
    return rows + _derive_plan(figures, profile)


def _derive_plan(figures, profile):
    """Estimate an epoch of every run of the plan, from the rates of training and inference."""
    ours = [row for row in figures if row["what"].startswith("this") and row["value"]]
    train = [r for r in ours if r["figure"] == "training" and r["batch"] == profile.batch_size]
    predict = [row for row in ours if row["figure"] == "inference"]
    rows, tracks = [], 1000 / profile.n_partitions
    for row in train:
        for other in [p for p in predict if p["what"] == row["what"]]:
            seconds = tracks * profile.max_segments / row["value"] + tracks / other["value"]
            what = f"an epoch of each of 30 runs on 1000 tracks, {row['what'].split(', ')[1]}"
            rows.append(_row("plan", what, [30 * seconds / 60], "min", row["batch"]))
    return rows


def _store_figures(options, folder):
    write_noise(folder / "many", options.tracks, seconds=8 if options.quick else 30)
    found = measure_store(folder / "many", folder / "many-store")
    seconds = found["reading"] + found["storing"]
    tracks = f"{found['tracks']} tracks"
    return [
        _row("store", f"{tracks}, read and stored", [found["tracks"] / seconds], "tracks/s"),
        _row("store", f"{tracks}, peak of the process", [found["memory"] / 2**20], "MiB"),
    ]


def _update_figures(options, progress):
    profile = options.profile
    if options.quick:
        profile = dataclasses.replace(profile, accumulated_batch_size=4, micro_batch_size=2)
    rows = []
    for update in measure_updates(profile, progress=progress).itertuples():
        rows.append(_row("update", update.update, [update.seconds], "s"))
        rows.append(_row("update", f"{update.update}, peak of memory", [update.memory], "MiB"))
    return rows
