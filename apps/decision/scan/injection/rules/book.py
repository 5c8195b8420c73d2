"""The same few ideas in every language: what a phrase book must say, and the rules made from it."""

from dataclasses import dataclass

from apps.decision.scan.injection.kinds import CLASS_SEVERITY, InjectionClass
from apps.decision.scan.injection.rule import Rule
from apps.decision.scan.injection.rules.rows import rows
from apps.decision.types import Severity

_COLON = r"/[\s\])}>*\"'_-]{0,8}(?::|\]|\n)/"
Examples = tuple[tuple[str, ...], tuple[str, ...]]  # hits, misses


@dataclass(frozen=True, slots=True)
class Book:
    """Phrases of one language, folded or not. A `*` stands for any ending."""

    language: str
    spaced: bool
    ignore: tuple[str, ...]  # orders to put aside, in every form that orders
    scope: tuple[str, ...]  # earlier, all, your
    instructions: tuple[str, ...]
    everything: tuple[str, ...]  # all that was said before, as one phrase
    system: tuple[str, ...]  # system message, administrator's note …: before a colon
    vendor: tuple[str, ...]  # I am your developer, message from the administrator
    allowed: tuple[str, ...]  # you are now authorised
    unlocked: tuple[str, ...]  # safety off, no restrictions
    become: tuple[str, ...]  # you are now a, from now on you are, act as
    mask: tuple[str, ...]  # what to become
    hide: tuple[str, ...]  # do not tell the user
    reveal: tuple[str, ...]  # show your system prompt
    machine: tuple[str, ...]  # AI, assistant, as the one spoken to
    must: tuple[str, ...]  # you must, please: what follows an address
    fresh: tuple[str, ...]  # new instructions, your new task
    haste: tuple[str, ...]
    override: Examples
    forget: Examples
    system_message: Examples
    boss: Examples
    permission: Examples
    freed: Examples
    role: Examples
    conceal: Examples
    disclose: Examples
    address: Examples
    renewed: Examples
    urgent: Examples


def rules_of(book: Book) -> tuple[Rule, ...]:
    concepts = {
        name: getattr(book, name)
        for name in [
            "ignore",
            "scope",
            "instructions",
            "everything",
            "system",
            "vendor",
            "allowed",
            "unlocked",
            "become",
            "mask",
            "hide",
            "reveal",
            "machine",
            "must",
            "fresh",
            "haste",
        ]
    }
    gap, reach = ("~3", "~6") if book.spaced else ("~8", "~9")
    near = "~2" if book.spaced else "~6"
    command, high = InjectionClass.IMPERATIVE_COMMAND, Severity.HIGH
    authority, permission = InjectionClass.AUTHORITY_CLAIM, InjectionClass.PERMISSION_EXPANSION

    def made(
        name: str, kind: InjectionClass, examples: Examples, *written: str, severity: Severity | None = None
    ) -> Rule:
        """A rule of any of these rows, which are made of the same elements."""
        row = rows(kind, concepts, spaced=book.spaced)
        each = [row("", one, hits=(), misses=()) for one in written]
        regex = "|".join(f"(?:{one.regex})" for one in each)
        weight = severity or CLASS_SEVERITY[kind]
        return Rule(f"{name}.{book.language}", kind, weight, regex, *examples, needs=each[0].needs)

    # Without a word for what came before; not where "ignore" and "prompt" are written as in English.
    apart = book.language in ("de", "nl", "ru", "zh", "ja", "ko")
    bare = (f"{{ignore}} {near} {{instructions}}", f"{{instructions}} {near} {{ignore}}")
    dropped = (made("drop", command, book.override, *bare, severity=high),) if apart else ()
    return (
        *dropped,
        made(
            "override",
            command,
            book.override,
            f"{{ignore}} {gap} {{scope}} {gap} {{instructions}}",
            f"{{ignore}} {gap} {{instructions}} {gap} {{scope}}",
            f"{{scope}} {gap} {{instructions}} {gap} {{ignore}}",
            f"{{instructions}} {gap} {{scope}} {gap} {{ignore}}",
        ),
        made("forget", command, book.forget, f"{{ignore}} {gap} {{everything}}", f"{{everything}} {gap} {{ignore}}"),
        made("renewed", command, book.renewed, "{fresh}"),
        made("conceal", command, book.conceal, "{hide}", severity=high),
        made("disclose", command, book.disclose, "{reveal}"),
        made("address", command, book.address, f"{{machine}} {reach} {{must}}"),
        made("system", authority, book.system_message, f"^ {{system}} {_COLON}"),
        made("vendor", authority, book.boss, "{vendor}"),
        made("allowed", permission, book.permission, "{allowed}"),
        made("unlocked", permission, book.freed, "{unlocked}"),
        made("role", InjectionClass.ROLE_REASSIGNMENT, book.role, f"{{become}} {gap} {{mask}}"),
        made("urgent", InjectionClass.URGENCY_FRAMING, book.urgent, "{haste}"),
    )
