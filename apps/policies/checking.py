"""Whether a tenant may save a policy: it says who it is, stays in its own package, and compiles.

The answer to a bad policy names the line and the column, as BadInput with `fields` content, line and column.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from apps.decision.errors import BadInput
from apps.decision.rego import Limits, Problem, RegoError, compile_modules
from apps.policies import base, source
from apps.policies.assembly import PACKAGE, SHARED, Source, assemble

MAX_CONTENT = 64_000  # characters of one policy
MAX_TOTAL = 512_000  # characters of all active policies together
MAX_ACTIVE = 200
MAX_NESTING = 100  # brackets within brackets; what is deeper costs more to compile than anybody could read
SLUG = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
LIMITS = Limits(wall_seconds=20.0, cpu_seconds=15, plan_bytes=16 << 20)
_KEYWORDS = frozenset(
    {
        "as", "contains", "data", "default", "else", "every", "false", "if", "import", "in", "input", "not", "null",
        "package", "some", "true", "with",
    }
)  # fmt: skip
_SHARED_MODULES = frozenset({"behavry/words.rego"})
_LANGUAGE = (("rego", "v1"), ("future", "keywords"))


def slug_of(content: str) -> str:
    """The last step of the policy's package, which is its name among the tenant's policies. Raises BadInput."""
    try:
        declared = source.package(source.tokens(content))
    except source.UnreadableError as error:
        raise refused([error.problem]) from None
    if declared is None:
        raise refused([Problem("", 1, 1, "no_package", "a policy begins with its package")])
    if not declared.whole or declared.steps[:-1] != PACKAGE or not _usable(declared.steps[-1]):
        raise refused([_at(declared, "wrong_package", _WANTED)])
    return declared.steps[-1]


def check(content: str, slug: str) -> None:
    """Raises BadInput unless the content can be saved as a version of the policy of this slug."""
    if len(content) > MAX_CONTENT:
        line = content.count("\n", 0, MAX_CONTENT) + 1
        column = MAX_CONTENT - content.rfind("\n", 0, MAX_CONTENT)
        raise refused([Problem("", line, column, "too_large", f"a policy may have {MAX_CONTENT} characters")])
    if slug_of(content) != slug:
        declared = source.package(source.tokens(content))
        assert declared is not None
        raise refused([_at(declared, "wrong_package", f"the package of this policy is behavry.tenant.{slug}")])
    tokens = source.tokens(content)
    if problems := [*nesting(tokens), *_overreach(tokens, slug)]:
        raise refused(problems)
    alone(content, slug)


def alone(content: str, slug: str) -> bytes:
    """The plan of one policy by itself. Raises BadInput."""
    own = Source(slug, content)
    words = {name: text for name, text in base.modules().items() if name in _SHARED_MODULES}
    return _compile({own.file: content, **words}, f"data.behavry.tenant.{slug}", {own.file})


def compiled(policies: Sequence[Source]) -> bytes:
    """The plan of a rulebook with these policies. Raises BadInput."""
    if len(policies) > MAX_ACTIVE or sum(len(policy.content) for policy in policies) > MAX_TOTAL:
        detail = f"At most {MAX_ACTIVE} policies and {MAX_TOTAL} characters may be active together."
        raise BadInput(detail, code="too_many_policies")
    return _compile(assemble(policies), base.ENTRYPOINT, {policy.file for policy in policies})


def _compile(modules: Mapping[str, str], entrypoint: str, own: Container[str]) -> bytes:
    try:
        return compile_modules(modules, [entrypoint], limits=LIMITS)
    except RegoError as error:
        raise refused(sorted(error.problems, key=lambda problem: problem.file not in own)) from None


def refused(problems: Sequence[Problem]) -> BadInput:
    """What the author is told. A compiler that died knows no place; the beginning of the file stands for it."""
    first = problems[0]
    line, column = first.line or 1, first.column or 1
    text = "; ".join(f"line {one.line or 1}, column {one.column or 1}: {one.message}" for one in problems[:10])
    fields = {"content": text, "line": str(line), "column": str(column)}
    return BadInput("The policy cannot be used.", code="bad_policy", fields=fields)


_WANTED = "a policy's package is behavry.tenant.<name>, the name in lower-case letters, digits and underscores"


def further_packages(tokens: Sequence[source.Token]) -> Iterator[Problem]:
    for index, token in enumerate(tokens):
        if token.text == "package" and index and tokens[index - 1].line < token.line:
            yield Problem("", token.line, token.column, "second_package", "a policy has one package")


def nesting(tokens: Iterable[source.Token]) -> Iterator[Problem]:
    depth = 0
    for token in tokens:
        depth += (token.text in {"(", "[", "{"}) - (token.text in {")", "]", "}"})
        if depth > MAX_NESTING:
            yield Problem("", token.line, token.column, "too_deep", f"at most {MAX_NESTING} brackets within brackets")
            return


def _overreach(tokens: Sequence[source.Token], slug: str) -> Iterator[Problem]:
    allowed = ((*PACKAGE, slug), SHARED)
    for one in source.imports(tokens):
        if one.steps[0] not in {"input", "data"} and not _below(one.steps, _LANGUAGE):
            yield _at(one, "out_of_reach", f"{'.'.join(one.steps)} cannot be imported")
    for one in source.references(tokens, "data"):
        if not _below(one.steps[1:], allowed):
            reach = f"data.behavry.words and data.behavry.tenant.{slug}"
            yield _at(one, "out_of_reach", f"{'.'.join(one.steps)} is out of reach; a policy may use {reach}")
    for word, one in source.replaced(tokens):
        if one.steps == ("input",) or one.steps[0] != "input":
            message = "a policy may replace single fields of input (`with input.request.action as …`) and nothing else"
            yield Problem("", word.line, word.column, "out_of_reach", message)
    yield from further_packages(tokens)
    if not any(token.text in {"verdicts", "filesystem_roots"} for token in tokens):
        yield Problem("", 1, 1, "silent", "a policy contributes `verdicts` (or `filesystem_roots`); this one does not")


def _below(steps: Iterable[str], roots: Iterable[tuple[str, ...]]) -> bool:
    path = tuple(steps)
    return any(path[: len(root)] == root for root in roots)


def _usable(slug: str) -> bool:
    return SLUG.match(slug) is not None and slug not in _KEYWORDS


def _at(reference: source.Reference, code: str, message: str) -> Problem:
    return Problem("", reference.line, reference.column, code, message)
