"""Open a released network: a folder that `publish` wrote, with all that a prediction needs."""

import dataclasses
import functools
import json
from pathlib import Path

import keras

from genre_lib.files import ROOT, checksum
from genre_lib.network.resnet1d import build_resnet1d
from genre_lib.waveform import SAMPLE_RATE
from genre_lib.workspace.publishing import CONFIG, FACTS, NETWORK, NETWORKS, PublicationError

_GIVE = "Give the folder of a released network, with README.md, config.json and model.keras in it"


@dataclasses.dataclass(frozen=True)
class ReleasedNetwork:
    """A released network; made by `open_network`.

    Attributes
    ----------
    folder : Path, which also holds the model card, ``README.md``
    model : keras.Model, as `genre_lib.network.build_resnet1d` makes it
    genres : tuple of str, in the order of the network's outputs
    window, hop : int, samples in a segment, and from the start of a segment to that of the next
    """

    folder: Path
    model: keras.Model
    genres: tuple[str, ...]
    window: int
    hop: int


@functools.cache
def open_network(folder=None):
    """Open a released network, once per process.

    Parameters
    ----------
    folder : str or Path, optional
        By default the first network of the results under ``report/published`` that know the most
        genres; networks that were trained on the demo corpus are left out.

    Returns
    -------
    ReleasedNetwork

    Raises
    ------
    PublicationError, if there is none, or if it is damaged or from another version

    Examples
    --------
    >>> open_network().genres
    ('blues', 'classical', 'country', 'metal')
    """
    folder = find_network() if folder is None else Path(folder).expanduser()
    try:
        facts = json.loads((folder / CONFIG).read_text())
        sha256, rate, network = (facts[key] for key in ("sha256", "sample_rate", "network"))
        choices = tuple(facts["genres"]), facts["window"], facts["hop"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        found = "no such file" if isinstance(error, FileNotFoundError) else "not recognised"
        raise PublicationError(f"{folder / CONFIG}: {found}. {_GIVE}.") from error
    path, again = folder / NETWORK, "Get a new copy of the folder."
    if rate != SAMPLE_RATE:
        raise PublicationError(
            f"{folder}: its network reads {rate} samples per second, but this version reads audio "
            f"at {SAMPLE_RATE}. Use the version that published it."
        )
    if not path.is_file() or checksum(path) != sha256:
        found = "is not the file that was published" if path.is_file() else "no such file"
        raise PublicationError(f"{path}: {found}. {again}")
    # Built here: other versions of Keras know other settings than those in the file.
    model = build_resnet1d(facts["window"], len(facts["genres"]), **network)
    model.load_weights(path)
    return ReleasedNetwork(folder, model, *choices)


def find_network():
    """Return the folder of the network that `open_network` opens by default."""
    place, found = ROOT / "report" / "published", []
    for path in sorted(place.glob(f"*/{FACTS}")):
        facts = json.loads(path.read_text())
        if facts.get("networks") and not facts["corpus"]["is_demo"]:
            folder = path.parent / NETWORKS / facts["networks"][0]
            found.append((len(facts["corpus"]["genres"]), folder))
    if not found:
        raise PublicationError(
            f"{place}: no released network found. An installed package does not include one: clone "
            f"the repository, or choose one yourself. {_GIVE}."
        )
    return max(found, key=lambda pair: pair[0])[1]
