"""The shape under a text's clothes: one table from each character to what it stands for.

Each character is folded by itself (compatibility form, no diacritics on Latin letters, lower case, nothing for what is
invisible), so the work is linear, nothing is ever refused, and the way back is counting.
"""

import re
import unicodedata

NON_ASCII = re.compile(r"[^\x00-\x7f]+")
TAGS = re.compile("[\U000e0020-\U000e007e]+")
# What nobody sees and no honest text needs in numbers; joiners are part of emoji and of some scripts.
INVISIBLE = re.compile("[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
                       "\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e01ef\U0001d173-\U0001d17a]")  # fmt: skip
_ENOUGH = 1 << 16  # entries of the table; beyond that a text is folded without remembering
_NAMED = re.compile(
    r"(?:LATIN (?:CAPITAL |SMALL )?LETTER (?:SMALL CAPITAL |CAPITAL )?|MODIFIER LETTER (?:SMALL |CAPITAL )"
    r"|(?:NEGATIVE )?(?:SQUARED|CIRCLED) LATIN (?:CAPITAL|SMALL) LETTER |REGIONAL INDICATOR SYMBOL LETTER "
    r"|COMBINING LATIN SMALL LETTER |LISU LETTER )([A-Z])(?: WITH .*)?\Z"
)
_SPECIAL = {
    "ı": "i", "ȷ": "j", "ß": "ss", "æ": "ae", "œ": "oe", "þ": "th", "ё": "е", "й": "и", "ς": "σ", "ſ": "s", "ɑ": "a",
    "ɡ": "g", "ɩ": "i", "ʟ": "l", "∕": "/", "⁄": "/", "ǀ": "l", "।": ".", "。": ".", "、": ",", "「": '"', "」": '"',
    "『": '"', "』": '"', "《": '"', "》": '"', "∶": ":", "ꞌ": "'", "＇": "'",
}  # fmt: skip
_QUOTES = {"Pi": '"', "Pf": '"', "Pd": "-", "Zs": " ", "Zl": "\n", "Zp": "\n"}


class _Table(dict[int, str]):
    """Filled as characters are met. A lost entry costs a look-up, nothing else, so threads may share it."""

    def __missing__(self, point: int) -> str:
        folded = _fold(chr(point))
        if len(self) < _ENOUGH:
            self[point] = folded
        return folded


FOLDS = _Table()


def _fold(character: str) -> str:
    special = _SPECIAL.get(character)
    if special is not None:
        return special
    if INVISIBLE.match(character):
        return ""
    category = unicodedata.category(character)
    if category in ("Mn", "Me", "Cf"):
        return character if "\u0900" <= character <= "\u1fff" or character in "\u3099\u309a" else ""
    if category in _QUOTES:
        return "'" if character in "‘’‚‛‹›" else _QUOTES[category]
    named = _NAMED.match(unicodedata.name(character, ""))
    if named is not None:
        return named[1].lower()
    plain = unicodedata.normalize("NFKC", character)
    if plain != character:
        return "".join(part if part.isascii() else _SPECIAL.get(part, part) for part in _bare(plain.lower()))
    lower = character.lower()
    return _SPECIAL.get(lower, lower) if len(lower) == 1 else _bare(lower)


def _bare(text: str) -> str:
    """Without the marks of Latin letters."""
    parts = unicodedata.normalize("NFKD", text)
    if parts[:1].isascii():
        return "".join(part for part in parts if not unicodedata.combining(part))
    return text


def fold_run(run: re.Match[str]) -> str:
    return run[0].translate(FOLDS)


def fold(text: str) -> str:
    """The folded text; never raises, whatever the code points."""
    if text.isascii():
        return text.lower()
    return NON_ASCII.sub(fold_run, text).lower()


# Letters of other scripts that look like Latin ones (Unicode's confusables data for lower case, and for capitals
# their lower case, since folding comes first). One to one, so offsets stay.
_PAIRS = (
    "аa еe оo рp сc уy хx іi јj ѕs ԁd һh ԛq ԝw ѵv ӏl кk мm тt нh вb гr пn ԍg ьb иu "
    "οo αa εe ιi κk νv ρp τt υu χx ωw σo ηn γy ϲc ϳj βb μu "
    "ցg հh ոn սu օo քp յj ʀr ɴn ɪi ʏy ɢg ᴏo ᴠv ᴡw ᴢz ᴀa ᴇe ɛe ɑa"
)
LOOKALIKES: dict[int, int | str] = {ord(pair[0]): pair[1] for pair in _PAIRS.split()}
LEET = str.maketrans("013457@$!|", "oieastasil")
SEEMING: dict[int, int | str] = {**LOOKALIKES, **LEET}
_LEET_BYTES = bytes.maketrans(b"013457@$!|", b"oieastasil")
_ALIKE = re.compile("[" + "".join(map(chr, LOOKALIKES)) + "]")
MIXED = re.compile(r"[a-z][\u0370-\u058f\u0250-\u02af\u1d00-\u1d2b]|[\u0370-\u058f\u0250-\u02af\u1d00-\u1d2b][a-z]")
ROT13: dict[int, int | str] = dict(str.maketrans("abcdefghijklmnopqrstuvwxyz", "nopqrstuvwxyzabcdefghijklm"))


def seeming(text: str) -> str:
    """Folded text read as what it looks like. Bytes are translated much faster than characters beyond ASCII are."""
    if text.isascii() or _ALIKE.search(text):
        return text.translate(SEEMING)
    return text.encode("utf-8", "surrogatepass").translate(_LEET_BYTES).decode("utf-8", "surrogatepass")
