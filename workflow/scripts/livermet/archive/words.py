"""What headers' free texts tell in words of a list: phase and kernel. No other text goes on."""

import re
import unicodedata
from functools import lru_cache

# Contrast phases by the words that sites write, in several languages; `~` stands for a word's end.
_PHASES = {
    "native": (
        r"native?|nativ[oe]?|unenhanced|plain|non[ -]?contrast|noncon|pre[ -]?contrast|c ?-|"
        r"without( iv)? contrast|w/o( iv)?( contrast)?|wo( iv)? contrast|kontrastsiz|"
        r"ohne (km|kontrast(mittel)?)|sans (injection|contraste|iv)|sin contraste|"
        r"senza (mdc|contrasto)"
    ),
    "arterial": r"arterial|arteriell(er?)?|arterielle|arteriale|art|hap|(fruh|spat)arteriell",
    "portal_venous": (
        r"porto|portal|portale|pv|pvp|venous|ven|venos(er?)?|portalvenos(er?)?|veineux|"
        r"portoveineux|venosa|venoso|portovenous|portalvenous"
    ),
    "delayed": (
        r"delayed?|late|equilibrium|spat(phase)?|tardif|tardive|tardia|tardivo|excretory|"
        r"nephrographic|(3|5|10|15) ?min"
    ),
}
_PATTERNS = {
    phase: re.compile(rf"(?<![a-z0-9])({words})(?![a-z0-9])") for phase, words in _PHASES.items()
}
# 'Late arterial' is no delayed phase.
_LATE_ARTERIAL = re.compile(r"(?<![a-z])(early|late|fruh|spat)[ -]?(?=art)")
# 'With and without' tells of a study and not of a series.
_BOTH = re.compile(
    r"with(out)? (and|&|\+|/) ?with|w/o ?(and|&|\+|/) ?w|w ?(and|&|\+|/) ?w/o|"
    r"c- ?/? ?c\+|c\+ ?/? ?c-"
)

_KERNEL_WORDS = frozenset(
    "STANDARD SOFT DETAIL BONE BONEPLUS LUNG EDGE CHEST ULTRA STND SMOOTH SHARP BODY BRAIN "  # noqa: SIM905
    "A B C D E EA EB EC ED F FA FB L UA UB UC YA YB YC YD".split()
)
# Siemens (B30f, Br40d, I31f, Qr36), Canon and Toshiba (FC08), Fujifilm (32), both with a level.
_KERNEL = re.compile(
    r"(?:[BDEHIJSTUQ][a-z]?\d{2}[a-z]{0,2}|FC\d{2}|(?:Bf|Br|Bv|Bl|Hr|Hc|Hv|Qr|Sa)\d{2}[a-z]?)"
    r"(?:[\\ ][1-5])?"
)
OTHER_KERNEL = "other"


@lru_cache(maxsize=1024)
def phase_of(*texts: str) -> str:
    """Return the contrast phase that texts tell: one of four words, or '' for none or several.

    Texts are asked one after the other, the nearest to the series first; the first that tells any
    phase decides.
    """
    for text in texts:
        found = _phases_in(text)
        if found:
            return found.pop() if len(found) == 1 else ""
    return ""


def _phases_in(text: str) -> set[str]:
    folded = unicodedata.normalize("NFKD", text.casefold())
    folded = "".join(one for one in folded if not unicodedata.combining(one)).replace("_", " ")
    folded = _LATE_ARTERIAL.sub("", folded)
    if _BOTH.search(folded):
        return set(_PHASES)
    return {phase for phase, pattern in _PATTERNS.items() if pattern.search(folded)}


@lru_cache(maxsize=1024)
def kernel_of(text: str) -> str:
    """Return a reconstruction kernel if it is written as vendors do; 'other' for any other text."""
    if not text:
        return ""
    if _KERNEL.fullmatch(text) or text.upper() in _KERNEL_WORDS:
        return text.replace("\\", " ")
    return OTHER_KERNEL
