"""Row ids that sort by the time they were made (RFC 9562 version 7), so that lists page by primary key."""

import secrets
import time
from uuid import UUID


def new_id() -> UUID:
    """48 bits of milliseconds, 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    bits = (milliseconds & (1 << 48) - 1) << 80 | secrets.randbits(80)
    bits = bits & ~(0xF << 76) | 0x7 << 76
    bits = bits & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=bits)
