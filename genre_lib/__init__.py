"""Music genres from raw waveforms: the library behind the report.

The public names are loaded when they are first used, so that importing the package is quick and
imports neither Keras nor one of its backends.
"""

import os

import lazy_loader

# TensorFlow has the convolutions of oneDNN and takes them by itself on the newest processors alone.
# Others train 1.3 to 2 times as fast with them. It reads this when it is first imported, which is
# why the notebooks import Keras after this package.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "accumulation": ["GradientAccumulationModel"],
        "audio": ["SAMPLE_RATE", "AudioError", "read_audio"],
        "batches": ["SegmentBatches"],
        "corpus": ["CorpusError", "fingerprint", "genre_names", "load_corpus", "usable"],
        "demo_corpus": ["make_demo_corpus"],
        "evaluation": ["accuracy", "aggregate", "confusion", "mcnemar", "pool"],
        "experiment": ["fit_run"],
        "partitions": ["Rotation", "make_partitions", "rotations"],
        "profiles": ["DEMO", "LAPTOP", "PAPER", "SMOKE", "Profile", "get_profile"],
        "publication": ["PublicationError", "publish"],
        "published_workspace": ["open_published"],
        "resnet1d": ["Res1D", "build_resnet1d"],
        "phases": ["Phase"],
        "runs": ["Run", "RunResult", "load_run", "plan"],
        "scheduling": ["RunError", "fit_runs"],
        "segments": ["SegmentStore", "build_store", "segment_starts"],
        "workspace": ["Workspace", "open_workspace"],
    },
)
