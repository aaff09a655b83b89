"""A static site of published results, with reports that nobody rendered."""

import re
import shutil

import pytest
from pages import Page

from genre_lib.binding.site import make_site
from genre_lib.files import ROOT
from genre_lib.workspace import PublicationError, open_published

CARD = """---
license: mit
---
# A network for four genres

Trained on [some results](../../report.pdf) without *artists* on both sides.

| genre | recall |
| --- | --- |
| blues | 80% |
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    shutil.copytree(ROOT / "report" / "published" / "gtzan_four", folder / "four & more")
    card = folder / "four & more" / "networks" / "normal-1" / "README.md"
    card.parent.mkdir(parents=True)
    card.write_text(CARD)
    (card.parent / "model.keras").write_bytes(b"weights")
    return folder


@pytest.fixture(scope="module")
def site(results, tmp_path_factory):
    """The folder of the site."""

    def make_report(profile, data, out):
        out.mkdir(parents=True)
        page = '<body>\n<header class="title-page">\n<h1>Report</h1>\n</header>'
        (out / "report.html").write_text(page)
        (out / "report.pdf").write_bytes(b"%PDF")
        return out / "report.html", out / "report.pdf"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genre_lib.binding.site.make_report", make_report)
        return make_site(results, tmp_path_factory.mktemp("build") / "site").parent


def test_the_index_has_the_accuracies_of_each_publication(site):
    page = Page((site / "index.html").read_text())
    assert "400 tracks of 4 genres (blues, classical, country, metal)" in page.text
    assert "profile laptop" in page.text
    assert re.search(r"normal 77\.2% \[[^]]+\] 83\.6% \[[^]]+\] 134 L2", page.text)
    assert "four & more" in page.text


def test_every_link_leads_to_a_page_of_the_site_and_nothing_is_loaded(site):
    pages = sorted(site.rglob("*.html"))
    names = {path.relative_to(site).as_posix() for path in pages}
    card = "four & more/networks/normal-1/index.html"
    assert names == {"index.html", "four & more/index.html", card}
    reached = set()
    for path in pages:
        page = Page(path.read_text())
        assert not [tag for tag, _ in page.tags if tag in ("script", "link", "iframe")]
        assert not re.findall(r"url\(|@import", page.markup)
        addresses = [attributes.get("href", "") for tag, attributes in page.tags if tag == "a"]
        for address in addresses:
            if not address.startswith("#"):
                target = (path.parent / address.replace("%20", " ")).resolve()
                assert target.is_file(), address
                reached.add(target)
        assert all(a["src"].startswith("data:") for _, a in page.tags if "src" in a)
    assert {*pages, site / "four & more" / "report.pdf"} <= reached


def test_a_model_card_is_a_page_without_its_yaml_beside_its_network(site):
    folder = site / "four & more" / "networks" / "normal-1"
    page = Page((folder / "index.html").read_text())
    assert "A network for four genres four & more" in page.text
    assert "license" not in page.text
    assert page.count("td") == 2
    assert "prefers-color-scheme: dark" in page.markup
    assert (folder / "model.keras").read_bytes() == b"weights"


def test_the_published_results_stay_as_they_are(site, results):
    assert open_published(results / "four & more").profile.name == "laptop"
    assert not list(results.rglob("*.html"))


def test_a_folder_without_results_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(PublicationError, match="contains no published results"):
        make_site(tmp_path, tmp_path / "site")
    assert not list(tmp_path.iterdir())
