"""The network in Keras, and how it is fed and trained, independent of any experiment."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
