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
from genre_lib.workspace.publishing import FACTS, FAULTS, FORMAT, PublicationError, list_files
from genre_lib.workspace.workspace import Workspace

_AGAIN = "Publish the results again (make publish), or get a new copy of the folder."


@dataclasses.dataclass(frozen=True)
class PublishedWorkspace(Workspace):
    """A workspace with the runs published in `folder`; it has no audio and trains nothing."""

    folder: Path

    has_audio = False

    @cached_property
    def faults(self):
        """What the detectors had found: the repeated recordings and the distortions."""
        return tuple(read_table(self.folder / f"{name}.csv") for name in FAULTS)

    @property
    def notice(self):
        """What a report of these results is made from."""
        return (
            f"This report was rendered from published results in {_shown(self.folder)}: runs of "
            f"the profile {self.profile.name} on {len(self.tracks)} tracks of the "
            f"{self.corpus_name}; no run was trained and no audio was needed."
        )

    @property
    def origin(self):
        """What the published runs were made with, as names and values."""
        facts = [result.facts for result in self.kept.load_all(self.planned()).values()]
        machines = {", ".join(fact["machine"].values()) for fact in facts}
        versions = {", ".join(map(" ".join, fact["versions"].items())) for fact in facts}
        return [
            ("Published results", _shown(self.folder)),
            ("Runs made by commit", ", ".join(sorted({fact["commit"] for fact in facts}))),
            ("Runs made on", "; ".join(sorted(machines))),
            ("Runs made with", "; ".join(sorted(versions))),
            ("Time of the runs", f"{sum(fact['seconds'] for fact in facts) / 3600:.2f} hours"),
        ]

    def samples(self, track_id):
        """Refuse, because there are none."""
        raise PublicationError(
            f"{track_id}: there is no audio in published results, because it is not distributed. "
            "To hear or to train, open the corpus itself (DATA=path/to/audio instead of RESULTS)."
        )

    def derived(self, name, compute):
        """Return what was published under a name; nothing is computed."""
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
    """Read the profile of published results, without opening them."""
    return _read_facts(Path(folder).expanduser())["profile"]


def open_published(folder):
    """Open published results, and check that every file is the one that was published."""
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
            f"there; the results are of another version of this project. {_AGAIN}"
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
            f"{path}: is {'not there' if isinstance(error, OSError) else 'something else'}. "
            "Expected the description of published results, as make publish writes it; check the "
            "path that you gave as RESULTS."
        ) from error
    if found != FORMAT:
        raise PublicationError(
            f"{path}: its format is {found!r}, this version reads {FORMAT}. {_AGAIN}"
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
