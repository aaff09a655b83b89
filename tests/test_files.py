"""One process at a time; and none is kept out by a dead one."""

import json
import signal
import subprocess
import sys
import threading
import time

import pytest

from genre_lib.files import locked

HOLD = """
import sys, time
from pathlib import Path
from genre_lib.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


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


def test_a_lock_is_there_while_it_is_held(tmp_path):
    path = tmp_path / "new" / "folder" / "lock"
    with locked(path):
        assert json.loads(path.read_text())["process"] > 0
    assert list(path.parent.iterdir()) == []


def test_the_second_says_who_holds_it_and_waits(holder, tmp_path, capsys):
    waited = threading.Event()

    def second():
        with locked(tmp_path / "lock"):
            waited.set()

    thread = threading.Thread(target=second)
    thread.start()
    said = ""
    while "waiting" not in said:
        time.sleep(0.01)
        said += capsys.readouterr().err
    assert f"lock is held by process {holder.pid} on " in said
    assert not waited.is_set()
    holder.stdin.close()
    thread.join()
    assert waited.is_set()
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_killed_process_is_taken_over(holder, tmp_path, capsys):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / "lock").is_file()
    with locked(tmp_path / "lock"):
        pass
    assert capsys.readouterr().err == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff\x00half", b'{"process": 1'])
def test_a_damaged_lock_is_taken_over(content, tmp_path):
    (tmp_path / "lock").write_bytes(content)
    with locked(tmp_path / "lock"):
        assert json.loads((tmp_path / "lock").read_text())["host"]
    assert list(tmp_path.iterdir()) == []


def test_a_lock_is_let_go_where_the_work_fails(tmp_path):
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


def test_a_file_system_without_locks_is_warned_of(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.warns(UserWarning, match="knows no locks"), locked(tmp_path / "lock"):
        pass
