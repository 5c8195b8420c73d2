"""A withheld result on a page: what was found, marked where it stands, beside what would be delivered instead."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.decision.types import JSON
from apps.exceptions.models import Escalation
from apps.exceptions.services import resolutions, withheld

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
    return format_html("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", head, body)


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
            words = "MCP server" if source.kind == resolutions.SERVER else "domain"
            found[f"{source.kind}:{source.pattern}"] = f"{words} {source.pattern}"
    return list(found.items())


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
