"""Pages and PDFs of a report, read by the tests of binding."""

import io
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
from PIL import Image

from genre_lib.files import ROOT

TEMPLATES = ROOT / "report"
TITLE_PAGE = {
    "title": "Genres",
    "subtitle": "A report",
    "authors": ["A. Student", "B. Student"],
    "date": "1 May 2026",
}


def png(width=60, height=30):
    """Return a grey image of that many pixels."""
    file = io.BytesIO()
    Image.new("L", (width, height), 128).save(file, "PNG")
    return file.getvalue()


class Page(HTMLParser):
    """The parts of a page that the tests ask about."""

    def __init__(self, markup):
        super().__init__()
        self.markup = markup
        self.tags, self.texts, self.stack = [], [], []
        self.feed(markup)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br", "link", "source", "col", "input", "hr"):
            self.stack.append(tag)

    def handle_endtag(self, tag):
        if tag in self.stack:
            while self.stack.pop() != tag:
                pass

    def handle_data(self, data):
        if "style" not in self.stack:
            self.texts.append(data)

    @property
    def text(self):
        return " ".join("".join(self.texts).split())

    def count(self, tag):
        return sum(name == tag for name, _ in self.tags)


class Report:
    """A page and a PDF, and their texts."""

    def __init__(self, html_path, pdf_path):
        self.html_path, self.pdf_path = html_path, pdf_path
        self.markup = html_path.read_text(encoding="utf-8")
        self.page = Page(self.markup)

    @property
    def pdf_text(self):
        return " ".join(self.pdf_pages)

    @property
    def pdf_pages(self):
        """The text of each page."""
        if shutil.which("pdftotext") is None:
            pytest.skip("pdftotext (poppler-utils) is not installed")
        run = subprocess.run(
            ["pdftotext", "-layout", self.pdf_path, "-"], capture_output=True, check=True, text=True
        )
        pages = run.stdout.replace("\u200b", "").removesuffix("\f").split("\f")
        return [" ".join(page.split()) for page in pages]
