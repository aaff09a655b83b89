"""What no computed sentence may contain."""

import re

_ONES = "runs|tracks|segments|pairs|labels|phases|genres|suspects|rotations|points"
_BAD = re.compile(
    r"\b(?:nan|None|NaT)\b|\[\]|\{|\}|\(\)|\s[,.;]|[:;,]\s*[.;,]|:\s*$|\.\.|\b(\w+) \1\b"
    r"|\b0 (?:of|labels|tracks|runs|pairs)\b|\bof the [01] |\bno (?:runs|tracks)\b"
    rf"|(?<![\d.])1 (?:{_ONES})\b"
)


def assert_reads(text):
    """Assert that a text is whole sentences: no count of nothing, no plural of one, no gap."""
    found = _BAD.search(text)
    assert not found, f"{found[0]!r} in {text!r}"
    assert text == text.strip() and "  " not in text
    assert not text or text.endswith((".", ".)")), text
