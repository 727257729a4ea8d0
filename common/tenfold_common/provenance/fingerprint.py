"""What a machine is and what it holds: the facts a score may depend on, and their hash.

Two calls on the same machine give the same fingerprint: nothing in it changes from minute to minute.
"""

import os
import platform
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tenfold_common.domain.canonical import hash_of
from tenfold_common.domain.words import ContentHash, Json
from tenfold_common.provenance.software import software_versions

_FLAGS: Final = ("sse4_2", "avx", "avx2", "avx512f", "fma", "f16c", "asimd", "sve")
"""Processor features that numerical libraries choose their code by."""


def fingerprint(packages: Iterable[str] = ()) -> tuple[ContentHash, dict[str, Json]]:
    """The hash and the facts.

    Args:
        packages: Distributions whose versions matter besides those that always do.
    """
    facts = fingerprint_facts(packages)
    return hash_of(facts), facts


def fingerprint_facts(packages: Iterable[str] = ()) -> dict[str, Json]:
    """Hardware and software of this machine, as JSON data."""
    model, flags = _processor()
    return {
        "cpu": {
            "model": model,
            "architecture": platform.machine(),
            "cores": os.cpu_count() or 1,
            "flags": [flag for flag in _FLAGS if flag in flags],
        },
        "memory_bytes": _memory_bytes(),
        "gpus": list(_gpus()),
        "os": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "blas": _blas(),
        "packages": dict(software_versions(packages)),
    }


def _processor() -> tuple[str, frozenset[str]]:
    text = _read("/proc/cpuinfo").partition("\n\n")[0]
    lines = {
        key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())
    }
    model = lines.get("model name") or lines.get("hardware") or platform.processor() or platform.machine()
    flags = f"{lines.get('flags', '')} {lines.get('features', '')}"
    return model, frozenset(flags.split())


def _memory_bytes() -> int:
    import psutil

    return int(psutil.virtual_memory().total)


def _gpus() -> Iterable[dict[str, Json]]:
    """Name, memory, driver and compute capability of every NVIDIA device, where its library is installed."""
    try:
        import pynvml
    except ImportError:
        return
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return
    driver = _text(pynvml.nvmlSystemGetDriverVersion())
    for index in range(pynvml.nvmlDeviceGetCount()):
        device = pynvml.nvmlDeviceGetHandleByIndex(index)
        major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(device)
        yield {
            "name": _text(pynvml.nvmlDeviceGetName(device)),
            "memory_bytes": int(pynvml.nvmlDeviceGetMemoryInfo(device).total),
            "driver": driver,
            "compute_capability": f"{major}.{minor}",
        }


def _blas() -> Json:
    """Vendor and version of NumPy's linear algebra; null while NumPy is not loaded, which is not done here."""
    if "numpy" not in sys.modules:
        return None
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    found = {(str(pool["internal_api"]), str(pool["version"]), str(pool.get("architecture"))) for pool in pools}
    return [{"vendor": vendor, "version": version, "kernel": kernel} for vendor, version, kernel in sorted(found)]


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
