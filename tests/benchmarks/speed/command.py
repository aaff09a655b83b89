"""The command line of the speed engine."""

import sys
from pathlib import Path

import click

from genre_lib.files import ROOT
from genre_lib.results.speed import PUBLISHED
from tests.benchmarks.speed.benchmark import SECTIONS, choose_options, run_benchmark, run_growth
from tests.benchmarks.speed.output import save, show


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="Does everything run? The numbers mean nothing.")
@click.option("--width", type=float, help="Factor on the filters; 1 on a GPU, else 0.125.")
@click.option(
    "--batch",
    "batch_sizes",
    type=click.IntRange(min=1),
    multiple=True,
    help="Segments in a training batch, more than once for several; 32 and 80.",
)
@click.option("--repeats", type=click.IntRange(min=1), help="Of each figure; 5.")
@click.option("--seconds", type=click.FloatRange(min=0.01), help="That a repeat takes; 2.")
@click.option(
    "--without",
    multiple=True,
    metavar="TEXT",
    help="Leave out who has this text in the name, such as PyTorch; more than once for several.",
)
@click.option(
    "--only",
    type=click.Choice(SECTIONS),
    multiple=True,
    help="Measure this alone; more than once for several.",
)
@click.option("--growth", is_flag=True, help="Measure 100, 300 and 1000 tracks, and nothing else.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="A .json file, or the folder that gets speed-<device>.json; report/published/benchmarks, "
    "or report/build with --quick.",
)
def main(quick, only, growth, out, **options):
    """Measure speed and memory, against what one would use instead."""
    try:
        options = choose_options(quick, **options)
        result = run_growth(options) if growth else run_benchmark(options, only or SECTIONS)
    except (RuntimeError, ValueError, OSError) as error:
        sys.exit(f"benchmark: {error}")
    click.echo(show(result))
    click.echo(save(result, out or (ROOT / "report" / "build" if quick else PUBLISHED)))
