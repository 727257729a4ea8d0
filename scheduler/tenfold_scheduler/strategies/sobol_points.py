"""Scrambled Sobol points, any of them directly by its index.

The points are computed with integers only, so they are the same on every processor and with every version of NumPy or
SciPy: a study's points depend on Tenfold alone. (It also spares the second that importing ``scipy.stats`` takes.)

Sources: I. M. Sobol (1967); gray-code order, I. A. Antonov and V. M. Saleev (1979); direction numbers: see
:mod:`~tenfold_scheduler.strategies.direction_numbers`; scrambling: B. Burley, "Practical hash-based Owen scrambling",
J. Computer Graphics Techniques 9 (2020) no. 4, with the hash constants of N. Vegdahl (2021).
"""

import numpy as np
from numpy.typing import NDArray

from tenfold_common.domain.seeds import Stream, generator, sequence
from tenfold_scheduler.strategies.direction_numbers import DIMENSIONS, directions
from tenfold_scheduler.strategies.memo import remembered

_BITS = 32
_HASH = (0x6C50B47C, 0xB82F1E52, 0xC7AFE638, 0x8D22F6E6)

Words = NDArray[np.uint32]
Units = NDArray[np.float64]


@remembered(8)
def scrambled_sobol(dimensions: int, seed: int) -> "ScrambledSobol":
    """The scrambled sequence of one study."""
    return ScrambledSobol(dimensions, seed)


class ScrambledSobol:
    """One scrambled Sobol sequence.

    Args:
        dimensions: Coordinates per point. Those after the 128th are plain seeded random numbers: low discrepancy in
            so many dimensions would need far more points than any study has.
        seed: The study's seed; the scrambling derives from its strategy stream.
    """

    def __init__(self, dimensions: int, seed: int) -> None:
        self._dimensions, self._seed = dimensions, seed
        exact = min(dimensions, DIMENSIONS)
        self._directions = direction_matrix(exact)
        self._keys: Words = sequence(seed, Stream.STRATEGY).generate_state(exact).astype(np.uint32)

    def points(self, first: int, count: int) -> Units:
        """Points ``first`` to ``first + count - 1`` of the sequence, shape (count, dimensions), inside (0, 1)."""
        words = owen_scrambled(sobol_words(self._directions, first, count), self._keys)
        exact = (words.astype(np.float64) + 0.5) / 2.0**_BITS
        rest = self._dimensions - exact.shape[1]
        if rest == 0:
            return exact
        rows = [generator(self._seed, Stream.STRATEGY, index).random(rest) for index in range(first, first + count)]
        return np.hstack([exact, np.array(rows).reshape(count, rest)])


def direction_matrix(dimensions: int) -> Words:
    """Direction numbers as 32-bit words, shape (32, dimensions): row k belongs to bit k of the gray code.

    Bratley and Fox, "Algorithm 659" (1988), equation 4: m_i is the exclusive-or of 2^k a_k m_{i-k} over the
    coefficients a_k of the primitive polynomial, and of m_{i-s}.
    """
    matrix = np.zeros((_BITS, dimensions), dtype=np.uint32)
    for dimension in range(dimensions):
        numbers = _numbers(dimension)
        matrix[:, dimension] = [number << (_BITS - 1 - k) for k, number in enumerate(numbers)]
    return matrix


def _numbers(dimension: int) -> list[int]:
    if dimension == 0:
        return [1] * _BITS
    polynomial, initial = directions(dimension)
    degree = len(initial)
    numbers = list(initial)
    while len(numbers) < _BITS:
        new = numbers[-degree]
        for k in range(1, degree + 1):
            if polynomial >> (degree - k) & 1:
                new ^= numbers[-k] << k
        numbers.append(new)
    return numbers


def sobol_words(matrix: Words, first: int, count: int) -> Words:
    """Unscrambled points ``first`` to ``first + count - 1`` as 32-bit fractions, shape (count, dimensions)."""
    index = np.arange(first, first + count, dtype=np.uint32)
    gray = index ^ (index >> np.uint32(1))
    words = np.zeros((count, matrix.shape[1]), dtype=np.uint32)
    for bit, row in enumerate(matrix):
        words ^= np.where((gray >> np.uint32(bit) & np.uint32(1))[:, None] == 1, row[None, :], np.uint32(0))
    return words


def owen_scrambled(words: Words, keys: Words) -> Words:
    """Nested uniform scrambling of each column with its own key.

    Every binary digit is flipped depending on the key and on the digits before it only, which keeps the equal
    distribution of Sobol's points over binary boxes.
    """
    x = _reversed_bits(words) + keys[None, :]
    for constant in _HASH:
        x ^= x * np.uint32(constant)
    return _reversed_bits(x)


def _reversed_bits(words: Words) -> Words:
    x = words
    for shift, mask in ((1, 0x55555555), (2, 0x33333333), (4, 0x0F0F0F0F), (8, 0x00FF00FF)):
        step, kept = np.uint32(shift), np.uint32(mask)
        x = ((x >> step) & kept) | ((x & kept) << step)
    return (x >> np.uint32(16)) | (x << np.uint32(16))
