"""Regular expressions over bytes that take linear time, whatever the text."""

from typing import Any

import re2


def compile_re2(regex: str | bytes, unicode: bool = False, groups: bool = True) -> Any:
    """RE2 over bytes; with `unicode` its classes see UTF-8 characters, without `groups` it only finds whole matches."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.UTF8 if unicode else re2.Options.Encoding.LATIN1
    options.never_capture = not groups
    options.log_errors = False
    options.max_mem = 32 << 20
    return re2.compile(regex if isinstance(regex, bytes) else regex.encode(), options)
