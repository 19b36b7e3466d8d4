"""Pseudonyms and moved dates: the secret decides, intervals hold, two patients never share one."""

import hashlib
import hmac
import os
import stat
from datetime import date, timedelta

import pytest

from livermet.archive import pseudonyms as module
from livermet.archive.given import read_pseudonyms
from livermet.archive.pseudonyms import Pseudonyms, make_secret, near_identities, read_secret
from livermet.errors import InputError

SECRET = bytes(range(32))


def test_a_digest_is_hmac_sha256_of_the_identity():
    """As the standard library's other function computes it (RFC 2104)."""
    expected = hmac.digest(SECRET, b"livermet:patient:mrn-4711", hashlib.sha256).hex()
    assert Pseudonyms(SECRET).digest("MRN-4711") == expected[:32]


def test_one_patient_has_one_pseudonym_however_systems_write_the_identity():
    names = {Pseudonyms(SECRET).pseudonym(one) for one in ("MRN-4711", "mrn-4711 ", " MRN-47 11")}
    assert len(names) == 1
    (name,) = names
    assert len(name) == 13
    assert set(name[1:]) <= set(module.LETTERS)
    assert Pseudonyms(SECRET).pseudonym("MRN-4712") != name
    assert Pseudonyms(SECRET[::-1]).pseudonym("MRN-4711") != name


def test_an_empty_identity_has_no_pseudonym():
    assert Pseudonyms(SECRET).pseudonym("  ") is None


def test_intervals_of_a_patient_hold_and_days_are_from_1_to_365():
    made = Pseudonyms(SECRET)
    first, second = date(2019, 8, 17), date(2020, 3, 1)
    moved = [made.shifted("A1", day) for day in (first, second)]
    assert moved[1] - moved[0] == second - first == timedelta(days=197)
    days = {made.days(made.digest(f"patient {n}")) for n in range(5000)}
    assert (min(days), max(days)) == (1, 365)
    assert len(days) > 360


def test_two_patients_with_one_pseudonym_are_refused(monkeypatch):
    monkeypatch.setattr(module, "NAME_LETTERS", 1)
    made = Pseudonyms(SECRET)
    # Of 21 patients two share one of 20 letters.
    with pytest.raises(InputError, match="Two patients would have the pseudonym"):
        [made.pseudonym(f"patient {n}") for n in range(21)]


def test_a_table_gives_pseudonyms_and_others_have_none(tmp_path):
    table = tmp_path / "given.csv"
    table.write_text("patient;pseudonym\nMRN-4711;S01\nMRN-4712;S02\n")
    made = Pseudonyms(SECRET, read_pseudonyms(table))
    assert made.pseudonym("mrn-4711") == "S01"
    assert made.pseudonym("MRN-9") is None
    # Dates move by the secret, whatever the pseudonym.
    assert made.shifted("MRN-4711", date(2020, 1, 1)) == Pseudonyms(SECRET).shifted(
        "MRN-4711", date(2020, 1, 1)
    )


def test_what_is_wrong_with_a_given_table_is_told_by_rows_without_a_cell(tmp_path):
    table = tmp_path / "given.tsv"
    rows = ["A-1\tS01", "a-1\tS02", "B-2\tS01", "C-3\tX-C-3", "D-4\t", "E-5\tS/5"]
    table.write_text("patient\tpseudonym\n" + "\n".join(rows) + "\n")
    with pytest.raises(InputError) as caught:
        read_pseudonyms(table)
    told = str(caught.value)
    assert "row 6: a cell is empty" in told
    assert "row 7: a pseudonym has other characters" in told
    assert "row 5: the pseudonym holds the patient's own identity" in told
    assert "row 3: a patient stands in the table already" in told
    assert "row 4: a pseudonym is another patient's already" in told
    assert not any(cell in told for cell in ("A-1", "B-2", "C-3", "S01"))


@pytest.mark.parametrize(
    ("identity", "other"),
    [
        ("4711", "0004711"),
        ("0004711", "4711"),
        ("4711.0", "4711"),
        ("AB-001", "ab1"),
        ("A_1", "A-1"),
    ],
)
def test_identities_as_other_systems_write_them_are_near(identity, other):
    assert module.plain(other) in set(near_identities(identity))


def test_two_patients_of_another_number_are_not_near():
    assert "1-12" not in set(near_identities("11-2"))


# The file of the secret.


def test_a_secret_is_32_random_bytes_for_its_owner_alone(tmp_path):
    path = tmp_path / "keys" / "secret"
    assert make_secret(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = read_secret(path)
    assert len(content) == path.stat().st_size == 32
    assert not make_secret(path)
    assert read_secret(path) == content
    other = tmp_path / "other"
    make_secret(other)
    assert read_secret(other) != content


@pytest.mark.parametrize("mark", [".git", "Snakefile"])
def test_a_secret_in_a_repository_is_refused(tmp_path, mark):
    (tmp_path / mark).mkdir()
    folder = tmp_path / "config" / "study"
    with pytest.raises(InputError, match="lies in a repository"):
        make_secret(folder / "secret")
    assert not folder.exists()
    folder.mkdir(parents=True)
    (folder / "secret").write_bytes(SECRET)
    with pytest.raises(InputError, match="lies in a repository"):
        read_secret(folder / "secret")


def test_a_link_out_of_or_into_a_repository_is_refused(tmp_path):
    inside, outside = tmp_path / "clone", tmp_path / "home"
    (inside / ".git").mkdir(parents=True)
    outside.mkdir()
    make_secret(outside / "secret")
    (inside / "link").symlink_to(outside / "secret")
    (outside / "link").symlink_to(inside / "copy")
    for path in (inside / "link", outside / "link"):
        with pytest.raises(InputError, match="lies in a repository"):
            read_secret(path)


def test_a_secret_below_the_study_or_the_archive_is_refused(tmp_path):
    archive = tmp_path / "archive"
    archive.mkdir()
    with pytest.raises(InputError, match="below a folder of the study or of the archive"):
        make_secret(archive / "secret", [archive])


def test_a_secret_that_is_no_secret_is_refused(tmp_path):
    path = tmp_path / "secret"
    with pytest.raises(InputError, match="--make-secret"):
        read_secret(path)
    path.write_bytes(SECRET)
    os.chmod(path, 0o640)
    with pytest.raises(InputError, match="chmod 600"):
        read_secret(path)
    os.chmod(path, 0o600)
    assert read_secret(path) == SECRET
    path.write_bytes(SECRET[:31])
    with pytest.raises(InputError, match="holds 31 bytes; it needs 32"):
        read_secret(path)
