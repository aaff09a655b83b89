"""The command line: ``python -m genre_lib``."""

import json
import os
import sys
import warnings
from pathlib import Path

import click
from tqdm import tqdm

from genre_lib.startup import ask_for_everything

try:
    from genre_lib.experiment import PROFILES
except ValueError as error:  # a profile that its user has changed
    sys.exit(f"genre_lib/experiment/profiles.py: {error}")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main():
    """Music genres from raw waveforms: a reproducible report."""
    # A name may hold what the encoding of a terminal or a pipe lacks.
    sys.stdout.reconfigure(errors="replace")


_profile = click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    help="Every choice of the experiment, by name; demo by default.",
)
_data = click.option(
    "--data", default="", help="Folder with the genre folders; the demo corpus if empty."
)


@main.command()
@_profile
@_data
@click.option("--out", default="report/build", show_default=True, help="Where the report goes.")
@click.option("--jobs", type=click.IntRange(min=1), help="Runs side by side; $GENRE_JOBS, or 1.")
@click.option("--results", default="", help="Published results to make it from, without audio.")
@click.option("--verbose", is_flag=True, help="Show all that libraries print; also $GENRE_VERBOSE.")
def report(profile, data, out, jobs, results, verbose):
    """Run the notebooks and bind report.html and report.pdf."""
    if verbose:
        ask_for_everything()
    elif not sys.warnoptions:
        _show_own_warnings()
    if jobs:
        os.environ["GENRE_JOBS"] = str(jobs)  # notebooks run in processes of their own
    # Imported here, so that --help answers at once.
    from genre_lib.binding import ReportError, make_report
    from genre_lib.workspace.published import read_profile

    try:
        if results and data:
            raise ValueError(
                f"results={results} and data={data}: expected one of them. Published results have "
                "their own corpus; leave data (DATA), or results (RESULTS), empty."
            )
        if results:
            read_profile(results)  # which says what is wrong, if it is something else
        make_report(profile, results or data, out)
    except (ReportError, ValueError, OSError) as error:
        sys.exit(f"genre_lib report: {error}")


def _show_own_warnings():
    """Show what this project warns of, each in one line."""
    warnings.simplefilter("ignore")
    warnings.filterwarnings("default", module="genre_lib")
    warnings.showwarning = lambda message, *_: tqdm.write(f"Warning: {message}", file=sys.stderr)


@main.command()
@_profile
@_data
@click.option("--out", required=True, help="Where the results go.")
def publish(profile, data, out):
    """Copy what a report has kept to a folder for git: no audio, no weights."""
    from genre_lib.workspace import open_workspace, publish

    try:
        facts = publish(open_workspace(profile, data), out)
    except (ValueError, OSError) as error:
        sys.exit(f"genre_lib publish: {error}")
    runs = facts["runs"]
    click.echo(f"{out}: {runs['kept']} of {runs['planned']} runs, {runs['failed']} failed")


@main.group()
def data():
    """Real music: fetch GTZAN, and check a folder before anything is trained on it."""


@data.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--url", help="Address of the archive (.tar.gz); where GTZAN is by default.")
@click.option("--checksum", help="Its MD5 or SHA-256; GTZAN's by default.")
def fetch(folder, url, checksum):
    """Download GTZAN and unpack it in DIR; resumes a download that was cut off."""
    from genre_lib.corpus import DownloadError, fetch_gtzan

    choices = {"url": url, "checksum": checksum}
    try:
        fetched = fetch_gtzan(folder, **{k: v for k, v in choices.items() if v is not None})
    except DownloadError as error:
        sys.exit(f"genre_lib data fetch: {error}")
    if fetched:
        click.echo(f"{folder / 'genres'}: unpacked. Next: python -m genre_lib data check {folder}")
    else:
        click.echo(f"{folder / 'genres'}: already there, nothing to do; remove it to fetch again")


@data.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def check(folder, as_json):
    """Say what is in DIR, what is wrong, and whether it can be trained on (exit status 0 or 1)."""
    from genre_lib.faults.checkup import check_corpus, describe

    try:
        facts = check_corpus(folder, progress=not as_json)
    except (ValueError, OSError) as error:
        if not as_json:
            sys.exit(f"genre_lib data check: {error}")
        facts = {"folder": str(folder), "trainable": False, "verdict": str(error)}
    click.echo(json.dumps(facts) if as_json else describe(facts))
    sys.exit(0 if facts["trainable"] else 1)


if __name__ == "__main__":
    main(prog_name="python -m genre_lib")
