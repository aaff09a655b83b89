"""How fast it is, and against what: ``python -m genre_lib benchmark``."""
