"""What a machine is and what it holds: the facts a score may depend on, and their hash.

Two calls on the same machine give the same fingerprint: nothing in it changes from minute to minute.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

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
        "gpus": _gpus(),
        "os": f"{platform.system()} {platform.release()}",
        "libc": " ".join(platform.libc_ver()).strip(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "blas": _blas(),
        "packages": dict(software_versions(packages)),
    }


def _processor() -> tuple[str, frozenset[str]]:
    text = _read("/proc/cpuinfo").partition("\n\n")[0]
    lines = {
        key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())
    }
    flags = f"{lines.get('flags', '')} {lines.get('features', '')}"
    return _model(lines), frozenset(flags.split())


def _model(lines: Mapping[str, str]) -> str:
    """The processor's name; on Linux on ARM only its maker's and its own number."""
    named = lines.get("model name") or lines.get("hardware")
    if named is None and "cpu implementer" in lines:
        named = f"implementer {lines['cpu implementer']} part {lines.get('cpu part', '?')}"
    if named is None and sys.platform == "darwin":
        asked = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        named = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    return named or platform.processor() or platform.machine()


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError):  # Windows
        import psutil

        return int(psutil.virtual_memory().total)


def _gpus() -> list[Json]:
    """Name, memory, driver and compute capability of every NVIDIA device, where its library is installed."""
    try:
        import pynvml
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        return [_gpu(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError as error:  # a machine whose driver is ill must still be able to say what it is
        return [{"unreadable": str(error)}]
    finally:
        pynvml.nvmlShutdown()


def _gpu(nvml: Any, index: int) -> dict[str, Json]:  # Any: the library ships no types
    device = nvml.nvmlDeviceGetHandleByIndex(index)
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(device)
    return {
        "name": _text(nvml.nvmlDeviceGetName(device)),
        "memory_bytes": int(nvml.nvmlDeviceGetMemoryInfo(device).total),
        "driver": _text(nvml.nvmlSystemGetDriverVersion()),
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
