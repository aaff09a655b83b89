"""Render Markdown to a self-contained page with pandoc, and to PDF with typst.

Both programs come from pip. They need no network, no system package, and no system font except for
scripts that typst's fonts lack.
"""

import json
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pypandoc
import typst

from genre_lib.display import escape_markdown
from genre_lib.figures.style import find_fonts

# Pandoc's Markdown, brought close to what Jupyter shows, and without access to raw output.
_READER = (
    "markdown+lists_without_preceding_blankline-blank_before_header-blank_before_blockquote"
    "-raw_attribute-native_divs-native_spans-markdown_in_html_blocks-yaml_metadata_block"
    "-pandoc_title_block-fancy_lists-example_lists-line_blocks-subscript-superscript"
    "-simple_tables-multiline_tables-grid_tables"
)
_TEMPLATE_FILES = ("template.html", "template.typ", "style.css", "filter.lua")
_TEMPLATE_FILES += ("references.bib", "numeric.csl")


class BindingError(ValueError):
    """The notebooks cannot be bound; the message says which one, where, and what to do."""


@dataclass(frozen=True)
class Document:
    """The report and its abstract in pandoc Markdown, and the plain texts of its title page."""

    markdown: str
    title: str
    subtitle: str
    authors: list[str]
    date: str
    abstract: str = ""
    notice: str | None = None
    made_from: list[tuple[str, str]] = field(default_factory=list)
    html_outputs: list[str] = field(default_factory=list)
    image_folders: list[Path] = field(default_factory=list)


def render_html(document: Document, template_dir: Path, work: Path) -> Path:
    """Write ``work/report.html``: one file with its images, style and formulas (MathML)."""
    options = ["--mathml", "--embed-resources", "--standalone", "--toc", "--toc-depth=2"]
    page = _pandoc(document, template_dir, work, "html5", "template.html", options)
    outputs = document.html_outputs
    page = re.sub(r"<!--html-output:(\d+)-->", lambda mark: outputs[int(mark[1])], page)
    path = work / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def render_pdf(document: Document, template_dir: Path, work: Path) -> Path:
    """Write ``work/report.pdf``: A4, with typst's embedded fonts and no time stamp."""
    # --extract-media puts the images of Markdown cells where typst may read them.
    options = ["--standalone", "--extract-media=media"]
    source = _pandoc(document, template_dir, work, "typst-citations", "template.typ", options)
    typst_path = work / "report.typ"
    typst_path.write_text(source, encoding="utf-8")
    path = work / "report.pdf"
    inputs = {"title": document.title, "authors": ", ".join(document.authors)}
    # As few system fonts as possible: the PDF should be the same on every machine.
    (work / "fonts").mkdir(exist_ok=True)
    for font in find_fonts(source, "DejaVu Sans Mono"):  # which is embedded as well
        shutil.copy(font.fname, work / "fonts")
    fonts = {"font_paths": [work / "fonts"], "ignore_system_fonts": True}
    try:
        typst.compile(typst_path, output=path, root=work, sys_inputs=inputs, **fonts)
    except RuntimeError as error:
        detail = getattr(error, "diagnostic", "") or str(error)
        raise BindingError(f"typst could not make the PDF: {detail}") from error
    return path


def _pandoc(document, template_dir, work, writer, template, options) -> str:
    """Return the document as written by pandoc; treat its warnings as errors."""
    # The template is copied, so that no path of the machine gets into the result.
    (work / "template").mkdir(exist_ok=True)
    for name in _TEMPLATE_FILES:
        if not (template_dir / name).is_file():
            raise FileNotFoundError(f"{template_dir / name}: missing from the report template")
        shutil.copyfile(template_dir / name, work / "template" / name)
    (work / "metadata.json").write_text(json.dumps(_metadata(document)), encoding="utf-8")
    folders = [".", *dict.fromkeys(str(folder) for folder in document.image_folders)]
    try:
        return pypandoc.convert_text(
            document.markdown,
            writer,
            format=_READER,
            extra_args=[
                f"--template=template/{template}",
                "--metadata-file=metadata.json",
                "--number-sections",
                "--bibliography=template/references.bib",
                "--csl=template/numeric.csl",
                "--lua-filter=template/filter.lua",
                "--citeproc",
                f"--resource-path={os.pathsep.join(folders)}",
                "--fail-if-warnings",
                *options,
            ],
            cworkdir=str(work),
        )
    except RuntimeError as error:
        raise BindingError(f"pandoc could not make {writer} of the notebooks: {error}") from error


def _metadata(document: Document) -> dict:
    """Return the title page for pandoc, escaped because pandoc reads metadata as Markdown."""
    texts = {
        "lang": "en",
        "title": escape_markdown(document.title),
        "subtitle": escape_markdown(document.subtitle),
        "author": [escape_markdown(author) for author in document.authors],
        "date": escape_markdown(document.date),
        "made-from": [
            {"name": escape_markdown(name), "value": escape_markdown(value)}
            for name, value in document.made_from
        ],
        "link-citations": True,
        "abstract": document.abstract,
    }
    if document.notice:
        texts["notice"] = escape_markdown(document.notice)
    return texts
