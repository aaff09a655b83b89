"""A workspace opened from published results: the same interface, without audio and training."""

import dataclasses
import json
from functools import cached_property
from pathlib import Path

from genre_lib.corpus.store import TrackTable
from genre_lib.corpus.tracks import fingerprint, genre_names, usable
from genre_lib.experiment.profiles import Profile
from genre_lib.files import ROOT, checksum
from genre_lib.workspace.derived import read_derived, read_table
from genre_lib.workspace.publishing import (
    FACTS,
    FAULTS,
    FORMAT,
    PublicationError,
    list_files,
)
from genre_lib.workspace.workspace import Workspace

_AGAIN = "Publish the results again (make publish), or get the folder anew."


@dataclasses.dataclass(frozen=True)
class PublishedWorkspace(Workspace):
    """A workspace without audio, whose runs are those that were published.

    Made by `open_published`. What is missing stays missing: nothing is trained.

    Parameters
    ----------
    folder : Path
        The published results.
    """

    folder: Path

    has_audio = False

    @cached_property
    def faults(self):
        """What the detectors found, as `genre_lib.faults.annotation.find_faults` gave it."""
        return tuple(read_table(self.folder / f"{name}.csv") for name in FAULTS)

    @property
    def notice(self):
        """Say what a report of these results is made from."""
        return (
            f"This report was rendered from published results in {_shown(self.folder)}: runs of "
            f"the profile {self.profile.name} on {len(self.tracks)} tracks of the "
            f"{self.corpus_name}; no run was trained and no audio was needed."
        )

    @property
    def origin(self):
        """List what the published runs were made with, names and values."""
        runs = self.kept.load_all(self.planned()).values()
        facts = [result.facts for result in runs]
        machines = {", ".join(fact["machine"].values()) for fact in facts}
        versions = {
            ", ".join(f"{name} {version}" for name, version in fact["versions"].items())
            for fact in facts
        }
        return [
            ("Published results", _shown(self.folder)),
            ("Runs made by commit", ", ".join(sorted({fact["commit"] for fact in facts}))),
            ("Runs made on", "; ".join(sorted(machines))),
            ("Runs made with", "; ".join(sorted(versions))),
            ("Time of the runs", f"{sum(fact['seconds'] for fact in facts) / 3600:.2f} hours"),
        ]

    def samples(self, track_id):
        """Refuse: there are no samples."""
        raise PublicationError(
            f"{track_id}: there is no audio in published results, because it is not distributed. "
            "To hear or to train, open the corpus itself (DATA=path/to/audio instead of RESULTS)."
        )

    def derived(self, name, compute):
        """Return what was published under a name; nothing is computed.

        Raises
        ------
        PublicationError
            If nothing was.
        """
        try:
            return read_derived(self.kept.derived_folder(self.profile), name)
        except FileNotFoundError as error:
            raise PublicationError(
                f"{self.folder}: {name!r} was not published. Expected what a report of the same "
                "runs computes from the audio: call make report with it, then make publish."
            ) from error

    def _complete(self, planned, kept):
        return kept


def read_profile(folder):
    """Return the profile of published results.

    Parameters
    ----------
    folder : str or Path
        As `publish` wrote it.

    Returns
    -------
    Profile

    Raises
    ------
    PublicationError
        If it is no such folder, or of another version.
    """
    path = Path(folder).expanduser() / FACTS
    return _profile(_read_facts(path), path)


def open_published(folder):
    """Open published results, and check that every file is the one that was published.

    Parameters
    ----------
    folder : str or Path
        As `publish` wrote it.

    Returns
    -------
    PublishedWorkspace

    Raises
    ------
    PublicationError
        If it is no such folder, of another version, or a file is missing, damaged or foreign.
    """
    folder = Path(folder).expanduser().resolve()
    facts = _read_facts(folder / FACTS)
    profile = _profile(facts, folder / FACTS)
    _check_files(folder, facts["sha256"])
    corpus = read_table(folder / "corpus.csv")
    workspace = PublishedWorkspace(
        profile,
        facts["corpus"]["name"],
        facts["corpus"]["is_demo"],
        corpus,
        TrackTable(usable(corpus), genre_names(corpus), fingerprint(corpus)),
        folder / "runs",
        folder / "cache",
        folder,
    )
    place = workspace.kept.profile_folder(profile)
    if not place.is_dir():
        raise PublicationError(
            f"{place}: no such folder. Expected the runs of the profile "
            f"{profile.name} there; the results are of another version of this project. {_AGAIN}"
        )
    return workspace


def _read_facts(path):
    try:
        facts = json.loads(path.read_text())
        found, _ = facts["format"], [facts[key] for key in ("profile", "corpus", "sha256")]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PublicationError(
            f"{path}: is {'not there' if isinstance(error, OSError) else 'something else'}. "
            "Expected the description of published results, as make publish writes it; check the "
            "path that you gave as RESULTS."
        ) from error
    if found != FORMAT:
        raise PublicationError(
            f"{path}: its format is {found!r}, this version reads {FORMAT}. {_AGAIN}"
        )
    return facts


def _profile(facts, path):
    choices = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in facts["profile"].items()
    }
    try:
        return Profile(**choices)
    except (TypeError, ValueError) as error:
        raise PublicationError(
            f"{path}: its profile is none that this version knows ({error}). {_AGAIN}"
        ) from error


def _check_files(folder, checksums):
    for name, expected in checksums.items():
        try:
            found = checksum(folder / name)
        except OSError as error:
            raise PublicationError(
                f"{folder / name}: was published and cannot be read ({error.strerror}). {_AGAIN}"
            ) from error
        if found != expected:
            raise PublicationError(
                f"{folder / name}: is not the file that was published (SHA-256 {found[:12]}…, "
                f"expected {expected[:12]}…). {_AGAIN}"
            )
    foreign = [name for name in list_files(folder / "runs", folder) if name not in checksums]
    if foreign:
        raise PublicationError(
            f"{folder / foreign[0]}: was not published with these results. Take it away. {_AGAIN}"
        )


def _shown(folder):
    # Without the folders of the machine, which a report must not name.
    inside = folder.is_relative_to(ROOT)
    return folder.relative_to(ROOT).as_posix() if inside else folder.name
