"""A withheld result on a page: what was found, marked where it stands, beside what would be delivered instead."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.decision.types import JSON, Severity
from apps.exceptions.models import Escalation
from apps.exceptions.services import resolutions, withheld
from apps.policies.models import SourceRule

PASSAGE = (
    "<tr><th scope='row' colspan='2'><code>{}</code></th></tr><tr><td><pre>{}</pre></td><td><pre>{}</pre></td></tr>"
)
GONE = "It is not kept any more."
UNREAD = "It could not be searched for secrets, so it is not shown."


def result_table(row: Escalation) -> SafeString | str:
    """The passages with findings: as they came on the left, sanitised on the right."""
    shown = withheld.shown_of(row)
    if shown is None:
        return GONE
    if not shown["searched"]:
        return UNREAD
    lines = ((one["path"], _pieces(one["original"]), one["sanitised"] or "–") for one in shown["passages"])
    body = format_html_join("", PASSAGE, lines)
    head = "<thead><tr><th scope='col'>As it came, without secrets</th><th scope='col'>Sanitised</th></tr></thead>"
    return format_html("<table class='passages'>{}<tbody>{}</tbody></table>{}", SafeString(head), body, _whole(shown))


def findings_table(row: Escalation) -> SafeString:
    """Class, rule and severity of each finding, where it stands, and which words weighed."""
    lines = (
        (
            one.get("class", ""),
            one.get("rule", ""),
            one.get("severity", ""),
            " ".join(filter(None, (one.get("path", ""), f"via {one['via']}" if one.get("via") else ""))),
            ", ".join(one.get("words", ())),
        )
        for one in row.findings
    )
    body = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", lines)
    names = ("Class", "Rule", "Severity", "Where", "Words that weighed")
    head = format_html_join("", "<th scope='col'>{}</th>", ((name,) for name in names))
    table = "<div class='wide'><table class='findings'><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
    return format_html(table, head, body)


def source_facts(row: Escalation) -> SafeString:
    """Where the result is from, as source rules see it."""
    known: Mapping[str, Any] = row.inbound
    facts = (
        ("MCP server", row.mcp_server),
        ("Domains it names", ", ".join(known.get("domains", ())) or "none, or no source rules are in effect"),
        ("Trust tier", known.get("tier") or "none"),
        ("By source rule", known.get("source_rule") or "–"),
        ("Severity", known.get("severity") or "–"),
        ("Scorer", known.get("score", "–")),
        ("Secrets in it", ", ".join(known.get("secrets", ())) or "none found"),
    )
    return format_html_join("", "<div>{}: {}</div>", facts)


def source_choices(rows: Sequence[Escalation]) -> list[tuple[str, str]]:
    """What `block_source` can name, for a form: value and words."""
    found: dict[str, str] = {}
    for row in rows:
        for source in resolutions.sources_of(row):
            found[f"{source.kind}:{source.pattern}"] = _in_words(source)
    return list(found.items())


def rule_link(row: Escalation, source: resolutions.Source) -> SafeString:
    """The source rule that blocks it now, to look at."""
    wanted = resolutions.meant(row, source)
    rule = SourceRule.objects.get(kind=wanted.kind, pattern=wanted.pattern)
    address = reverse("admin:policies_sourcerule_change", args=[rule.pk])
    return format_html("<a href='{}'>source rule for {}</a>", address, _in_words(wanted))


def strongest(row: Escalation) -> str:
    """The class of the gravest finding; of those that are equally grave the first."""
    grave = {severity.value: place for place, severity in enumerate(Severity)}
    found = max(row.findings, key=lambda one: grave.get(one.get("severity", ""), -1), default=None)
    return str(found.get("class", "")) if found else "unread"


def _in_words(source: resolutions.Source) -> str:
    if source.kind == resolutions.SERVER:
        return f"MCP server {source.pattern}"
    below = source.pattern.startswith(resolutions.WILD)
    return f"domain {source.pattern}" + (", which is all of it" if below else "")


def chosen_source(text: str) -> resolutions.Source | None:
    kind, found, pattern = text.partition(":")
    return resolutions.Source(kind, pattern) if found else None


def _pieces(pieces: Sequence[Sequence[str]]) -> SafeString:
    told = []
    for kind, name, text in pieces:
        match kind:
            case "injection":
                told.append(format_html("<mark title='{}'>{}</mark>", name, text))
            case "secret":
                told.append(format_html("<b>[REDACTED:{}]</b>", name))
            case "gap":
                told.append(format_html("<i>{}</i>", " … "))
            case _:
                told.append(format_html("{}", text))
    return format_html_join("", "{}", ((one,) for one in told))


def _whole(shown: Mapping[str, JSON]) -> SafeString:
    told = (
        (title, json.dumps(shown[part], indent=2, ensure_ascii=False))
        for title, part in (("The whole result, without secrets", "original"), ("All of it, sanitised", "sanitised"))
    )
    return format_html_join("", "<details><summary>{}</summary><pre>{}</pre></details>", told)
