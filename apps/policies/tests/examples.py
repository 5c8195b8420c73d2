"""Policies and documents to test with."""

from typing import Any

from apps.decision import pipeline
from apps.decision.tests.builders import make_call, make_facts
from apps.decision.types import JSON


def policy(slug: str = "late_hours", body: str = "") -> str:
    """A policy that denies writes, or one with another body."""
    rule = body or (
        'verdicts contains {"result": "deny", "reason": "Too late", "policy": "write"} if {\n'
        '\tinput.request.action == "write"\n}\n'
    )
    return f"package behavry.tenant.{slug}\n\n{rule}"


def allowing(slug: str = "late_hours") -> str:
    """A policy that allows whatever the base does not deny."""
    return policy(slug, 'verdicts contains {"result": "allow", "reason": "Fine", "policy": "all"} if input.agent.id\n')


def document(**request: Any) -> JSON:
    """The document of an unremarkable call, with a changed request."""
    made = pipeline.document(make_call(), make_facts())
    made["request"] |= request
    return made
