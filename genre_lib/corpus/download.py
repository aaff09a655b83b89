"""GTZAN's archive from the web: downloaded, gone on with, checked and unpacked."""

import gzip
import shutil
import tarfile
import zlib
from pathlib import Path

import pooch
import requests
from tqdm import tqdm
from urllib3.exceptions import HTTPError

URL = "https://huggingface.co/datasets/marsyas/gtzan/resolve/main/data/genres.tar.gz"
"""Where GTZAN's archive is. The address that its authors gave out no longer answers."""

CHECKSUM = "5b3d6dddb579ab49814ab86dba69e7c7"
"""MD5 of ``genres.tar.gz``, from the GTZAN loader of the mirdata package."""

MAX_BYTES, MAX_MEMBERS = 4_000_000_000, 20_000
"""An archive that holds more than this is not unpacked; GTZAN is 1.3 GB in 1000 files, and archives
made on macOS hold a second, small file for each.
"""

_ALGORITHMS = {32: "md5", 64: "sha256"}  # by the number of hexadecimal digits
_CHUNK = 1 << 16  # bytes; what is lost at most when the connection is cut off
_TIMEOUT = (30, 60)  # seconds: to connect, and between two pieces of the answer
_MOST_AT_ONCE = 1 << 20  # bytes; tarfile copies in smaller pieces, and a header is smaller
_DAMAGED = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile)


class DownloadError(RuntimeError):
    """An archive that did not come, or is not what it should be; the message says what to do."""


def fetch_gtzan(folder, *, url=URL, checksum=CHECKSUM, progress=True):
    """Download an archive of GTZAN and unpack it as ``genres/``.

    A download that was cut off is gone on with by the next call, from this or another address: its
    beginning is kept as ``genres-<checksum>.tar.gz.part``. The archive is unpacked beside and
    renamed, so ``genres/`` is whole or not there; then the archive is removed.

    Parameters
    ----------
    folder : str or Path
        Where ``genres/`` goes; made if it is not there. About 2.6 GB are needed, half of it for
        the time of the call.
    url : str
        Address (http or https) of a gzipped tar archive.
    checksum : str
        MD5 or SHA-256 of the archive, in 32 or 64 hexadecimal digits.
    progress : bool
        Show progress bars.

    Returns
    -------
    bool
        Whether the archive was unpacked now; False if ``genres/`` was there.

    Raises
    ------
    DownloadError
        If the archive cannot be had, has another checksum, is damaged or unsafe to unpack, or the
        folder cannot be written.
    """
    folder, checksum = Path(folder).expanduser(), checksum.lower()
    algorithm = _ALGORITHMS.get(len(checksum))
    if algorithm is None or set(checksum) - set("0123456789abcdef"):
        raise DownloadError(
            f"{checksum!r} is no checksum. Expected an MD5 or SHA-256 in 32 or 64 hexadecimal "
            "digits, without anything before or behind."
        )
    genres = folder / "genres"
    if genres.is_dir():
        return False
    archive = folder / f"genres-{checksum[:8]}.tar.gz.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Whole, where a former call could not unpack it for want of space.
        if not archive.is_file() or pooch.file_hash(archive, algorithm) != checksum:
            _download(url, archive, progress)
            _verify(url, archive, algorithm, checksum)
        _unpack(archive, genres, progress)
        archive.unlink()
    except OSError as error:
        raise DownloadError(
            f"{error.filename or folder}: cannot be written or read ({error.strerror or error}). "
            "Expected a folder with 3 GB of free space; make room or name another, and call "
            "again: what has been downloaded is kept."
        ) from error
    return True


def _download(url, archive, progress):
    # Not pooch.retrieve, which begins a download anew whenever it was cut off: an hour's work here.
    begin = archive.stat().st_size if archive.is_file() else 0
    with _request(url, begin) as response:
        # A server that does not know ranges sends everything, with another status.
        begin = begin if response.status_code == requests.codes.partial_content else 0
        length = response.headers.get("Content-Length", "")
        end = begin + int(length) if length.isdecimal() else None
        bar = tqdm(
            desc="Downloading",
            initial=begin,
            total=end,
            unit="B",
            unit_scale=True,
            disable=not progress,
        )
        why = "the server ended it"
        with archive.open("ab" if begin else "wb") as file, bar:
            try:
                # Undecoded: some servers call the compression of the archive one of the transfer.
                for chunk in response.raw.stream(_CHUNK, decode_content=False):
                    file.write(chunk)
                    bar.update(len(chunk))
            except HTTPError as error:
                why, end = str(error), end or float("inf")
    size = archive.stat().st_size
    if end is not None and size < end:
        raise DownloadError(
            f"{url}: the download was cut off after {size} bytes ({why}). They are kept: call "
            "again, and it goes on from there."
        )


def _request(url, begin):
    # Bytes as they are stored: a range of a compressed transfer would be another range.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={begin}-"} if begin else {})
    try:
        response = requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT)
    except requests.RequestException as error:
        raise DownloadError(
            f"{url}: no answer ({_system_error(error)}). Check the network and the address, and "
            "call again; what has been downloaded is kept. Another address: --url."
        ) from error
    if response.status_code == requests.codes.requested_range_not_satisfiable and begin:
        # What is kept is as long as the archive and yet not the archive.
        response.close()
        return _request(url, 0)
    page = response.headers.get("Content-Type", "").startswith("text/html")
    if not response.ok or page:
        response.close()
        came = "a web page" if response.ok else f"{response.status_code} {response.reason}"
        raise DownloadError(
            f"{url}: the server answered with {came}. Expected a .tar.gz archive; try again "
            "later, open the address in a browser, or name another with --url."
        )
    return response


def _system_error(error):
    """Return what the operating system said, which the libraries wrap in several layers."""
    cause = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return str(error)


def _verify(url, archive, algorithm, checksum):
    came = pooch.file_hash(archive, algorithm)
    if came != checksum:
        size = archive.stat().st_size
        archive.unlink()
        raise DownloadError(
            f"{url}: the {algorithm} of the {size} bytes that came is {came}, expected {checksum}. "
            "They have been removed: call again, and it begins anew. If the same comes again, it "
            "is another archive: name another address with --url, or, if you trust this one, its "
            "checksum with --checksum."
        )


def _unpack(archive, target, progress):
    beside = target.with_name(".genres-unpacking")
    shutil.rmtree(beside, ignore_errors=True)  # of a call that was killed
    try:
        beside.mkdir()
        _extract(archive, beside, progress)
        roots = [path for path in beside.iterdir() if not path.name.startswith(".")]
        if not roots:
            raise DownloadError("the archive is empty. Expected genre folders with audio.")
        alone = len(roots) == 1 and roots[0].is_dir()
        (roots[0] if alone else beside).rename(target)
    except DownloadError as error:
        archive.unlink()
        raise DownloadError(
            f"{error} Nothing was unpacked, and the archive has been removed; name another with "
            "--url and --checksum."
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


class _Archive(gzip.GzipFile):
    """A gzipped archive that is not read into memory by the gigabyte.

    A long name is a member of its own, before the one that it names, and tarfile reads it at once
    whatever its size; what is counted in `_extract` comes too late for it.
    """

    def read(self, size=-1):
        if not 0 <= size <= _MOST_AT_ONCE:
            raise DownloadError(f"the archive holds a name of {size} bytes. Expected short ones.")
        return super().read(size)


def _extract(archive, folder, progress):
    size = 0
    try:
        with _Archive(archive) as content, tarfile.open(fileobj=content, mode="r:") as tar:
            bar = tqdm(tar, desc="Unpacking", unit="file", disable=not progress)
            for number, member in enumerate(bar, start=1):
                size += member.size
                if number > MAX_MEMBERS or size > MAX_BYTES:
                    raise DownloadError(
                        f"the archive holds more than {MAX_MEMBERS} files or {MAX_BYTES} bytes, "
                        "and GTZAN does not."
                    )
                # tarfile's filter allows links that stay inside; GTZAN has none.
                if member.name.startswith("/") or not (member.isfile() or member.isdir()):
                    raise DownloadError(
                        f"the archive holds {member.name!r}, a link, a device or an absolute "
                        "path. Expected files and folders."
                    )
                tar.extract(member, folder, filter="data")
    except tarfile.FilterError as error:
        raise DownloadError(f"the archive is unsafe: {error}.") from error
    except _DAMAGED as error:
        raise DownloadError(
            f"the archive cannot be read ({error}). Expected a gzipped tar archive."
        ) from error
