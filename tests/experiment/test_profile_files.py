import dataclasses
from pathlib import Path

import pytest

from genre_lib.experiment import DEMO, LAPTOP, PROFILES, SMOKE, get_profile
from genre_lib.experiment.profile_files import differences, profile_path


@pytest.fixture
def write(tmp_path):
    """A function that writes a profile's file and returns its path."""

    def write(text, name="mine.toml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_a_profile_is_found_by_its_name():
    assert all(get_profile(name).name == name for name in PROFILES)
    assert get_profile(LAPTOP) is LAPTOP
    with pytest.raises(ValueError, match=r"'full' is not known; expected one of smoke, demo"):
        get_profile("full")


def test_a_file_says_what_differs_from_a_base(write):
    path = write('base = "laptop"\nwidth = 0.125\nl2_lambdas = [0.001]\nseeds = [0, 1]\n')
    expected = dataclasses.replace(
        LAPTOP, name="mine", width=0.125, l2_lambdas=(0.001,), seeds=(0, 1)
    )
    assert get_profile(path) == get_profile(str(path)) == expected
    assert get_profile(write('base = "laptop"\nname = "wide"')).name == "wide"


def test_a_number_is_the_same_choice_with_and_without_a_decimal_point(write):
    whole = get_profile(write('base = "smoke"\nwidth = 2\nl2_lambdas = [1, 0]'))
    decimal = get_profile(write('base = "smoke"\nwidth = 2.0\nl2_lambdas = [1.0, 0.0]'))
    assert whole.digest() == decimal.digest() != SMOKE.digest()
    assert [type(x) for x in (whole.width, *whole.l2_lambdas, whole.epochs)] == [*[float] * 3, int]


def test_a_path_may_be_relative_begin_with_a_tilde_and_come_from_an_editor_on_windows(
    write, tmp_path, monkeypatch
):
    path = write(b'\xef\xbb\xbfbase = "demo"\r\nepochs = 3\r\n', "Größe-2.TOML")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for given in ("Größe-2.TOML", "~/Größe-2.TOML"):
        assert profile_path(given) == path
        assert get_profile(given) == dataclasses.replace(DEMO, name="Größe-2", epochs=3)
    assert profile_path("laptop") is profile_path(LAPTOP) is profile_path(None) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base: laptop", "not TOML: Expected '='"),
        (b"\xff\xfe", "not TOML: 'utf-8' codec"),
        ("", "base='missing': expected one of smoke, demo, laptop, paper"),
        ('base = "lap"', "base='lap': expected one of smoke"),
        ('base = ["laptop"]', r"base=\['laptop'\]: expected one of smoke"),
        ('bse = "laptop"', r"'bse' is not a choice of a profile \(did you mean 'base'\?\)"),
        (
            'base = "laptop"\nwidht = 0.1\ncolour = 3',
            r"'widht' .*\(did you mean 'width'\?\); 'colour' is not a choice of a profile\. A",
        ),
        ('base = "laptop"\nwidth = "wide"', "width='wide': expected a number above 0"),
        ('base = "laptop"\nwidth = nan', "width=nan: expected a number above 0"),
        ('base = "laptop"\nl2_lambdas = 0.1', "l2_lambdas=0.1: expected a tuple"),
        ('base = "laptop"\nseeds = [[0]]', "seeds="),
        ('base = "laptop"\nepochs = true', "epochs=True: expected a whole number from 1"),
        ('base = "laptop"\nrotations = "2"', "rotations='2': expected a whole number"),
        ('base = "laptop"\nname = "my own"', "name=.my own.: expected 1 to 60 letters"),
        (f'base = "laptop"\nwidth = 1{"0" * 400}', "too large"),
        ('base = "laptop"\nname = "a/b"', "name='a/b': expected 1 to 60 letters"),
        ('base = "laptop"\nname = 3', "name=3: expected"),
        ('base = "smoke"\nname = "Laptop"', "name='Laptop': this is a built-in profile. Rename"),
    ],
)
def test_a_mistake_in_a_file_is_told_with_its_path(write, text, message):
    path = write(text)
    with pytest.raises(ValueError, match=message) as told:
        get_profile(path)
    assert str(told.value).startswith(f"{path}: ")
    assert "\n" not in str(told.value)


def test_a_file_must_have_a_name_of_its_own_that_a_folder_can_have(write):
    with pytest.raises(ValueError, match=r"paper.toml: name='paper': this is a built-in profile"):
        get_profile(write('base = "laptop"', "paper.toml"))
    with pytest.raises(ValueError, match=r"name='a\*b': expected"):
        get_profile(write('base = "laptop"', "a*b.toml"))


def test_what_is_not_a_file_is_named(tmp_path):
    (tmp_path / "folder.toml").mkdir()
    for name, reason in (("folder.toml", "Is a directory"), ("absent.toml", "No such file")):
        with pytest.raises(ValueError, match=rf"{name}: {reason}.*\. Expected a TOML file with"):
            get_profile(tmp_path / name)
    with pytest.raises(ValueError, match=r"~nobody-of-this-name/a.toml: No such file"):
        get_profile(Path("~nobody-of-this-name/a.toml"))


def test_what_differs_makes_the_same_profile_again():
    assert differences(LAPTOP) == "laptop"
    mine = dataclasses.replace(LAPTOP, name="mine", epochs=3, l2_lambdas=(0.1,))
    assert differences(mine) == {"base": "laptop", "name": "mine", "epochs": 3, "l2_lambdas": [0.1]}
    for profile in (LAPTOP, mine, dataclasses.replace(LAPTOP, seeds=(0, 1))):
        assert get_profile(differences(profile)) == profile
