"""Every seed of a study, derived from the study's one seed.

``numpy.random.SeedSequence(study_seed, spawn_key=(stream, ...))``: streams are named, never renumbered and never
reused, so adding one later changes no existing study.
Source: M. E. O'Neill's seed_seq alternative as implemented by NumPy's ``SeedSequence``.
"""

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.random import Generator, SeedSequence


class Stream(IntEnum):
    """What a seed is for. The numbers are part of every recorded study."""

    SPLITS = 0
    STRATEGY = 1
    TRIAL = 2
    TEST_SET = 3


def sequence(study_seed: int, stream: Stream, *key: int) -> "SeedSequence":
    """The seed sequence of one stream, for example ``(Stream.TRIAL, trial, fold)``."""
    from numpy.random import SeedSequence

    return SeedSequence(study_seed, spawn_key=(int(stream), *key))


def generator(study_seed: int, stream: Stream, *key: int) -> "Generator":
    """A fresh PCG64 generator of one stream."""
    from numpy.random import PCG64, Generator

    return Generator(PCG64(sequence(study_seed, stream, *key)))


def integer_seed(study_seed: int, stream: Stream, *key: int) -> int:
    """One 32-bit seed of a stream, as ``random_state`` parameters take it. Range: 0 to 2**32 - 1."""
    return int(sequence(study_seed, stream, *key).generate_state(1)[0])


def trial_seed(study_seed: int, trial: int) -> int:
    """The seed shown for a trial."""
    return integer_seed(study_seed, Stream.TRIAL, trial)


def fold_seed(study_seed: int, trial: int, fold: int) -> int:
    """The seed everything random in one fold of one trial starts from."""
    return integer_seed(study_seed, Stream.TRIAL, trial, fold)
