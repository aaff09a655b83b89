# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["notebook-only"]
# # 2. Construct the model
#
# <a href="https://colab.research.google.com/github/"><img src="https://colab.research.google.com/assets/colab-badge.svg" alt="Open in Colab"></a>
#
# **What you will do.** Build the residual network layer by layer, count its parameters, and send a
# segment through it.
#
# **What you will learn.** What a residual block is and what a shortcut does when the number of
# filters changes; why the input needs at least 59 049 samples; which choices the original left open.
#
# **What you need.** Only this notebook; it takes a few seconds.

# %% tags=["notebook-only"]
import sys

if "google.colab" in sys.modules:  # get this project, and what Colab lacks of what it needs
    import shlex
    import tomllib
    from pathlib import Path

    repository = ""  # the address that you would `git clone`
    assert repository, "put the address of this project between the quotes above"
    # !test -d genre || git clone -q --depth 1 "{repository}" genre
    project = tomllib.loads(Path("genre/pyproject.toml").read_text())["project"]
    needs = shlex.join(project["dependencies"])
    # %pip install -q {needs}
    sys.path.insert(0, str(Path("genre").absolute()))

# %% tags=["parameters"]
profile = None  # a name, such as "laptop", or a TOML file; by default $GENRE_PROFILE, or "demo"
data = None  # a folder of audio or of published results; by default $GENRE_DATA, or the demo corpus

# %% [markdown]
# # Architecture
#
# ## Convolutional neural network
#
# The network is the one-dimensional residual network of
# [Allamy and Koerich (2021)](https://doi.org/10.1109/SSCI50451.2021.9659979), as the original report
# describes it. A first convolution of stride 3 reads the waveform; nine residual
# blocks, each followed by max-pooling by three, shorten it step by step while the number of filters
# grows; a last convolution and a softmax layer name the genre. Convolutions extract features; pooling
# keeps the strongest and widens the receptive field of the next layer. After ten divisions by three, a
# segment of 110 250 samples has become one vector of 512 features.

# %%
from genre_lib.display import show_figure, show_source, show_table, show_text
from genre_lib.network import build_resnet1d, list_layers

model = build_resnet1d()
show_table(
    list_layers(model),
    "The layers of the network (without batch normalisations and activations outside the blocks); the "
    "parameters include those of batch normalisation that are not trained.",
    formats={"filters": "{:.0f}", "kernel": "{:.0f}", "pool": "{:.0f}", "parameters": "{:,}"},
)

# %%
import math

trainable = sum(math.prod(variable.shape) for variable in model.trainable_variables)
show_text(
    f"The network has **{trainable:,} trainable parameters**; the original reports 4,086,794 "
    "(quoted). Only this reading of the table gives that number: the shortcut has a convolution and "
    "a batch normalisation exactly where the number of filters changes, every convolution has a "
    "bias, and the first and the last convolution are followed by batch normalisation."
)

# %% [markdown]
# ## ResNet
#
# A deep plain network can be hard to train even if a shallow one is not. A residual block
# ([He et al., 2016](https://doi.org/10.1109/CVPR.2016.90)) learns what to *add* to its input instead of how to replace it: a shortcut skips two convolutions with
# batch normalisation ([Ioffe and Szegedy, 2015](https://proceedings.mlr.press/v37/ioffe15.html)), the two paths are summed, and a leaky ReLU
# follows. If the number of filters changes, the two cannot be summed directly; the shortcut then has a
# convolution of kernel size 1 and a batch normalisation of its own.

# %%
from genre_lib.figures import residual_block

show_figure(residual_block(), "The residual block, as the original describes it.")

# %% [markdown]
# In code, the block is two methods of a Keras layer: the first half, up to the activation, and the
# second half, which adds the shortcut and pools. (These are the lines that the library runs.)

# %%
from genre_lib.network import Res1D

show_source(Res1D.first_half, Res1D.second_half)

# %% [markdown]
# The network takes the samples as 16-bit integers and scales them itself, on the device. Until then
# they take a quarter of the memory of double precision, and half that of single precision.

# %%
import numpy as np

segment = np.zeros((1, 110_250), dtype=np.int16)
probabilities = model.predict(segment, verbose=0)
print("input", segment.shape, segment.dtype, "-> output", probabilities.shape, probabilities.dtype)

# %% [markdown]
# An input that is too short for the pooling layers is refused, not silently padded:

# %% tags=["keep-output"]
try:
    build_resnet1d(input_samples=22_050)
except ValueError as error:
    print(error)

# %% [markdown]
# # Choices
#
# The original followed the paper as far as it could, and made its own choices where the paper is silent
# or memory was short. We follow the original; where *it* is silent, we state our choice.
#
# ## Decisions
#
# - **Optimizer and loss**, as in the original: Adam
#   ([Kingma and Ba, 2015](https://arxiv.org/abs/1412.6980)) and sparse categorical cross-entropy.
# - **Early stopping**, as in the original: training ends after five epochs without a lower validation
#   loss. Our choice: the weights of the best epoch are kept, not those of the last.
# - **Shorter tracks**, as in the original: what remains after the last whole segment is dropped.
# - **Shortcut**, as in the original: convolution and batch normalisation where the number of filters
#   changes.
# - **Leaky ReLU**: the original gives no slope. We use 0.3, the default of the Keras layer.
# - **Batch normalisation**: the original gives no momentum, so it was Keras' default of 0.99. After a
#   hundred updates, the initial values then still make up a third of the moving statistics, which
#   matters if an epoch has few updates. The table below gives the momentum used here.

# %% tags=["nbval-ignore-output"]
from genre_lib.results import original
from genre_lib.workspace import choose_profile

profile = choose_profile(profile, data)
show_table(
    original.describe_profile(profile),
    f"The profile *{profile.name}*, and what the original reports.",
)

# %% [markdown]
# ## Limitations
#
# The original ran on Colab with 12 GB of memory: 21 000 segments of 110 250 values did not fit, the
# partitions were loaded by hand, three at a time, and the batch size had to shrink from 80 to 32. These
# limits are gone. The samples are stored once, as 16-bit integers in a memory-mapped file (1.3 GB for
# all of GTZAN), a segment is a view of that file, and only the current batch is in memory.
#
# What limits this report is time. The profile sets the number of filters and of rotations, and each
# result names the runs that it was computed from.

# %% [markdown] tags=["notebook-only"]
# ## References
#
# - Safaa Allamy and Alessandro Lameiras Koerich, “1D CNN Architectures for Music Genre Classification,” *2021 IEEE Symposium Series on Computational Intelligence (SSCI)*, pp. 1–7, IEEE, 2021. arXiv:2105.07302. <https://doi.org/10.1109/SSCI50451.2021.9659979>.
# - Kaiming He, Xiangyu Zhang, Shaoqing Ren, and Jian Sun, “Deep Residual Learning for Image Recognition,” *2016 IEEE Conference on Computer Vision and Pattern Recognition (CVPR)*, pp. 770–778, IEEE, 2016. <https://doi.org/10.1109/CVPR.2016.90>.
# - Sergey Ioffe and Christian Szegedy, “Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift,” *Proceedings of the 32nd International Conference on Machine Learning*, 37, pp. 448–456, PMLR, 2015. <https://proceedings.mlr.press/v37/ioffe15.html>.
# - Diederik P. Kingma and Jimmy Ba, “Adam: A Method for Stochastic Optimization,” *3rd International Conference on Learning Representations (ICLR)*, 2015. arXiv:1412.6980. <https://arxiv.org/abs/1412.6980>.
