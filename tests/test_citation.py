"""What the files for citation and the changelog say is what the project says elsewhere."""

import json
import re
import tomllib

import pypandoc
import pytest
import yaml
from citation import make_codemeta

from genre_lib.files import ROOT

CFF = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_citation_is_of_this_version_and_has_what_its_schema_requires():
    assert {"cff-version", "message", "title", "authors"} <= set(CFF)
    assert CFF["cff-version"] == "1.2.0"
    assert (CFF["version"], CFF["license"]) == (PROJECT["version"], PROJECT["license"])
    for author in CFF["authors"]:
        assert author["name"].removeprefix("The ") in (ROOT / "LICENSE").read_text()
    for work in CFF["references"]:
        assert {"type", "title", "authors"} <= set(work)


@pytest.mark.parametrize("key", ["allamy2021", "tzanetakis2002", "sturm2012", "sturm2013"])
def test_its_references_are_those_of_the_report(key):
    text = pypandoc.convert_file(ROOT / "report" / "references.bib", "csljson", format="bibtex")
    (work,) = (work for work in json.loads(text) if work["id"] == key)
    title = re.sub("<.*?>", "", work["title"]).lower()  # pandoc marks names, and lowers the rest
    (cited,) = (w for w in CFF["references"] if w["title"].strip().lower() == title)
    assert [a["family-names"] for a in cited["authors"]] == [a["family"] for a in work["author"]]
    assert cited["year"] == work["issued"]["date-parts"][0][0]
    assert cited.get("doi") == work.get("DOI")


def test_codemeta_is_made_from_the_citation():
    found = json.loads((ROOT / "codemeta.json").read_text(encoding="utf-8"))
    assert found == make_codemeta(), "call `make citation`"


def test_the_changelog_begins_with_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## \[([^]]+)\]", text, flags=re.MULTILINE)[0] == PROJECT["version"]
