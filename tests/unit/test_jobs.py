"""What a job tells when its disk is full."""

from livermet import jobs


def test_a_full_disk_is_named_by_the_folder_that_was_written_to(tmp_path, monkeypatch):
    outputs = [tmp_path / "a" / "ct.nii.gz", tmp_path / "a" / "b.json", tmp_path / "no" / "c.tsv"]
    (tmp_path / "a").mkdir()
    assert jobs.full_disks(outputs) == []
    # As if that many bytes were needed.
    monkeypatch.setattr(jobs, "LEAST_FREE_BYTES", 2**62)
    (sentence,) = jobs.full_disks(outputs)
    assert sentence.startswith(f"The disk of {tmp_path / 'a'} is full")
