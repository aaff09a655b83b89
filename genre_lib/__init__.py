"""Music genres from raw waveforms: the library behind the report.

Names are loaded when they are first used, so that importing the package is quick and imports
neither Keras nor one of its backends.
"""

import atexit
import gc
import importlib
import os
import tempfile
import warnings

import lazy_loader
import wrapt

from genre_lib.startup import quieten_tensorflow

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

# TensorFlow includes the convolutions of oneDNN, but by default uses them only on the newest
# processors. Others train 1.3 to 2 times as fast with them. TensorFlow reads this variable when it
# is imported, so the notebooks import Keras after this package.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
quieten_tensorflow()

# In a container, there may be no home folder, and the environment may be read-only: then numba
# finds no place for compiled code, nor Jupyter for its connections, and both fail.
_home = os.path.expanduser("~")  # noqa: PTH111 (Path.home() would fail, too)
if not (os.access(_home, os.W_OK) or "XDG_CACHE_HOME" in os.environ):
    _caches = tempfile.TemporaryDirectory(prefix="genre_lib-")
    for _kind in ("CACHE", "CONFIG", "DATA"):
        os.environ.setdefault(f"XDG_{_kind}_HOME", _caches.name)

# At its end, Python would search all that TensorFlow has loaded for garbage, for a second or more.
atexit.register(gc.freeze)

# pooch and cleanlab ask for widget progress bars, which warn in red if widgets are not installed.
warnings.filterwarnings("ignore", "IProgress not found")


@wrapt.when_imported("keras")
def _prepare(keras):
    if keras.backend.backend() == "jax":
        importlib.import_module("genre_lib.network.allocation").keep_memory()
    # Keras can load a kept network only if its classes are registered; importing them does that.
    for module in ("resnet1d", "accumulation", "adam"):
        importlib.import_module(f"genre_lib.network.{module}")
