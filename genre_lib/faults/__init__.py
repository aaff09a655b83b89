"""What is wrong with a corpus: published faults, and detectors that find them untold."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
