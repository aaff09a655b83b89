"""A static site of published results, with reports that nobody rendered."""

import re
import shutil

import pytest
from pages import Page

from genre_lib.binding.site import make_site
from genre_lib.files import ROOT
from genre_lib.results.headline import summarize
from genre_lib.workspace import PublicationError, open_published


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    shutil.copytree(ROOT / "report" / "published" / "gtzan_four", folder / "four & more")
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


def test_the_index_has_the_accuracies_of_each_publication(site, results):
    page = Page((site / "index.html").read_text())
    rows = summarize(open_published(results / "four & more")).rows
    assert len(rows) >= 5
    for name, row in rows.iterrows():
        segments = "-" if row["segments"] is None else row["segments"]  # of a baseline
        assert f"{name} {segments} {row['tracks']} {row['test tracks']}" in page.text
    assert "400 tracks of 4 genres (blues, classical, country, metal)" in page.text
    assert "profile laptop" in page.text
    assert "four & more" in page.text


def test_every_link_leads_to_a_page_of_the_site_and_nothing_is_loaded(site):
    pages = sorted(site.rglob("*.html"))
    assert [path.relative_to(site).as_posix() for path in pages][-1] == "index.html"
    assert len([path for path in pages if "networks" in path.parts]) >= 1
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


def test_a_model_card_is_a_page_without_its_yaml_beside_its_network(site, results):
    card = next((results / "four & more" / "networks").glob("*/README.md"))
    folder = site / card.parent.relative_to(results)
    page = Page((folder / "index.html").read_text())
    assert re.search("^# (.+)", card.read_text(), flags=re.MULTILINE)[1] in page.text
    assert "library_name" in card.read_text()
    assert "library_name" not in page.text
    assert page.count("td") > 4
    assert "prefers-color-scheme: dark" in page.markup
    network = "model.keras"
    assert (folder / network).read_bytes() == (card.parent / network).read_bytes()


def test_the_published_results_stay_as_they_are(site, results):
    assert open_published(results / "four & more").profile.name == "laptop"
    assert not list(results.rglob("*.html"))


def test_a_folder_without_results_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(PublicationError, match="contains no published results"):
        make_site(tmp_path, tmp_path / "site")
    assert not list(tmp_path.iterdir())
