"""The kernel of the linear algebra library that NumPy computes with."""

from collections.abc import MutableMapping
from pathlib import Path

CPU_FACTS = Path("/proc/cpuinfo")
VARIABLE, KERNEL, NEEDED = "OPENBLAS_CORETYPE", "Haswell", "avx2"


def pin_kernel(environment: MutableMapping[str, str], cpu_facts: Path = CPU_FACTS) -> None:
    """Have OpenBLAS compute with the kernel that the article's logistic regression comes out with.

    Left to itself it takes the newest that the CPU has, and that model, which stops short of its
    optimum, changes with it. A kernel that the CPU lacks would crash, so there it stays unpinned.
    What a user has set stays too. It holds for processes that import NumPy afterwards.
    """
    if cpu_facts.exists() and NEEDED in cpu_facts.read_text():
        environment.setdefault(VARIABLE, KERNEL)
