"""Notebooks in JupyterLab, run by hand: the menu, the cells, the figures."""

import nbformat
from tones import write_tone

from genre_lib.files import ROOT

SLOW = 900_000  # milliseconds


def open_notebook(open_page, lab, name):
    """Open a notebook, and return the page when its kernel is ready."""
    page = open_page(f"{lab}/tree/{name}?reset", height=1000)  # without the tabs of former tests
    page.set_default_timeout(120_000)
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    return page


def run_all(page):
    """Run a notebook from the menu, and wait until its last cell is done."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(
        r"""() => {
            const cells = [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")];
            const said = cells.map(cell => cell.textContent.trim());
            return said.length && said.every(text => /^\[\d+\]:$/.test(text))
                || document.querySelector('[data-mime-type="application/vnd.jupyter.error"]');
        }""",
        timeout=SLOW,
    )
    errors = page.locator('[data-mime-type="application/vnd.jupyter.error"]')
    assert errors.all_inner_texts() == []


def test_run_all_shows_the_figures_of_notebook_01(open_page, lab, photograph):
    name = "01_data_exploration.ipynb"
    stored = nbformat.read(ROOT / "notebooks" / name, as_version=4)
    outputs = [output for cell in stored.cells for output in cell.get("outputs", ())]
    page = open_notebook(open_page, lab, name)
    run_all(page)
    figures = page.locator(".jp-OutputArea-output img")
    assert figures.count() == sum("image/png" in output.get("data", ()) for output in outputs) > 3
    for figure in figures.all():
        figure.scroll_into_view_if_needed()
        assert figure.is_visible()
        assert figure.evaluate("image => image.complete && image.naturalWidth > 200")
    photograph(page, "lab-figure")
    players = page.locator(".jp-OutputArea-output audio")
    assert players.count() > 0
    players.first.scroll_into_view_if_needed()
    players.first.evaluate("player => { player.muted = true; return player.play(); }")
    audio = "document.querySelector('.jp-OutputArea-output audio')"
    page.wait_for_function(f"{audio}.currentTime > 0.1")
    photograph(page, "lab-player")
    tables = page.locator(".jp-OutputArea-output table")
    assert tables.count() > 0
    tables.first.scroll_into_view_if_needed()
    photograph(page, "lab-table")


def test_a_song_of_ones_own_is_uploaded_and_classified(open_page, lab, photograph, tmp_path):
    write_tone(tmp_path / "my song.wav", seconds=12)
    page = open_notebook(open_page, lab, "10_try_your_own_song.ipynb")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload Files").click()
    chooser.value.set_files(tmp_path / "my song.wav")
    page.locator(".jp-DirListing").get_by_text("my song.wav").wait_for()
    page.get_by_role("tab", name="10_try").click()  # JupyterLab has opened the song in a tab
    cell = page.locator(".jp-CodeCell", has_text='song = ""')
    cell.locator(".cm-line").first.click()
    page.keyboard.press("Home")
    for _ in 'song = "':
        page.keyboard.press("ArrowRight")
    page.keyboard.insert_text("my song.wav")
    run_all(page)
    assert page.locator(".jp-OutputArea-output").get_by_text("my song.wav").count() > 0
    figure = page.locator(".jp-OutputArea-output img").first
    figure.scroll_into_view_if_needed()
    assert figure.evaluate("image => image.complete && image.naturalWidth > 200")
    photograph(page, "lab-song")
