"""Files are written completely or not at all, by one process at a time, and no dead one blocks."""

import hashlib
import json
import signal
import subprocess
import sys
import threading
import time

import pytest

from genre_lib.files import (
    checksum,
    locked,
    remove_leftovers,
    scratch_folder,
    whole_file,
    whole_folder,
)

HOLD = """
import sys, time
from pathlib import Path
from genre_lib.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "new" / "facts.json"
    for text in ("first", "second"):
        with whole_file(path) as beside:
            beside.write_text(text)
            assert beside.parent == path.parent
            assert not path.exists() or path.read_text() == "first"
        assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_fails_leaves_the_one_before(tmp_path):
    path = tmp_path / "facts.json"
    path.write_text("before")
    with pytest.raises(OSError, match="disk"), whole_file(path) as beside:
        beside.write_text("half")
        raise OSError("the disk is full")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "new" / "run"
    for name in ("first", "second"):
        with whole_folder(path) as beside:
            (beside / name).touch()
        assert [file.name for file in path.iterdir()] == [name]
        assert path.stat().st_mode & 0o777 == 0o755  # for others to read
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_fails_leaves_the_one_before(tmp_path):
    path = tmp_path / "run"
    path.mkdir()
    with pytest.raises(OSError, match="disk"), whole_folder(path) as beside:
        (beside / "half").touch()
        raise OSError("the disk is full")
    assert list(path.iterdir()) == []
    assert list(tmp_path.iterdir()) == [path]


def test_a_scratch_folder_is_gone_afterwards(tmp_path):
    with scratch_folder(tmp_path / "new" / "work") as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "file").touch()
        assert folder.name.startswith(".work-")
    assert list((tmp_path / "new").iterdir()) == []


def test_leftovers_of_a_path_are_removed_and_nothing_else(tmp_path):
    (tmp_path / ".run-1-k1ll3d" / "deep").mkdir(parents=True)
    (tmp_path / ".run-1-4711").touch()
    stay = [tmp_path / name for name in ("run-1", ".run-10-k1ll3d", "run-1-notes")]
    for path in stay:
        path.touch()
    remove_leftovers(tmp_path / "run-1")
    assert set(tmp_path.iterdir()) == set(stay)


def test_a_hidden_path_leaves_what_is_found_again(tmp_path):
    with whole_file(tmp_path / ".run.training") as beside:
        beside.touch()
        (tmp_path / f"{beside.name}1").touch()
    remove_leftovers(tmp_path / ".run.training")
    assert [path.name for path in tmp_path.iterdir()] == [".run.training"]


def test_the_checksum_is_that_of_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"a" * 1_000_000)
    assert checksum(tmp_path / "a") == hashlib.sha256(b"a" * 1_000_000).hexdigest()


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "lock"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_lock_names_its_holder_and_leaves_nothing(tmp_path):
    path = tmp_path / "new" / "folder" / "lock"
    with locked(path):
        assert path.is_file()
        assert json.loads(path.with_name("lock.holder").read_text())["process"] > 0
    assert list(path.parent.iterdir()) == []


def test_the_second_says_who_holds_it_and_waits(holder, tmp_path, capsys):
    entered = threading.Event()

    def second():
        with locked(tmp_path / "lock"):
            entered.set()

    thread = threading.Thread(target=second)
    thread.start()
    said = ""
    while "waiting" not in said:
        time.sleep(0.01)
        said += capsys.readouterr().err
    assert f"lock: held by process {holder.pid} on " in said
    assert not entered.is_set()
    holder.stdin.close()
    thread.join()
    assert entered.is_set()
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_killed_process_is_taken_over(holder, tmp_path, capsys):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / "lock").is_file()
    with locked(tmp_path / "lock"):
        pass
    assert capsys.readouterr().err == ""
    assert list(tmp_path.iterdir()) == []


def test_a_short_wait_needs_no_word(holder, tmp_path, capsys):
    threading.Timer(0.1, holder.stdin.close).start()
    with locked(tmp_path / "lock"):
        assert holder.stdin.closed
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff\x00half", b'{"process": 1'])
def test_a_damaged_note_of_the_holder_is_no_obstacle(content, holder, tmp_path, capsys):
    (tmp_path / "lock.holder").write_bytes(content)
    threading.Timer(1.5, holder.stdin.close).start()
    with locked(tmp_path / "lock"):
        assert json.loads((tmp_path / "lock.holder").read_text())["host"]
    assert "held by another process; waiting" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_lock_is_released_if_the_work_fails(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "lock"):
        1 / 0  # noqa: B018
    with locked(tmp_path / "lock"):
        pass


def test_many_processes_are_inside_one_at_a_time(tmp_path):
    script = """
import sys
from pathlib import Path
from genre_lib.files import locked
folder = Path(sys.argv[1])
for _ in range(50):
    with locked(folder / "lock"):
        count = int((folder / "count").read_text())
        (folder / "count").write_text(str(count + 1))
"""
    (tmp_path / "count").write_text("0")
    processes = [
        subprocess.Popen([sys.executable, "-c", script, tmp_path], stderr=subprocess.DEVNULL)
        for _ in range(3)
    ]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert (tmp_path / "count").read_text() == "150"


@pytest.mark.parametrize("number", [38, 95])  # not implemented, not supported
def test_a_file_system_without_locks_is_warned_of(number, tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(number, "no locks here")

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.warns(UserWarning, match="does not support locks"), locked(tmp_path / "lock"):
        pass
    assert list(tmp_path.iterdir()) == []
