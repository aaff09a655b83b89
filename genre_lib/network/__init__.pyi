from .accumulation import GradientAccumulationModel as GradientAccumulationModel
from .batch_statistics import ReestimatedStatistics as ReestimatedStatistics
from .batch_statistics import compare_statistics as compare_statistics
from .batches import SegmentBatches as SegmentBatches
from .devices import find_device as find_device
from .resnet1d import Res1D as Res1D
from .resnet1d import build_resnet1d as build_resnet1d
from .resnet1d import list_layers as list_layers
