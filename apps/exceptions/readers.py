"""What this room learns from the log."""

from apps.audit.readers import Reader
from apps.exceptions.services import uses

USES = Reader("exceptions.uses", uses.count)
