"""Find a profile by its name, or read it from a TOML file: a base, and what differs from it."""

import dataclasses
import difflib
import os
import tomllib
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from genre_lib.experiment.profiles import PROFILES, Profile

_KINDS = {field.name: field.type for field in dataclasses.fields(Profile)}
_EXPECTED = (
    "Expected a TOML file with the name of a base profile and the choices that differ, for "
    'example: base = "laptop", and on the next line: width = 0.125'
)


def get_profile(profile):
    """Return a profile by its name, or as a TOML file describes it.

    Parameters
    ----------
    profile : str, Path, dict or Profile
        The name of a profile; the path of a file that ends in ``.toml``; what such a file contains,
        as a dict; or a profile, which is returned as it is.

        A file holds a ``base`` (the name of a profile) and the parameters of `Profile` that differ.
        Its ``name`` is by default that of the file, without ``.toml``.

    Raises
    ------
    ValueError, if the name is unknown, or the file cannot be read or makes an impossible choice

    Examples
    --------
    >>> get_profile({"base": "laptop", "name": "mine", "width": 0.125}).epochs
    20
    """
    if isinstance(profile, Profile):
        return profile
    if isinstance(profile, Mapping):
        return _change(dict(profile))
    if path := profile_path(profile):
        return _read(path)
    if profile not in PROFILES:
        raise ValueError(
            f"profile {profile!r} is not known; expected one of {', '.join(PROFILES)}, or the path "
            "of a file with your own choices, such as mine.toml."
        )
    return PROFILES[profile]


def profile_path(profile):
    """Return the absolute path of a profile's file, or None for anything else than a file."""
    if not isinstance(profile, str | Path) or not str(profile).lower().endswith(".toml"):
        return None
    return Path(os.path.expanduser(profile)).absolute()  # noqa: PTH111 (keeps an unknown ~user)


def differences(profile):
    """Return the shortest description from which `get_profile` makes the same profile.

    This is the name of a built-in profile, or a dict of what a file of the profile would contain.
    """
    if PROFILES.get(profile.name) == profile:
        return profile.name
    choices = dataclasses.asdict(profile)
    described = [
        {"base": base.name} | {k: v for k, v in choices.items() if v != getattr(base, k)}
        for base in PROFILES.values()
    ]
    shortest = min(described, key=len)
    return {k: list(v) if isinstance(v, tuple) else v for k, v in shortest.items()}


def _read(path):
    try:
        choices = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}. {_EXPECTED}") from error
    except ValueError as error:
        raise ValueError(f"{path}: not TOML: {error}. {_EXPECTED}") from error
    name = choices.setdefault("name", unicodedata.normalize("NFC", path.stem))
    try:
        if str(name).casefold() in PROFILES:
            raise ValueError(
                f"name={name!r}: this is a built-in profile. Rename the file, or write a line such "
                'as name = "mine" in it.'
            )
        return _change(choices)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{path}: {error}") from error


def _change(choices):
    known = ["base", *_KINDS]
    if unknown := [_unknown(key, known) for key in choices if key not in known]:
        raise ValueError(f"{'; '.join(unknown)}. A profile has: {', '.join(known)}.")
    base = choices.pop("base", "missing")
    if base not in list(PROFILES):
        raise ValueError(f"base={base!r}: expected one of {', '.join(PROFILES)}.")
    changes = {key: _convert(value, _KINDS[key]) for key, value in choices.items()}
    return dataclasses.replace(PROFILES[base], **changes)


def _unknown(key, known):
    near = difflib.get_close_matches(key, known, n=1)
    return f"{key!r} is not a choice of a profile" + (
        f" (did you mean {near[0]!r}?)" if near else ""
    )


def _convert(value, kind):
    """Make a tuple of a list, and a float of a whole number where the profile has a float."""
    if isinstance(value, list):
        return tuple(_convert(v, *get_args(kind)[:1] or [kind]) for v in value)
    return float(value) if kind is float and type(value) is int else value
