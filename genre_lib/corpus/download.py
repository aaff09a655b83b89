"""Download GTZAN's archive, resuming where it was cut off, then check and unpack it."""

import gzip
import tarfile
import zlib
from pathlib import Path

import pooch
import requests
from urllib3.exceptions import HTTPError

from genre_lib.files import locked, remove_leftovers, scratch_folder
from genre_lib.progress import progress_bar

# The address published by GTZAN's authors no longer answers.
URL = "https://huggingface.co/datasets/marsyas/gtzan/resolve/main/data/genres.tar.gz"
CHECKSUM = "5b3d6dddb579ab49814ab86dba69e7c7"  # MD5, from the GTZAN loader of mirdata

# A larger archive is not unpacked. GTZAN has 1.3 GB in 1000 files, and archives made on macOS hold
# a second, small file for each.
MAX_BYTES, MAX_MEMBERS = 4_000_000_000, 20_000

_ALGORITHMS = {32: "md5", 64: "sha256"}  # by the number of hexadecimal digits
_CHUNK = 1 << 16  # bytes; at most this much is lost when the connection is cut off
_TIMEOUT = (30, 60)  # seconds: to connect, and between two pieces of the answer
_LONGEST_READ = 1 << 20  # bytes; tarfile copies in smaller pieces, and headers are smaller


class DownloadError(RuntimeError):
    """An archive that did not arrive or cannot be trusted; the message says what to do."""


def fetch_gtzan(folder, *, url=URL, checksum=CHECKSUM, progress=True):
    """Download an archive of GTZAN and unpack it as ``genres/``; return False if that exists.

    The next call resumes a download that was cut off, from this or another address. ``genres/`` is
    either complete or absent. The call needs about 2.6 GB, half of that only while it runs.
    """
    folder, checksum = Path(folder).expanduser(), checksum.lower()
    algorithm = _ALGORITHMS.get(len(checksum))
    if algorithm is None or set(checksum) - set("0123456789abcdef"):
        raise DownloadError(
            f"{checksum!r} is not a checksum. Expected an MD5 or SHA-256 in 32 or 64 hexadecimal "
            "digits, with nothing before or after them."
        )
    genres, archive = folder / "genres", folder / f"genres-{checksum[:8]}.tar.gz.part"
    if genres.is_dir():
        return False
    try:
        with locked(folder / ".genres.lock"):
            if genres.is_dir():  # another process has unpacked it meanwhile
                return False
            remove_leftovers(genres)
            # It is complete if an earlier call had no space to unpack it.
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
    # Not pooch.retrieve, which restarts a download that was cut off: this one may take an hour.
    begin = archive.stat().st_size if archive.is_file() else 0
    with _request(url, begin) as response:
        # A server without range support sends everything, with another status.
        begin = begin if response.status_code == requests.codes.partial_content else 0
        length = response.headers.get("Content-Length", "")
        total = begin + int(length) if length.isdecimal() else None
        shown = {"desc": "Downloading", "unit": "B", "unit_scale": True, "progress": progress}
        bar = progress_bar(initial=begin, total=total, main=True, **shown)
        with archive.open("ab" if begin else "wb") as file, bar:
            try:
                # Undecoded: some servers declare the archive's compression as the transfer's.
                for chunk in response.raw.stream(_CHUNK, decode_content=False):
                    bar.update(file.write(chunk))
            except HTTPError as error:
                raise DownloadError(
                    f"{url}: the download was cut off after {file.tell()} bytes ({error}). They "
                    "are kept: call again to resume it."
                ) from error


def _request(url, begin):
    # Uncompressed: a range of a compressed transfer would cover other bytes.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={begin}-"} if begin else {})
    try:
        response = requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT)
    except requests.RequestException as error:
        raise DownloadError(
            f"{url}: no answer ({_system_error(error)}). Check the network and the address, and "
            "call again; what has been downloaded is kept. Another address: --url."
        ) from error
    if response.status_code == requests.codes.requested_range_not_satisfiable and begin:
        # The kept part is as long as the archive or longer, but is not the archive.
        response.close()
        return _request(url, 0)
    if not response.ok or response.headers.get("Content-Type", "").startswith("text/html"):
        response.close()
        came = "a web page" if response.ok else f"{response.status_code} {response.reason}"
        raise DownloadError(
            f"{url}: the server answered with {came}. Expected a .tar.gz archive; try again "
            "later, open the address in a browser, or name another with --url."
        )
    return response


def _system_error(error):
    """Return the operating system's message, which the libraries wrap in several layers."""
    cause = error
    while cause and not getattr(cause, "strerror", None):
        cause = cause.__cause__ or cause.__context__
    return cause.strerror if cause else str(error)


def _verify(url, archive, algorithm, checksum):
    found = pooch.file_hash(archive, algorithm)
    if found != checksum:
        size = archive.stat().st_size
        archive.unlink()
        raise DownloadError(
            f"{url}: the {algorithm} of the {size} bytes received is {found}, expected {checksum}. "
            "They have been removed: call again to restart. If the result is the same, this is "
            "another archive: give another address with --url or, if you trust this one, its "
            "checksum with --checksum."
        )


def _unpack(archive, target, progress):
    try:
        with scratch_folder(target) as beside:
            beside.chmod(0o755)
            _extract(archive, beside, progress)
            roots = [path for path in beside.iterdir() if not path.name.startswith(".")]
            if not roots:
                raise DownloadError("the archive is empty. Expected genre folders with audio.")
            # A single folder around everything becomes genres/, whatever its name is.
            alone = len(roots) == 1 and roots[0].is_dir()
            (roots[0] if alone else beside).rename(target)
    except DownloadError as error:
        archive.unlink()
        raise DownloadError(
            f"{error} Nothing was unpacked, and the archive has been removed; give another with "
            "--url and --checksum."
        ) from error


class _Archive(gzip.GzipFile):
    """A gzipped archive that refuses to be read into memory by the gigabyte."""

    # A long name is a member of its own before the member that it names, and tarfile reads it at
    # once, whatever its size: the limits in `_extract` come too late for that.
    def read(self, size=-1):
        if not 0 <= size <= _LONGEST_READ:
            raise DownloadError(f"the archive holds a name of {size} bytes. Expected short ones.")
        return super().read(size)


def _extract(archive, folder, progress):
    size = 0
    try:
        with _Archive(archive) as content, tarfile.open(fileobj=content, mode="r:") as tar:
            bar = progress_bar(tar, desc="Unpacking", unit="file", progress=progress)
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
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DownloadError(
            f"the archive cannot be read ({error}). Expected a gzipped tar archive."
        ) from error
