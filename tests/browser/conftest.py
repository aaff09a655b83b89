"""A browser, and what it looks at: JupyterLab, and a report of the demo corpus."""

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest

from genre_lib.files import ROOT

INSTALL = "Playwright is not installed: .venv/bin/pip install --editable '.[browser]'"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
SETTINGS = {
    # Cells outside the window are in the page, too, so that they can be looked for.
    "notebook-extension/tracker": '{"windowingMode": "none"}',
    "apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false}',
}


@pytest.fixture(scope="session")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason=INSTALL)
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    options = ["--autoplay-policy=no-user-gesture-required"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--no-sandbox")  # Chromium's own does not run as root
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=options)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """A function that opens an address in a window of its own, light or dark, large or small."""
    contexts = []

    def open_page(address, width=1280, height=900, **options):
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, **options))
        page = contexts[-1].new_page()
        page.requests = []
        page.on("request", lambda request: page.requests.append(request.url))
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def photograph():
    """A function that keeps a picture of what a page shows, to be looked at."""
    folder = ROOT / "report" / "build" / "browser" / "pictures"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return lambda page, name: page.screenshot(path=folder / f"{name}.png")


@pytest.fixture(scope="session")
def report():
    """The address of a report of the smallest profile, kept for the next call."""
    from genre_lib.binding import make_report

    page, _ = make_report("smoke", out=ROOT / "report" / "build" / "browser", home=ROOT)
    return page.as_uri()


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """The address of a JupyterLab that serves copies of the notebooks, without their outputs."""
    folder, home = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("jupyter")
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.update(outputs=[], execution_count=None)
        nbformat.write(notebook, folder / path.name)
    for name, text in SETTINGS.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    environment = os.environ | {
        "GENRE_PROFILE": "smoke",
        "GENRE_HOME": str(ROOT),
        "PYTHONPATH": str(ROOT),
        "JUPYTER_CONFIG_DIR": str(home),
        "JUPYTER_DATA_DIR": str(home),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0"]
    command += ["--LabApp.news_url=None", "--IdentityProvider.token=", "--ip=127.0.0.1"]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stderr=log)
    try:
        yield _wait_for(server, home / "log")
    finally:
        server.terminate()  # which ends its kernels
        server.wait(60)


def _wait_for(server, log):
    for _ in range(600):
        found = re.search(r"http://127\.0\.0\.1:\d+/lab", log.read_text())
        if found:
            urllib.request.urlopen(found[0]).close()
            return found[0]
        assert server.poll() is None, log.read_text()
        time.sleep(0.2)
    raise AssertionError(log.read_text())
