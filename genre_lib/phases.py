"""The ways to train and test that are compared."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Phase:
    """One way to train and test.

    Parameters
    ----------
    name : str
        ``"normal"``, ``"l2-0.001"``, ``"accumulation"``.
    l2 : float
        Weight of the L2 penalty on the kernels of the residual blocks.
    accumulates : bool
        Train on accumulated gradients.
    protocol : str
        Which tracks take part, and what keeps them apart: one of `genre_lib.profiles.PROTOCOLS`.
    l2_reading : {"sum", "mean"}
        How the penalty is read; see `genre_lib.resnet1d.build_resnet1d`.
    whole_batch : bool
        Train on the batches of the accumulation phase in one piece, in memory that rematerialised
        residual blocks make enough.
    normalization : {"batch", "group"}
        As for `genre_lib.resnet1d.build_resnet1d`.
    bn_momentum : float, optional
        In place of the profile's.
    reestimates : bool
        Estimate the statistics of batch normalisation anew before each validation.
    patience_in_updates : bool
        Wait for as many updates as the normal phase does, and not for as many epochs.
    """

    name: str
    l2: float = 0.0
    accumulates: bool = False
    protocol: str = "original"
    l2_reading: str = "sum"
    whole_batch: bool = False
    normalization: str = "batch"
    bn_momentum: float | None = None
    reestimates: bool = False
    patience_in_updates: bool = False


_KERAS_MOMENTUM = 0.99

NORMAL = Phase("normal")
ACCUMULATION = Phase("accumulation", accumulates=True)


def l2_phase(weight):
    """Return the L2 phase with a penalty of this weight (lambda)."""
    return Phase(f"l2-{weight:g}", l2=weight)


def protocol_phase(protocol):
    """Return the normal phase under a protocol; that of the original is `NORMAL` itself."""
    if protocol == "original":
        return NORMAL
    return Phase(f"normal-{protocol.replace('_', '-')}", protocol=protocol)


def phases(profile):
    """List the phases of the original: normal, L2 with each weight, accumulation."""
    return [NORMAL, *(l2_phase(weight) for weight in profile.l2_lambdas), ACCUMULATION]


def variant_phases(profile):
    """List the variants that a profile asks for: each changes one thing, to explain a result.

    Parameters
    ----------
    profile : Profile

    Returns
    -------
    dict of str to list of Phase
        By the names in `Profile.variants`.
    """
    strongest = sorted(profile.l2_lambdas)[-1:]  # none, where the profile has no L2 phase
    momentum = 0.9 if profile.bn_momentum == _KERAS_MOMENTUM else _KERAS_MOMENTUM
    both = (NORMAL, ACCUMULATION)
    known = {
        "l2-mean": [
            Phase(f"l2-mean-{weight:g}", l2=weight, l2_reading="mean") for weight in strongest
        ],
        "whole-batch": [Phase(f"batch-{profile.accumulated_batch_size}", whole_batch=True)],
        "group-norm": [_vary(ACCUMULATION, "group-norm", normalization="group")],
        "momentum": [_vary(p, f"momentum-{momentum:g}", bn_momentum=momentum) for p in both],
        "statistics": [_vary(p, "statistics", reestimates=True) for p in both],
        "patience": [_vary(ACCUMULATION, "patience", patience_in_updates=True)],
    }
    return {name: known[name] for name in profile.variants}


def _vary(phase, name, **changes):
    return dataclasses.replace(phase, name=f"{phase.name}-{name}", **changes)
