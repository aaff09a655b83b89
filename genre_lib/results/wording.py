"""Numbers and lists as English writes them."""


def count(number, noun):
    """Write a number of things: ``"1 track"``, ``"2 tracks"``, ``"no track"``."""
    return f"{number or 'no'} {noun}{'s' if number > 1 else ''}"


def join(parts):
    """Write a list: ``"a, b and c"``."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def among(number, total, nouns):
    """Write some of a number of things: ``"none of the 3 runs"``, ``"2 of the 3 runs"``."""
    if number == total:
        return f"both {nouns}" if total == 2 else f"all {total} {nouns}"
    return f"{number or 'none'} of the {total} {nouns}"
