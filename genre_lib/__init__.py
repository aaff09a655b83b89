"""Music genres from raw waveforms: the library behind the report.

Names are loaded when they are first used, so that importing the package is quick and imports
neither Keras nor one of its backends.
"""

import importlib
import os
import tempfile
import warnings

import lazy_loader
import wrapt

from genre_lib.startup import quieten_tensorflow

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

# TensorFlow has the convolutions of oneDNN, but by default uses them on the newest processors only.
# Others train 1.3 to 2 times as fast with them. TensorFlow reads this when it is imported, which is
# why the notebooks import Keras after this package.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
quieten_tensorflow()

# In a container, nobody may have a home, and the environment may be read-only: then numba finds no
# place for what it compiles, nor Jupyter for its connections, and both fail.
_home = os.path.expanduser("~")  # noqa: PTH111 (Path.home() would fail, too)
if not (os.access(_home, os.W_OK) or "XDG_CACHE_HOME" in os.environ):
    _caches = tempfile.TemporaryDirectory(prefix="genre_lib-")
    for _kind in ("CACHE", "CONFIG", "DATA"):
        os.environ.setdefault(f"XDG_{_kind}_HOME", _caches.name)

# pooch and cleanlab ask for progress bars made of widgets, which warn in red if not installed.
warnings.filterwarnings("ignore", "IProgress not found")


@wrapt.when_imported("keras")
def _prepare(keras):
    if keras.backend.backend() == "jax":
        importlib.import_module("genre_lib.network.allocation").keep_memory()
    # Keras can load a kept network only if its layers are registered, which importing them does.
    importlib.import_module("genre_lib.network.resnet1d")
    importlib.import_module("genre_lib.network.accumulation")
