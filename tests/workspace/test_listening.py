import base64
import io
import re

import pytest
import soundfile

from genre_lib.waveform import SAMPLE_RATE
from genre_lib.workspace import open_published, play


@pytest.fixture
def shown(monkeypatch):
    """Collect what would be displayed."""
    import IPython.display

    calls = []
    monkeypatch.setattr(IPython.display, "display", lambda data, **_: calls.append(data))
    return calls


def test_a_player_holds_the_track_from_where_it_begins(workspace, shown):
    first, second = workspace.tracks["track_id"][:2]
    play(workspace, {"<b>one</b>": first, "two": second}, begin=0.5)
    (page,) = (output.data for output in shown)
    assert "&lt;b&gt;one&lt;/b&gt;" in page
    players = re.findall(r'src="data:audio/mpeg;base64,([^"]+)"', page)
    assert len(players) == 2
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(players[0])))
    assert rate == SAMPLE_RATE
    assert len(samples) / rate == pytest.approx(1.5, abs=0.1)


def test_without_audio_there_is_a_sentence(folder, shown):
    play(open_published(folder), {"one": "high.00000"})
    assert "audio is not distributed" in shown[0]["text/plain"]
