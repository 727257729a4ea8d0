"""Seeds are part of every recorded study: these values may never change."""

import subprocess
import sys

from tenfold_common.domain.seeds import Stream, fold_seed, generator, integer_seed, trial_seed

RECORDED_TRIAL_SEEDS = [1587909317, 2587068805, 2848154552]
RECORDED_SPLIT_SEED = 2684470948


def test_seeds_are_numpys_seed_sequence_with_the_documented_spawn_key() -> None:
    """Anyone with NumPy can recompute a trial's seed."""
    from numpy.random import SeedSequence

    assert trial_seed(42, 7) == int(SeedSequence(42, spawn_key=(2, 7)).generate_state(1)[0])
    assert fold_seed(42, 7, 3) == int(SeedSequence(42, spawn_key=(2, 7, 3)).generate_state(1)[0])


def test_recorded_seeds_stay_what_they_were() -> None:
    """A change here would break the replay of every study ever run."""
    assert [trial_seed(42, number) for number in range(3)] == RECORDED_TRIAL_SEEDS
    assert integer_seed(42, Stream.SPLITS) == RECORDED_SPLIT_SEED
    assert [int(x) for x in Stream] == [0, 1, 2, 3]


def test_streams_do_not_share_numbers() -> None:
    """The folds of a study tell nothing about the points it tries."""
    draws = {stream: generator(1, stream, 5).random() for stream in Stream}
    assert len(set(draws.values())) == len(Stream)


def test_importing_the_domain_imports_nothing_heavy() -> None:
    """``tenfold --help`` reaches these modules."""
    code = (
        "import sys, tenfold, tenfold_common.ports, tenfold_common.settings, tenfold_common.domain.seeds;"
        "heavy = {'numpy', 'scipy', 'sklearn', 'pandas', 'sqlalchemy', 'celery', 'redis', 'skopt', 'pyarrow'};"
        "bad = heavy & set(sys.modules);"
        "sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
