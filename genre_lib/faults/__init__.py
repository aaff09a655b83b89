"""Find what is wrong with a corpus: detectors, and a catalogue of GTZAN's published faults."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
