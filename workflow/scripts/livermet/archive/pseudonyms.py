"""Pseudonyms of patients and shifted dates, from a secret that lies outside of the project.

A patient's pseudonym is HMAC-SHA256 (RFC 2104, FIPS 180-4) of the identity with the secret,
shortened to twelve letters. The patient's dates all move back by one number of days, from 1 to 365,
which comes from the same secret, so that intervals hold. Whoever has the secret can try all
identities that a hospital gives and find each again: it is kept as the identities are.
"""

import hashlib
import hmac
import os
import re
import secrets
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date, timedelta
from functools import lru_cache
from itertools import product
from pathlib import Path

from livermet.errors import InputError

SECRET_BYTES, MOST_SECRET_BYTES = 32, 4096
# Letters alone, which no spreadsheet takes for a number; without vowels they make no words.
LETTERS = "bcdfghjkmnpqrstvwxyz"
NAME_LETTERS = 12
MOST_DAYS = 365
# What a repository is known by.
REPOSITORY_MARKS = (".git", ".hg", ".svn", "Snakefile")
# Of identities as other systems write them.
LONGEST_NUMBER, MOST_PARTS = 12, 4
MARKS = ("", "-", "_", ".", "/")


class Pseudonyms:
    """A study's pseudonyms: one secret, and a table of given pseudonyms where there is one.

    `given` are pseudonyms by the patients' identities. Raises InputError where two patients of
    `given` share a pseudonym.
    """

    def __init__(self, secret: bytes, given: Mapping[str, str] | None = None) -> None:
        self._secret = secret
        self._given = None
        self._digest_of: dict[str, str] = {}
        if given is not None:
            self._given = {self.digest(identity): name for identity, name in given.items()}
            for digest, name in self._given.items():
                self._claim(name, digest)

    def key(self, purpose: str) -> bytes:
        """Return a key of 32 bytes for another purpose, of which the secret cannot be told."""
        return self._hmac("key", purpose)

    @lru_cache(maxsize=2**17)  # noqa: B019  (one for a run)
    def digest(self, identity: str) -> str:
        """Return what stands for a patient while a sheet is made: 32 hexadecimal digits."""
        return self._hmac("patient", plain(identity)).hex()[:32]

    def name(self, digest: str) -> str | None:
        """Return the pseudonym of a digest; None for a patient that the table does not give.

        Raises InputError for two patients with one pseudonym.
        """
        if self._given is not None:
            return self._given.get(digest)
        name = "p" + letters(bytes.fromhex(digest), NAME_LETTERS)
        self._claim(name, digest)
        return name

    def pseudonym(self, identity: str) -> str | None:
        """Return the pseudonym of a patient, None for one whom a given table lacks."""
        return self.name(self.digest(identity)) if plain(identity) else None

    @lru_cache(maxsize=2**17)  # noqa: B019
    def days(self, digest: str) -> int:
        """Return by how many days a patient's dates move back."""
        return int.from_bytes(self._hmac("days", digest)[:8]) % MOST_DAYS + 1

    def shifted(self, identity: str, day: date) -> date:
        """Return a date of a patient, moved back. Raises OverflowError before the year 1."""
        return day - timedelta(days=self.days(self.digest(identity)))

    def _claim(self, name: str, digest: str) -> None:
        if self._digest_of.setdefault(name, digest) != digest:
            raise InputError(
                f"Two patients would have the pseudonym {name}; "
                + (
                    "give each its own in the table of pseudonyms."
                    if self._given is not None
                    else "make a new secret for the study (--make-secret), or give a table of "
                    "pseudonyms (--pseudonyms)."
                )
            )

    def _hmac(self, purpose: str, text: str) -> bytes:
        message = f"livermet:{purpose}:{text}".encode("utf-8", "surrogatepass")
        return hmac.new(self._secret, message, hashlib.sha256).digest()


def plain(identity: str) -> str:
    """Return an identity without what systems write differently: case, blanks, forms of letters."""
    return "".join(unicodedata.normalize("NFKC", identity).casefold().split()).strip("\0")


def letters(digest: bytes, count: int) -> str:
    """Write the beginning of a digest as letters, most significant first."""
    number, found = int.from_bytes(digest), []
    for _ in range(count):
        number, rest = divmod(number, len(LETTERS))
        found.append(LETTERS[rest])
    return "".join(found)


def near_identities(identity: str) -> Iterator[str]:
    """Give an identity as other systems write it: other marks within, zeros in front, no '.0'."""
    text = plain(identity)
    whole = re.sub(r"\.0$", "", text)
    parts = re.findall(r"[^\W\d_]+|\d+", whole)
    found = {whole}
    if 1 <= len(parts) <= MOST_PARTS:
        last = parts[-1].lstrip("0")
        ends = {parts[-1]}
        if last.isdecimal():
            ends |= {last.zfill(width) for width in range(1, LONGEST_NUMBER + 1)}
        for marks in product(MARKS, repeat=len(parts) - 1):
            begin = "".join(part + mark for part, mark in zip(parts, marks, strict=False))
            found |= {begin + end for end in ends}
    yield from sorted(found - {text, ""})


# The secret's file.


def read_secret(path: Path, beside: Iterable[Path] = ()) -> bytes:
    """Read a secret. Raises InputError for a file that is not there, too short, or not kept secret.

    It must not lie in a repository, nor below the folders `beside`, which a study hands on; and
    others than its owner may not read it.
    """
    _refuse_inside(path, beside)
    try:
        mode = path.stat().st_mode
        content = path.read_bytes() if stat.S_ISREG(mode) else b""
    except OSError as error:
        there = not isinstance(error, FileNotFoundError)
        raise InputError(
            "The file of the secret cannot be read; ask for the right to read it."
            if there
            else "There is no file of the secret where --secret says; correct the path, or add "
            "--make-secret to make one there."
        ) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InputError(
            "Others than you may read the file of the secret; keep it to yourself: chmod 600 on it."
        )
    if not SECRET_BYTES <= len(content) <= MOST_SECRET_BYTES:
        raise InputError(
            f"The file of the secret holds {len(content)} bytes; it needs {SECRET_BYTES} at least: "
            "make one at a new place with --make-secret."
        )
    return content


def make_secret(path: Path, beside: Iterable[Path] = ()) -> bool:
    """Make a file of 32 random bytes that its owner alone may read; False where there is one.

    Raises InputError for a place where it cannot be or must not lie.
    """
    _refuse_inside(path, beside)
    if os.path.lexists(path):
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError:
        raise InputError(
            "The file of the secret cannot be made where --secret says; name a place that you may "
            "write to."
        ) from None
    with os.fdopen(handle, "wb") as stream:
        stream.write(secrets.token_bytes(SECRET_BYTES))
        stream.flush()
        os.fsync(stream.fileno())
    return True


def _refuse_inside(path: Path, beside: Iterable[Path]) -> None:
    place = Path(os.path.abspath(path))
    # By its name and behind links: neither may be handed on.
    for one in {place, place.resolve()}:
        for folder in one.parents:
            if any((folder / mark).exists() for mark in REPOSITORY_MARKS):
                raise InputError(
                    "The file of the secret lies in a repository, from where it would be handed "
                    "on; keep it elsewhere, such as in your home folder."
                )
        for folder in beside:
            with suppress(OSError):
                if one.is_relative_to(folder.resolve()):
                    raise InputError(
                        "The file of the secret lies below a folder of the study or of the "
                        "archive; keep it elsewhere, such as in your home folder."
                    )
