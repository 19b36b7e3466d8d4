"""Texts that name the patient where a header should name a machine, an agent or a body part.

Such fields are typed by people too. A text that shares a word with the header's own identities goes
into no record.
"""

import re
from collections.abc import Collection

# Fields that name persons, or by which a hospital finds them.
FIELDS = (
    "PatientName",
    "PatientID",
    "OtherPatientIDs",
    "OtherPatientNames",
    "PatientBirthName",
    "PatientMotherBirthName",
    "PatientBirthDate",
    "PatientAddress",
    "PatientTelephoneNumbers",
    "AccessionNumber",
    "ReferringPhysicianName",
    "RequestingPhysician",
    "PerformingPhysicianName",
    "NameOfPhysiciansReadingStudy",
    "PhysiciansOfRecord",
    "OperatorsName",
)
# Words that stand in names of phantoms and anonymised patients, and in names of machines too.
COMMON = frozenset(
    {
        *("phantom", "anonymous", "anonymized", "anonymised", "anon", "patient", "unknown"),
        *("none", "test", "medical", "systems", "healthcare", "general", "electric"),
        *("siemens", "philips", "toshiba", "canon", "hitachi", "neusoft"),
    }
)
LEAST_LETTERS, LEAST_OF_A_NUMBER = 3, 4


def words_of(texts: Collection[str]) -> frozenset[str]:
    """Return the words and numbers of identities that would tell a person again."""
    words = {word for text in texts for word in re.findall(r"[^\W_]+", text.casefold())}
    whole = {bare(text) for text in texts}
    return frozenset(
        word
        for word in words | whole
        if len(word) >= (LEAST_OF_A_NUMBER if word.isdecimal() else LEAST_LETTERS)
        and word not in COMMON
    )


def names_a_person(text: str, words: Collection[str]) -> bool:
    """Tell whether a text holds one of the words, as a word or, where it is long, within one."""
    own = set(re.findall(r"[^\W_]+", text.casefold()))
    plain = bare(text)
    return any(word in own or (len(word) > LEAST_OF_A_NUMBER and word in plain) for word in words)


def bare(text: str) -> str:
    """Return the letters and digits of a text, in small letters."""
    return re.sub(r"[\W_]+", "", text.casefold())
