"""ResNet1D in PyTorch, to measure against: `genre_lib.network.build_resnet1d`, layer by layer."""

import itertools

from torch import nn

# As in `genre_lib.network.resnet1d`, but not from there: that imports Keras, and PyTorch built for
# CUDA crashes when it shares a process with TensorFlow.
_FILTERS = (128, 128, 128, *[256] * 6, 512)
_SLOPE, _EPSILON = 0.3, 1e-3  # the defaults of Keras, as in the network


class TorchResNet1D(nn.Module):
    """ResNet1D for inputs of shape (batch, 1, 1, samples), in [-1, 1).

    A waveform is an image of height 1 here: PyTorch keeps channels last (which some devices like
    better) for images alone, and computes a one-dimensional convolution as one of an image anyway.
    Momentum is counted as in Keras.
    """

    def __init__(self, n_classes=10, width=1.0, bn_momentum=0.99):
        super().__init__()
        stem, *blocks = [max(1, round(count * width)) for count in _FILTERS]
        self.conv_in = nn.Conv2d(1, stem, (1, 3), stride=(1, 3))
        self.norm_in = _normalization(stem, bn_momentum)
        self.blocks = nn.ModuleList(
            _Residual(before, after, bn_momentum)
            for before, after in itertools.pairwise([stem, *blocks])
        )
        self.conv_out = nn.Conv2d(blocks[-1], blocks[-1], 1)
        self.norm_out = _normalization(blocks[-1], bn_momentum)
        self.output = nn.Linear(blocks[-1], n_classes)

    def forward(self, x):
        """Return the logits, of shape (batch, n_classes)."""
        x = _activate(self.norm_in(self.conv_in(x)))
        for block in self.blocks:
            x = nn.functional.max_pool2d(block(x), (1, 3))
        x = _activate(self.norm_out(self.conv_out(x)))
        return self.output(x.mean((2, 3)))


class _Residual(nn.Module):
    def __init__(self, before, after, bn_momentum):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, (1, 3), padding="same")
        self.norm1 = _normalization(after, bn_momentum)
        self.conv2 = nn.Conv2d(after, after, (1, 3), padding="same")
        self.norm2 = _normalization(after, bn_momentum)
        self.shortcut = nn.Identity()
        if before != after:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, after, 1), _normalization(after, bn_momentum)
            )

    def forward(self, x):
        inner = self.norm2(self.conv2(_activate(self.norm1(self.conv1(x)))))
        return _activate(inner + self.shortcut(x))


def _normalization(filters, bn_momentum):
    return nn.BatchNorm2d(filters, eps=_EPSILON, momentum=1 - bn_momentum)


def _activate(x):
    return nn.functional.leaky_relu(x, _SLOPE)
