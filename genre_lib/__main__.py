"""The command line: ``python -m genre_lib``."""

import sys

import click

from genre_lib.profiles import PROFILES


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main():
    """Music genres from raw waveforms: a reproducible report."""


@main.command()
@click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    default="demo",
    show_default=True,
    help="Every choice of the experiment, by name.",
)
@click.option("--data", default="", help="Folder with the genre folders; the demo corpus if empty.")
@click.option("--out", default="report/build", show_default=True, help="Where the report goes.")
def report(profile, data, out):
    """Run the notebooks and bind report.html and report.pdf."""
    # Imported here, so that --help answers at once.
    from genre_lib.report import ReportError, make_report

    try:
        for path in make_report(profile, data, out):
            click.echo(path)
    except (ReportError, ValueError, OSError) as error:
        sys.exit(f"genre_lib report: {error}")


if __name__ == "__main__":
    main(prog_name="python -m genre_lib")
