import numpy as np
import pytest
import soundfile
from tones import write_tone

from genre_lib.corpus import AudioError, read_audio
from genre_lib.waveform import SAMPLE_RATE


@pytest.mark.parametrize("suffix", ["wav", "au", "flac"])
def test_16_bit_mono_comes_through_bit_for_bit(tmp_path, suffix):
    samples = np.random.default_rng(0).integers(-32_768, 32_768, 5000).astype(np.int16)
    path = tmp_path / f"track.{suffix}"
    soundfile.write(path, samples, SAMPLE_RATE, subtype="PCM_16")
    np.testing.assert_array_equal(read_audio(path), samples)


@pytest.mark.parametrize("suffix", ["ogg", "mp3"])
def test_lossy_formats_are_read(tmp_path, suffix):
    path = tmp_path / f"track.{suffix}"
    samples = write_tone(path)
    read = read_audio(path)
    assert read.dtype == np.int16
    # MP3 pads the beginning and the end; the tone itself has to be there, at its level.
    assert abs(len(read) - len(samples)) < 3000
    assert np.std(read / 32_768) == pytest.approx(np.std(samples), rel=0.05)


@pytest.mark.parametrize("rate", [8000, 44_100, 48_000, 96_000])
def test_other_rates_are_converted_without_changing_pitch_or_length(tmp_path, rate):
    path = tmp_path / "track.wav"
    write_tone(path, seconds=2.0, frequency=1000, rate=rate)
    read = read_audio(path)
    assert abs(len(read) - 2 * SAMPLE_RATE) <= 2
    peak = np.abs(np.fft.rfft(read)).argmax() * SAMPLE_RATE / len(read)
    assert peak == pytest.approx(1000, abs=1)


@pytest.mark.parametrize("channels", [2, 6])
def test_channels_are_averaged(tmp_path, channels):
    values = np.linspace(-0.5, 0.5, channels)
    path = tmp_path / "track.wav"
    soundfile.write(path, np.tile(values + 0.1, (3000, 1)), SAMPLE_RATE, subtype="FLOAT")
    np.testing.assert_array_equal(read_audio(path), round(0.1 * 32_768))


@pytest.mark.parametrize("subtype", ["PCM_24", "PCM_32", "FLOAT", "DOUBLE", "PCM_U8"])
def test_other_sample_widths_give_the_same_sound(tmp_path, subtype):
    path = tmp_path / "track.wav"
    samples = write_tone(path, subtype=subtype)
    tolerance = 300 if subtype == "PCM_U8" else 2
    assert np.abs(read_audio(path) - samples * 32_768).max() <= tolerance


def test_floats_beyond_full_scale_are_clipped(tmp_path):
    path = tmp_path / "loud.wav"
    soundfile.write(path, np.array([2.0, -2.0, 0.5]), SAMPLE_RATE, subtype="FLOAT")
    np.testing.assert_array_equal(read_audio(path), [32_767, -32_768, 16_384])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(tmp_path, value):
    path = tmp_path / "track.wav"
    soundfile.write(path, np.array([0.0, value, 0.0]), SAMPLE_RATE, subtype="FLOAT")
    with pytest.raises(AudioError) as caught:
        read_audio(path)
    assert caught.value.reason == "not finite"


@pytest.mark.parametrize(
    "content", [b"", b"RIFF", b"<html>no audio</html>", bytes(range(256)) * 40]
)
def test_what_is_not_audio_is_refused_with_its_name_and_a_way_out(tmp_path, content):
    path = tmp_path / "broken.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError, match=r"broken\.wav.*Expected audio.*replace") as caught:
        read_audio(path)
    assert caught.value.reason == "undecodable"


def test_a_file_without_samples_is_empty(tmp_path):
    path = tmp_path / "none.wav"
    soundfile.write(path, np.zeros(0), SAMPLE_RATE)
    with pytest.raises(AudioError) as caught:
        read_audio(path)
    assert caught.value.reason == "empty"


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(AudioError, match="gone"):
        read_audio(tmp_path / "gone.wav")


def test_a_text_called_au_is_not_audio(tmp_path):
    path = tmp_path / "track.au"
    path.write_text("This is not a sound. " * 20_000)
    with pytest.raises(AudioError, match="undecodable"):
        read_audio(path)


def test_a_truncated_mp3_gives_what_is_there_every_time(tmp_path):
    path = tmp_path / "track.mp3"
    whole = len(write_tone(path, seconds=6.0))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    first = read_audio(path)
    assert len(first) < 0.7 * whole
    np.testing.assert_array_equal(read_audio(path), first)
