"""The linear algebra kernel of the article's numbers is pinned where the CPU has it."""

import pytest

from livermet.kernels import pin_kernel


@pytest.mark.parametrize(
    ("flags", "before", "after"),
    [
        ("flags : sse4_2 avx avx2 avx512f", {}, {"OPENBLAS_CORETYPE": "Haswell"}),
        ("flags : sse4_2 avx", {}, {}),
        (None, {}, {}),
        ("flags : avx2", {"OPENBLAS_CORETYPE": "Zen"}, {"OPENBLAS_CORETYPE": "Zen"}),
    ],
)
def test_the_kernel_is_pinned_where_the_cpu_has_it_and_nobody_chose_another(
    tmp_path, flags, before, after
):
    facts = tmp_path / "cpuinfo"
    if flags:
        facts.write_text(flags)
    pin_kernel(before, facts)
    assert before == after
