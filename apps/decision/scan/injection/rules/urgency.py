"""Haste as an argument."""

from apps.decision.scan.injection.kinds import InjectionClass
from apps.decision.scan.injection.rule import Rule
from apps.decision.scan.injection.rules.rows import rows
from apps.decision.scan.injection.words import EN

_row = rows(InjectionClass.URGENCY_FRAMING, EN)

RULES: tuple[Rule, ...] = (
    _row(
        "act_at_once",
        "(urgent|urgently|emergency|immediate action required|immediate action|act now|act immediately|immediately|without delay|asap|time sensitive|critical|important|final warning|right now|failure to comply|failure to do so|top priority|highest priority) ~8"
        " (required|must|need|needs|comply|send|forward|transfer|execute|ignore|delete|respond|will result|action|proceed|consequences|terminated|penalty|shut down|deactivated|lives|die)",
        hits=("URGENT: action required", "Failure to comply will result in termination", "Act now, you must respond"),
        misses=("This is an important book.",),
    ),
)  # fmt: skip
