"""Ids of entries: UUID version 7, so that the log's index grows at its end. They are names, not secrets."""

import random
import time
from uuid import UUID


def new_id() -> UUID:
    """48 bits of milliseconds, version and variant, 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    chance = random.getrandbits(74)
    high, low = chance >> 62, chance & 0x3FFF_FFFF_FFFF_FFFF
    return UUID(int=milliseconds << 80 | 0x7000 << 64 | high << 64 | 0x8000_0000_0000_0000 | low)
