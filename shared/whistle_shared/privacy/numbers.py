"""Telephone numbers as they are kept: one way of writing for one number."""

import re

_MOBILE = re.compile(r"1[3-9]\d{9}")
_LANDLINE = re.compile(r"0(?:10|2\d|[3-9]\d{2})\d{7,8}")
_BETWEEN = re.compile(r"[ \-()]")
_FULL_WIDTH = str.maketrans("０１２３４５６７８９＋－（）\u3000", "0123456789+-() ")


def phone_of(said: str) -> str:
    """A mainland number's digits: `１３８ 1234 5678`, `+86 138-1234-5678` and `13812345678` are one number.

    Full-width digits are read as digits. Raises ValueError, without repeating what was said.
    """
    digits = _BETWEEN.sub("", said.translate(_FULL_WIDTH))
    digits = re.sub(r"^(?:\+|00)?86(?=1\d{10}$|0\d{9,11}$)", "", digits)
    if not (_MOBILE.fullmatch(digits) or _LANDLINE.fullmatch(digits)):
        raise ValueError("must be a mobile number of 11 digits, or a landline number with its area code")
    return digits
