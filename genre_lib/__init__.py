"""Music genres from raw waveforms: the library behind the report.

The public names are loaded when they are first used, so that importing the package is quick and
imports neither Keras nor one of its backends.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "audio": ["SAMPLE_RATE", "AudioError", "read_audio"],
        "corpus": ["CorpusError", "fingerprint", "genre_names", "load_corpus", "usable"],
        "resnet1d": ["Res1D", "build_resnet1d"],
    },
)
