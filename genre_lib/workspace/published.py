"""Open published results as a workspace: the same interface, without audio or training."""

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
    NETWORKS,
    PublicationError,
    list_files,
)
from genre_lib.workspace.workspace import Workspace

_AGAIN = "Publish the results again (make publish), or get a new copy of the folder."


@dataclasses.dataclass(frozen=True)
class PublishedWorkspace(Workspace):
    """A workspace with the runs published in `folder`; it has no audio and trains nothing."""

    folder: Path

    has_audio = False

    @cached_property
    def faults(self):
        """What the detectors found before publication: repeated recordings and distortions."""
        return tuple(read_table(self.folder / f"{name}.csv") for name in FAULTS)

    @property
    def notice(self):
        """The source of these results, as sentences for the report."""
        return (
            f"This report was rendered from published results in {_shown(self.folder)}: runs of "
            f"the profile {self.profile.name} on {len(self.tracks)} tracks of the "
            f"{self.corpus_name}. No run was trained, and no audio was needed."
        )

    @property
    def origin(self):
        """How the published runs were made, as names and values."""
        facts = [result.facts for result in self.kept.load_all(self.planned()).values()]
        machines = {", ".join(fact["machine"].values()) for fact in facts}
        versions = {", ".join(map(" ".join, fact["versions"].items())) for fact in facts}
        return [
            ("Published results", _shown(self.folder)),
            ("Commit of the runs", ", ".join(sorted({fact["commit"] for fact in facts}))),
            ("Machine of the runs", "; ".join(sorted(machines))),
            ("Versions of the runs", "; ".join(sorted(versions))),
            ("Duration of the runs", f"{sum(fact['seconds'] for fact in facts) / 3600:.2f} hours"),
        ]

    def samples(self, track_id):
        """Raise an error, because published results contain no audio."""
        raise PublicationError(
            f"{track_id}: published results contain no audio, because it is not distributed. To "
            "listen or to train, open the corpus itself (DATA=path/to/audio instead of RESULTS)."
        )

    def derived(self, name, compute):
        """Return what was published under a name; nothing is computed."""
        try:
            return read_derived(self.kept.derived_folder(self.profile), name)
        except FileNotFoundError as error:
            raise PublicationError(
                f"{self.folder}: {name!r} was not published. Expected what a report on the same "
                "runs computes from the audio: call make report there, then make publish."
            ) from error

    def _complete(self, planned, kept):
        return kept


def read_profile(folder):
    """Read the profile of published results, without opening them."""
    return _read_facts(Path(folder).expanduser())["profile"]


def open_published(folder):
    """Open published results, and check that no file has changed since publication."""
    folder = Path(folder).expanduser().resolve()
    facts = _read_facts(folder)
    _check_files(folder, facts["sha256"])
    corpus = read_table(folder / "corpus.csv")
    workspace = PublishedWorkspace(
        profile=facts["profile"],
        corpus_name=facts["corpus"]["name"],
        is_demo=facts["corpus"]["is_demo"],
        corpus=corpus,
        store=TrackTable(usable(corpus), genre_names(corpus), fingerprint(corpus)),
        runs_dir=folder / "runs",
        cache=folder / "cache",
        folder=folder,
    )
    place = workspace.kept.profile_folder(workspace.profile)
    if not place.is_dir():
        raise PublicationError(
            f"{place}: no such folder. Expected the runs of the profile {workspace.profile.name} "
            f"there; the results come from another version of this project. {_AGAIN}"
        )
    return workspace


def _read_facts(folder):
    """Return the description of published results, with a Profile under ``"profile"``."""
    path = folder / FACTS
    try:
        facts = json.loads(path.read_text())
        found, choices, *_ = (facts[key] for key in ("format", "profile", "corpus", "sha256"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PublicationError(
            f"{path}: {'no such file' if isinstance(error, OSError) else 'not recognised'}. "
            "Expected the description of published results, as written by make publish; check the "
            "path given as RESULTS."
        ) from error
    if found != FORMAT:
        raise PublicationError(
            f"{path}: its format is {found!r}, but this version reads {FORMAT}. {_AGAIN}"
        )
    try:
        lists = {name: tuple(value) for name, value in choices.items() if isinstance(value, list)}
        return facts | {"profile": Profile(**choices | lists)}
    except (AttributeError, TypeError, ValueError) as error:
        raise PublicationError(
            f"{path}: this version does not know its profile ({error}). {_AGAIN}"
        ) from error


def _check_files(folder, checksums):
    for name, expected in checksums.items():
        try:
            found = checksum(folder / name)
        except OSError as error:
            raise PublicationError(
                f"{folder / name}: was published, but cannot be read ({error.strerror}). {_AGAIN}"
            ) from error
        if found != expected:
            raise PublicationError(
                f"{folder / name}: is not the file that was published (SHA-256 {found[:12]}…, "
                f"expected {expected[:12]}…). {_AGAIN}"
            )
    places = list_files(folder / "runs", folder) + list_files(folder / NETWORKS, folder)
    foreign = [name for name in places if name not in checksums]
    if foreign:
        raise PublicationError(
            f"{folder / foreign[0]}: was not published with these results. Remove it. {_AGAIN}"
        )


def _shown(folder):
    # Without the folders of the machine, which a report must not name.
    inside = folder.is_relative_to(ROOT)
    return folder.relative_to(ROOT).as_posix() if inside else folder.name
