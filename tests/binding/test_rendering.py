"""Markdown becomes a page that stands alone and a PDF, or an error that says why not."""

import re
import zlib

import pytest
from pages import TEMPLATES, TITLE_PAGE, Report

from genre_lib.binding.rendering import BindingError, Document, render_html, render_pdf

REFERENCES = "\n\n# References {.unnumbered}\n\n::: {#refs}\n:::\n"


@pytest.fixture
def render(tmp_path):
    """Render Markdown to a page and a PDF."""

    def render_document(markdown, template_dir=TEMPLATES, **changes):
        document = Document(markdown, **TITLE_PAGE | changes)
        return Report(*(f(document, template_dir, tmp_path) for f in (render_html, render_pdf)))

    return render_document


def test_citations_and_references(render):
    report = render("# A\n\nAs in [@sturm2012] and [@allamy2021; @sturm2012]." + REFERENCES)
    for content in (report.page.text, report.pdf_text):
        assert "As in [1] and [1], [2]" in content.replace("[1, 2]", "[1], [2]")
        assert "[1] Bob L. Sturm" in content
        assert "1D CNN Architectures for Music Genre Classification" in content
        assert "Group Normalization" not in content  # not cited


def test_every_reference_can_be_cited(render):
    keys = re.findall(r"@\w+\{(\w+),", (TEMPLATES / "references.bib").read_text(encoding="utf-8"))
    assert len(keys) == len(set(keys)) >= 16
    report = render("# A\n\n[" + "; ".join(f"@{key}" for key in keys) + "]" + REFERENCES)
    entries = [
        attrs["id"] for _, attrs in report.page.tags if "csl-entry" in attrs.get("class", "")
    ]
    assert sorted(entries) == sorted(f"ref-{key}" for key in keys)


def test_title_page(render):
    report = render("# A", notice="Only the demo corpus.", made_from=[("Profile", "smoke")])
    for content in (report.page.text, report.pdf_text):
        for part in ("Genres", "A report", "A. Student, B. Student", "1 May 2026", "smoke"):
            assert part in content
        assert "Only the demo corpus." in content
    assert "notice" not in [attrs.get("class") for _, attrs in render("# A").page.tags]


def contrast(one, other):
    """Return the contrast of two colours as WCAG 2 defines it; text needs 4.5."""

    def luminance(colour):
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        parts = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
        return sum(x * y for x, y in zip((0.2126, 0.7152, 0.0722), parts, strict=True))

    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def test_texts_of_the_page_are_legible_by_day_and_by_night(render):
    markup = render("# A").markup
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#\w+);", part))
        for part in markup.partition("prefers-color-scheme: dark")[::2]
    )
    assert light.keys() == dark.keys()
    grounds, edges = {"paper", "wash", "note"}, {"rule", "hair", "note-edge"}
    for colours in (light, dark):
        for name in colours.keys() - grounds - edges:
            assert contrast(colours[name], colours["paper"]) >= 4.5, name
            assert contrast(colours[name], colours["wash"]) >= 4.5, name
        assert contrast(colours["ink"], colours["note"]) >= 4.5


def test_a_name_in_another_script_is_set_in_an_installed_font(render, font_of_triangles):
    for genre, expected in {"rock": False, "中文": True}.items():
        pdf = render(f"# A\n\nThe genre {genre}.").pdf_path.read_bytes()
        streams = re.findall(rb"stream\r?\n(.*?)endstream", pdf, flags=re.DOTALL)
        texts = [zlib.decompressobj().decompress(s) for s in streams if s.startswith(b"x")]
        assert any(b"Triangles" in text for text in [pdf, *texts]) == expected


def test_characters_that_no_font_of_the_pdf_has_are_told(render):
    with pytest.warns(UserWarning, match=r"\N{CUNEIFORM SIGN AB} \(CUNEIFORM\): boxes"):
        render("# A\n\nThe genre \N{CUNEIFORM SIGN AB}.")


def test_latex_environments_become_formulas(render):
    source = "# A\n\n\\begin{align} a &= b \\\\ c &= \\mathbb{E}[x] \\end{align}\n\nand $\\hat{y}$."
    report = render(source)
    assert report.page.count("math") == 2
    assert "\N{MATHEMATICAL DOUBLE-STRUCK CAPITAL E}" in report.page.text
    assert "begin{align}" not in re.sub(
        r"<annotation.*?</annotation>", "", report.markup, flags=re.S
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("[@nobody1900]", "nobody1900"),
        ("![a](https://example.org/a.png)", "https://example.org/a.png is on the network"),
        ("![a](absent.png)", "absent.png"),
        ("$\\frac{a$", "frac"),
    ],
)
def test_what_cannot_be_rendered_is_named(render, source, message):
    with pytest.raises(BindingError, match=re.compile(message, re.DOTALL)):
        render(f"# A\n\n{source}")


def test_a_broken_image_is_named_by_typst(tmp_path, render):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    with pytest.raises(BindingError, match=re.compile("typst could not make the PDF.*image", re.S)):
        render("# A\n\n![a](broken.png)")


def test_a_file_of_the_template_that_is_absent_is_named(render, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"template\.html"):
        render("# A", template_dir=tmp_path)
