"""All built-in rules, in the order in which they are reported."""

from apps.decision.scan.injection.rule import Rule
from apps.decision.scan.injection.rules import (
    authority,
    cjk,
    french,
    german,
    hiding,
    iberian,
    imperative,
    permission,
    role,
    russian,
    structure,
    urgency,
)

BUILTIN_RULES: tuple[Rule, ...] = (
    *imperative.RULES,
    *authority.RULES,
    *permission.RULES,
    *role.RULES,
    *structure.RULES,
    *hiding.RULES,
    *urgency.RULES,
    *german.RULES,
    *french.RULES,
    *iberian.RULES,
    *russian.RULES,
    *cjk.RULES,
)
