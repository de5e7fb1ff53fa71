"""Finds links and HTML tags in what a form's visitor typed: such texts reach mails as merge fields."""

from __future__ import annotations

import re
import unicodedata
from html import unescape

SPAM = "spam"
"""The reason of a submission that is refused because a field holds a link or a tag."""

# `www.` inside a word is no link ("awww."). A `<` before anything other than these opens no tag ("<3", "a < b").
_LINK_OR_TAG = re.compile(r"https?:[/\\]{2}|(?<![^\W_])www\.|<[a-z/!]")
# Entities without their semicolon are left alone: a browser would read "&LT" in "DUPONT&LTD" as "<".
_ENTITY = re.compile(r"&#?[0-9A-Za-z]{1,31};")
# Characters that are not shown, besides those of category Cf: joiners, fillers, variation selectors.
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
_DOTS = str.maketrans({"\u3002": ".", "\uff61": "."})
"""Full stops that browsers read as the dot of a domain (UTS 46)."""


def has_link_or_tag(text: str) -> bool:
    """Returns True for `http://`, `https://`, `www.`, or `<` and a letter, `/` or `!`, in any letters.

    Also in wide letters, as HTML entities, or with characters between that nobody sees.
    """
    if _LINK_OR_TAG.search(text.lower()):
        return True
    if text.isascii() and text.isprintable() and "&" not in text:
        return False  # what follows would change nothing
    plain = _ENTITY.sub(lambda entity: unescape(entity[0]), text)
    seen = "".join(character for character in plain if unicodedata.category(character) not in ("Cf", "Cc"))
    folded = unicodedata.normalize("NFKC", _UNSEEN.sub("", seen)).translate(_DOTS).casefold()
    return _LINK_OR_TAG.search(folded) is not None
