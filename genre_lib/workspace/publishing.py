"""Publish results without audio and, but for released networks, without weights.

A published folder holds ``results.json`` (a description, and the checksum of every other file),
``corpus.csv`` (the tracks), ``recordings.csv`` and ``distortions.csv`` (what the detectors found),
and ``runs/``, laid out as runs are kept: their facts, histories and predictions, and in
``derived/`` what notebooks computed from audio or weights. `published` opens it.

A released network has a folder in ``networks/``: ``model.keras``, without the state of its
optimizer, ``config.json`` (what a prediction needs besides) and ``README.md``, its model card,
named as the Hugging Face Hub expects it. `released` opens it.
"""

import dataclasses
import json
import shutil
import zipfile
from pathlib import Path

from genre_lib import provenance
from genre_lib.experiment.kept import KeptRuns, load_network
from genre_lib.files import checksum, whole_folder
from genre_lib.waveform import SAMPLE_RATE
from genre_lib.workspace.derived import write_table

FORMAT = 1
FACTS = "results.json"
FAULTS = ("recordings", "distortions")
NETWORKS, NETWORK, CONFIG, _CARD = "networks", "model.keras", "config.json", "README.md"


class PublicationError(ValueError):
    """Results cannot be published or opened; the message names what is wrong."""


def publish(workspace, out, cards=None):
    """Copy what a report has kept to the folder `out`, and return the facts in ``results.json``.

    Earlier results in the folder are replaced once the new ones are complete; other files stay.
    Runs may be missing or have failed. `cards` names the runs whose networks are released: a dict
    of Run to str, from `genre_lib.results.model_cards`; the first is used by default.
    """
    out, planned = Path(out).expanduser().resolve(), workspace.planned()
    place, kept = workspace.kept.profile_folder(workspace.profile), workspace.kept.load_all(planned)
    paths = workspace.kept.derived_folder(workspace.profile).glob("[!.]*")
    derived = [path for path in paths if path.suffix in (".csv", ".png")]
    if not kept or not derived:
        lacking = "derived facts" if kept else "run"
        raise PublicationError(
            f"{place}: no {lacking} of the profile {workspace.profile.name} on the "
            f"{workspace.corpus_name}. Expected what make report keeps there: call it with the "
            "same PROFILE and DATA, then publish again."
        )
    if out.exists() and not (out / FACTS).is_file() and (out.is_file() or any(out.iterdir())):
        raise PublicationError(
            f"{out}: contains other files than published results. Choose another folder, or empty "
            "this one."
        )
    with whole_folder(out) as beside:
        write_table(workspace.corpus.drop(columns="path"), beside / "corpus.csv")
        for name, table in zip(FAULTS, workspace.faults, strict=True):
            write_table(table, beside / f"{name}.csv")
        published = KeptRuns(beside / "runs", workspace.store.fingerprint)
        _copy(derived, published.derived_folder(workspace.profile))
        for run in kept:
            workspace.kept.copy_without_weights(run, published)
        failures = workspace.kept.failures(run for run in planned if run not in kept)
        for run in failures:
            workspace.kept.copy_failure(run, published)
        facts = _describe(workspace, len(planned), len(kept), len(failures))
        facts["networks"] = [run.slug for run in cards or ()]
        for run, card in (cards or {}).items():
            _release(workspace, run, card, beside / NETWORKS / run.slug)
        facts["sha256"] = {name: checksum(beside / name) for name in list_files(beside)}
        (beside / FACTS).write_text(json.dumps(facts, indent=2) + "\n")
        others = out.iterdir() if out.exists() else []
        _copy([p for p in others if p.is_file() and not (beside / p.name).exists()], beside)
    return facts


def released_names(out):
    """List the names of the networks that are already released in a folder, if there are any."""
    try:
        return json.loads((Path(out).expanduser() / FACTS).read_text()).get("networks", [])
    except (OSError, ValueError):
        return []


def _release(workspace, run, card, folder):
    folder.mkdir(parents=True)
    _save_plain(load_network(workspace.kept.load(run)), folder / NETWORK)
    config = {
        "run": workspace.kept.place(run).relative_to(workspace.runs_dir).as_posix(),
        "genres": workspace.genres,
        "window": run.profile.window,
        "hop": run.profile.hop,
        "sample_rate": SAMPLE_RATE,
        "network": {"width": run.profile.width} | run.phase.network,
        "sha256": checksum(folder / NETWORK),
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n")
    (folder / _CARD).write_text(card, encoding="utf-8")


def _save_plain(network, path):
    """Save a network without its optimizer, whose state is two thirds of it, and without a date."""
    import keras  # here, because everything else is published without it

    keras.Model(network.inputs, network.outputs, name="resnet1d").save(path)
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    parts["metadata.json"] = json.dumps({"keras_version": keras.__version__}).encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, part in parts.items():  # otherwise git would keep a copy for each publication
            file.writestr(zipfile.ZipInfo(name), part, zipfile.ZIP_DEFLATED)


def _copy(paths, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        shutil.copyfile(path, folder / path.name)


def _describe(workspace, planned, kept, failed):
    return {
        "what": "results of genre_lib, published without audio",
        "format": FORMAT,
        "profile": dataclasses.asdict(workspace.profile),
        "corpus": {
            "name": workspace.corpus_name,
            "is_demo": workspace.is_demo,
            "fingerprint": workspace.store.fingerprint,
            "files": len(workspace.corpus),
            "tracks": len(workspace.tracks),
            "genres": workspace.genres,
        },
        "runs": {"planned": planned, "kept": kept, "failed": failed},
        "published_by": {"commit": provenance.commit(), "versions": provenance.versions()},
    }


def list_files(folder, root=None):
    """List the files below a folder, except hidden ones, relative to it or to `root`."""
    paths = [path for path in folder.rglob("[!.]*") if path.is_file()]
    return sorted(path.relative_to(root or folder).as_posix() for path in paths)
