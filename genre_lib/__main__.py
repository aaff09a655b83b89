"""The command line: ``python -m genre_lib``."""

import json
import os
import sys
import warnings
from pathlib import Path

import click
from tqdm import tqdm

from genre_lib.startup import ask_for_everything, load_less

load_less()
try:
    from genre_lib.experiment import PROFILES, get_profile
except ValueError as error:  # a profile that the user has edited
    sys.exit(f"genre_lib/experiment/profiles.py: {error}")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main():
    """Music genres from raw waveforms: a reproducible report."""
    # A name may hold what the encoding of a terminal or a pipe lacks.
    sys.stdout.reconfigure(errors="replace")


def _known(context, parameter, profile):
    try:
        get_profile(profile or "demo")
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    return profile


_PATH = click.Path(path_type=Path)
_profile = click.option(
    "--profile",
    metavar="|".join([*PROFILES, "FILE.toml"]),
    callback=_known,
    help="Named set of all choices of the experiment, or a file with your own.  [default: demo]",
)
_data = click.option(
    "--data", default="", help="Folder that holds the genre folders.  [default: the demo corpus]"
)


@main.command()
@_profile
@_data
@click.option("--out", default="report/build", show_default=True, help="Folder for the report.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Runs and notebooks at a time; default $GENRE_JOBS or 1.",
)
@click.option("--results", default="", help="Folder of published results, instead of audio.")
@click.option("--verbose", is_flag=True, help="Show all output of libraries (or $GENRE_VERBOSE=1).")
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
                f"results={results} and data={data}: expected only one of them. Published results "
                "have their own corpus; leave data (DATA) or results (RESULTS) empty."
            )
        if results:
            read_profile(results)  # which raises an error for any other folder
        make_report(profile, results or data, out)
    except (ReportError, ValueError, OSError) as error:
        sys.exit(f"genre_lib report: {error}")


def _show_own_warnings():
    """Show the warnings of this project, one line each."""
    warnings.simplefilter("ignore")
    warnings.filterwarnings("default", module="genre_lib")
    warnings.showwarning = lambda message, *_: tqdm.write(f"Warning: {message}", file=sys.stderr)


@main.command()
@_profile
@_data
@click.option("--out", required=True, help="Folder for the results.")
@click.option(
    "--release",
    metavar="RUN",
    multiple=True,
    help="Also release the network of a run, such as normal-rotation-0-seed-0, with a model card; "
    "may be repeated.  [default: those that are already released in the folder]",
)
def publish(profile, data, out, release):
    """Copy the results behind a report into a folder for git, without audio."""
    from genre_lib.results import model_cards
    from genre_lib.workspace import open_workspace, publish
    from genre_lib.workspace.publishing import released_names

    try:
        workspace = open_workspace(profile, data)
        facts = publish(workspace, out, model_cards(workspace, release or released_names(out)))
    except (ValueError, OSError) as error:
        sys.exit(f"genre_lib publish: {error}")
    runs = facts["runs"]
    click.echo(f"{out}: {runs['kept']} of {runs['planned']} runs, {runs['failed']} failed")


@main.command()
@click.option(
    "--results", default="report/published", show_default=True, help="Folder that holds them."
)
@click.option("--out", default="report/build/site", show_default=True, help="Folder for the site.")
def site(results, out):
    """Render all published results as a static site, for any web host."""
    if not sys.warnoptions:
        _show_own_warnings()
    from genre_lib.binding import ReportError, make_site

    try:
        index = make_site(results, out)
    except (ReportError, ValueError, OSError) as error:
        sys.exit(f"genre_lib site: {error}")
    click.echo(f"{index}\nOpen it in a browser, or copy its folder to a web host.")


@main.command()
@click.argument("songs", metavar="SONG...", nargs=-1, required=True, type=_PATH)
@click.option("--network", metavar="DIR", help="Folder of a released network.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
@click.option(
    "--plot",
    metavar="PNG",
    type=_PATH,
    help="Draw the probabilities over the song; several songs make out-1.png, out-2.png ...",
)
def classify(songs, network, as_json, plot):
    """Name the genre of songs: audio files, or folders of them. Exits with 2 if one fails."""
    if plot and plot.suffix.lower() != ".png":
        raise click.BadParameter(f"{plot}: expected a name that ends in .png.", param_hint="--plot")
    from genre_lib.workspace.classifying import caution, classify_all, draw

    classified, failed = [], []
    try:
        for name, found in classify_all(songs, network):
            if is_bad := isinstance(found, str):
                failed.append({"file": name, "reason": found})
            else:
                classified.append(found)
            if is_bad or not as_json:
                click.echo(f"{name}: {found}", err=is_bad)
        if plot:
            draw(classified, plot)
    except (ValueError, OSError) as error:
        sys.exit(f"genre_lib classify: {error}")
    if as_json:
        songs = [song.to_dict() for song in classified]
        click.echo(json.dumps({"songs": songs, "failed": failed}))
    elif classified:
        click.echo(caution(classified[0].table.columns))
    sys.exit(2 if failed else 0)


@main.group()
def data():
    """Fetch GTZAN, or check a folder of music before training on it."""


@data.command()
@click.argument("folder", metavar="DIR", type=_PATH)
@click.option("--url", help="Address of the archive (.tar.gz).  [default: a mirror of GTZAN]")
@click.option("--checksum", help="MD5 or SHA-256 of the archive.  [default: GTZAN's]")
def fetch(folder, url, checksum):
    """Download GTZAN and unpack it in DIR. Resumes a download that was cut off."""
    from genre_lib.corpus import DownloadError, fetch_gtzan

    choices = {"url": url, "checksum": checksum}
    try:
        fetched = fetch_gtzan(folder, **{k: v for k, v in choices.items() if v is not None})
    except DownloadError as error:
        sys.exit(f"genre_lib data fetch: {error}")
    if fetched:
        click.echo(f"{folder / 'genres'}: unpacked. Next: python -m genre_lib data check {folder}")
    else:
        click.echo(f"{folder / 'genres'}: already exists; remove it to fetch it again")


@data.command()
@click.argument("folder", metavar="DIR", type=_PATH)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
def check(folder, as_json):
    """Check the audio in DIR. Exits with status 0 if it can be trained on, otherwise with 1."""
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
