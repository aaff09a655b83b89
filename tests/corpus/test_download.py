import hashlib
import io
import random
import re
import socket
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner

from genre_lib.__main__ import main
from genre_lib.corpus import DownloadError, download, fetch_gtzan

FILES = {
    f"genres/{genre}/{genre}.{number:05d}.wav": random.Random(f"{genre}{number}").randbytes(60_000)
    for genre in ("blues", "rock")
    for number in range(4)
}


def pack(*members, **files):
    """Return a .tar.gz of files (content by name) and of tarfile members without content."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in members:
            tar.addfile(member)
    return target.getvalue()


def special(name, kind, link=""):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


def md5(content):
    return hashlib.md5(content).hexdigest()


ARCHIVE = pack(special("genres", tarfile.DIRTYPE), **FILES)


class Handler(BaseHTTPRequestHandler):
    """Sends the archive of its server, or the rest of it."""

    def do_GET(self):
        server, content = self.server, self.server.content
        asked = self.headers.get("Range")
        server.asked.append(asked)
        if server.status != 200:
            self.send_error(server.status)
            return
        begin = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and server.ranges else 0
        if begin and begin >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if begin else 200)
        for name, value in server.headers.items():
            self.send_header(name, value)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        self.wfile.write(content[begin : server.cut_at])

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    """A server on loopback: a test sets what it sends, and reads which ranges were asked for."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.content, server.status, server.ranges, server.cut_at = ARCHIVE, 200, True, None
    server.headers, server.asked = {"Content-Type": "application/gzip"}, []
    server.url = f"http://127.0.0.1:{server.server_port}/genres.tar.gz"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(server, folder):
    checksum = md5(server.content)
    return fetch_gtzan(folder, url=server.url, checksum=checksum, progress=False)


def unpacked(folder):
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def part(folder):
    return folder / f"genres-{md5(ARCHIVE)[:8]}.tar.gz.part"


def test_an_archive_is_fetched_and_unpacked_once(server, tmp_path):
    assert fetch(server, tmp_path / "new" / "folder")
    assert unpacked(tmp_path / "new/folder") == FILES
    assert not fetch(server, tmp_path / "new" / "folder")
    assert server.asked == [None]


def test_a_download_that_is_cut_off_is_resumed(server, tmp_path):
    server.cut_at = 200_000
    with pytest.raises(DownloadError, match=r"cut off after \d+ bytes .* call again"):
        fetch(server, tmp_path)
    kept = part(tmp_path).read_bytes()
    assert 100_000 < len(kept) <= 200_000
    assert kept == ARCHIVE[: len(kept)]
    server.cut_at = None
    assert fetch(server, tmp_path)
    assert server.asked == [None, f"bytes={len(kept)}-"]
    assert unpacked(tmp_path) == FILES


def test_a_server_without_ranges_sends_everything_again(server, tmp_path):
    server.ranges = False
    part(tmp_path).write_bytes(ARCHIVE[:150_000])
    assert fetch(server, tmp_path)
    assert server.asked == ["bytes=150000-"]
    assert unpacked(tmp_path) == FILES


def test_a_kept_part_that_is_too_long_is_replaced(server, tmp_path):
    part(tmp_path).write_bytes(ARCHIVE + b"more")
    assert fetch(server, tmp_path)
    assert server.asked == [f"bytes={len(ARCHIVE) + 4}-", None]
    assert unpacked(tmp_path) == FILES


def test_a_whole_archive_that_is_kept_is_not_asked_for(server, tmp_path):
    part(tmp_path).write_bytes(ARCHIVE)
    assert fetch(server, tmp_path)
    assert server.asked == []


def test_a_transfer_that_is_called_compressed_is_kept_as_it_is_stored(server, tmp_path):
    server.headers["Content-Encoding"] = "gzip"
    assert fetch(server, tmp_path)
    assert unpacked(tmp_path) == FILES


def test_a_wrong_checksum_is_reported_and_the_next_call_restarts(server, tmp_path):
    with pytest.raises(DownloadError, match=rf"is {md5(ARCHIVE)}, expected {'0' * 32}"):
        fetch_gtzan(tmp_path, url=server.url, checksum="0" * 32, progress=False)
    assert list(tmp_path.iterdir()) == []
    sha256 = hashlib.sha256(ARCHIVE).hexdigest().upper()
    assert fetch_gtzan(tmp_path, url=server.url, checksum=sha256, progress=False)
    assert server.asked == [None, None]


@pytest.mark.parametrize("checksum", ["", "abc", "g" * 32, "md5:" + "0" * 28])
def test_what_is_no_checksum_is_told_before_anything_is_asked(server, tmp_path, checksum):
    with pytest.raises(DownloadError, match="32 or 64 hexadecimal digits"):
        fetch_gtzan(tmp_path, url=server.url, checksum=checksum)
    assert server.asked == []


@pytest.mark.parametrize(("status", "reason"), [(404, "Not Found"), (503, "Service Unavailable")])
def test_an_answer_that_is_an_error_keeps_what_is_there(server, tmp_path, status, reason):
    server.status = status
    part(tmp_path).write_bytes(ARCHIVE[:1000])
    with pytest.raises(DownloadError, match=rf"genres.tar.gz: .* {status} {reason}.*--url"):
        fetch(server, tmp_path)
    assert part(tmp_path).read_bytes() == ARCHIVE[:1000]


def test_a_web_page_is_no_archive_and_keeps_what_is_there(server, tmp_path):
    server.ranges, server.headers = False, {"Content-Type": "text/html; charset=utf-8"}
    part(tmp_path).write_bytes(ARCHIVE[:1000])
    with pytest.raises(DownloadError, match="a web page"):
        fetch(server, tmp_path)
    assert part(tmp_path).read_bytes() == ARCHIVE[:1000]


def test_no_connection_is_reported_with_its_reason(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/genres.tar.gz"
        with pytest.raises(DownloadError, match=r"no answer \(Connection refused\)"):
            fetch_gtzan(tmp_path, url=url, progress=False)

    def no_network(*args, **options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    with pytest.raises(DownloadError, match=r"no answer \(Name or service not known\).*network"):
        fetch_gtzan(tmp_path, progress=False)
    with pytest.raises(DownloadError, match="no answer"):
        fetch_gtzan(tmp_path, url="genres.tar.gz", progress=False)


def bomb(kind):
    """Return an archive whose member has a name, or other facts, of 64 MiB."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz", compresslevel=1) as tar:
        member = special("genres/long", kind)
        member.size = 64 << 20
        tar.addfile(member, io.BytesIO(bytes(member.size)))
        tar.addfile(tarfile.TarInfo("genres/blues.wav"))
    return target.getvalue()


HOSTILE = {
    "a name of megabytes": bomb(tarfile.GNUTYPE_LONGNAME),
    "facts of megabytes": bomb(tarfile.XHDTYPE),
    "a file above the folder": pack(**{"genres/../../out.wav": b"x"}),
    "a file at an absolute path": pack(**{"/out.wav": b"x"}),
    "a link out": pack(special("genres/out", tarfile.SYMTYPE, "../../..")),
    "a link inside": pack(special("genres/in", tarfile.SYMTYPE, "blues"), **FILES),
    "a second name of a file outside": pack(special("genres/out", tarfile.LNKTYPE, "/etc/hosts")),
    "a device": pack(special("genres/null", tarfile.CHRTYPE)),
    "a named pipe": pack(special("genres/pipe", tarfile.FIFOTYPE)),
    "nothing": pack(),
    "no archive": b"<html>Gone.</html>" * 1000,
    "half an archive": ARCHIVE[: len(ARCHIVE) // 2],
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_an_archive_that_cannot_be_trusted_leaves_nothing(server, tmp_path, content):
    server.content = content
    with pytest.raises(DownloadError, match=r"the archive .* Nothing was unpacked"):
        fetch(server, tmp_path / "a" / "b")
    assert unpacked(tmp_path) == {}
    assert list((tmp_path / "a/b").iterdir()) == []


@pytest.mark.parametrize(("name", "limit"), [("MAX_BYTES", 400_000), ("MAX_MEMBERS", 8)])
def test_an_archive_that_is_too_large_leaves_nothing(server, tmp_path, monkeypatch, name, limit):
    monkeypatch.setattr(download, name, limit)
    with pytest.raises(DownloadError, match="more than"):
        fetch(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_other_layouts_come_below_genres(server, tmp_path):
    server.content = pack(**{"Data/genres_original/rock/a.wav": b"a", "._Data": b"of macOS"})
    assert fetch(server, tmp_path / "kaggle")
    assert unpacked(tmp_path / "kaggle") == {"genres/genres_original/rock/a.wav": b"a"}
    server.content = pack(**{"rock/a.wav": b"a", "pop/b.wav": b"b"})
    assert fetch(server, tmp_path / "plain")
    assert unpacked(tmp_path / "plain") == {"genres/rock/a.wav": b"a", "genres/pop/b.wav": b"b"}
    assert (tmp_path / "plain/genres").stat().st_mode & 0o777 == 0o755  # others may read it


def test_what_a_killed_call_left_is_cleared_away(server, tmp_path):
    (tmp_path / ".genres-unpacked/genres/jazz").mkdir(parents=True)
    (tmp_path / ".genres-unpacked/genres/jazz/jazz.00000.wav").write_bytes(b"half")
    assert fetch(server, tmp_path)
    assert unpacked(tmp_path) == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["genres"]


def test_two_calls_at_once_fetch_it_once(server, tmp_path):
    with ThreadPoolExecutor() as pool:
        fetched = list(pool.map(fetch, [server, server], [tmp_path, tmp_path]))
    assert sorted(fetched) == [False, True]
    assert server.asked == [None]
    assert unpacked(tmp_path) == FILES


def test_a_file_where_the_folder_should_be_is_left_alone(server, tmp_path):
    (tmp_path / "genres").write_text("years of work")
    with pytest.raises(DownloadError, match="cannot be written"):
        fetch(server, tmp_path)
    assert (tmp_path / "genres").read_text() == "years of work"


def test_a_full_disk_is_reported_and_the_archive_kept(server, tmp_path, monkeypatch):
    def full(*args, **options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tarfile.TarFile, "makefile", full)
        with pytest.raises(DownloadError, match=r"No space left on device.*make room.*kept"):
            fetch(server, tmp_path)
    assert unpacked(tmp_path) == {part(tmp_path).name: ARCHIVE}
    assert fetch(server, tmp_path)
    assert server.asked == [None]


def test_the_command_says_what_it_did_and_what_went_wrong(server, tmp_path):
    arguments = ["data", "fetch", str(tmp_path / "gtzan"), "--url", server.url]
    arguments += ["--checksum", md5(ARCHIVE)]
    for expected in ("unpacked", "already exists; remove it"):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0
        assert expected in result.stdout
    (tmp_path / "file").write_text("no folder")
    arguments[2] = str(tmp_path / "file")
    result = CliRunner().invoke(main, arguments)
    assert isinstance(result.exception, SystemExit)
    assert "cannot be written" in str(result.exception)
