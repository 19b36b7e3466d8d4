"""Batches by their number, drawn by processes or without."""

import pytest

from livermet.batches import batches_from, loading_processes


class Squares:
    """Batch n is n times n."""

    def __getitem__(self, number):
        return {"square": number * number}


def test_two_threads_or_fewer_start_no_processes():
    assert [loading_processes(n) for n in (1, 2, 3, 12)] == [0, 0, 3, 12]


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_come_in_their_order_from_where_a_training_stands(workers):
    drawn = batches_from(Squares(), 3, 7, workers, pin_memory=False)
    assert [batch["square"] for batch in drawn] == [9, 16, 25, 36]
