"""Whether a phrase orders or only talks: who is told to, under which condition, and inside whose quotation marks."""

import re
from functools import cache

from apps.decision.scan.injection.rule import Place, as_bytes
from apps.decision.scan.occurring import Occurring
from apps.decision.types import Severity

_TOLD = re.compile(
    r"(?:(?:you|yourself|must|need|have|want|wants|ought|required|supposed|instructed|sure|remember|important|necessary|urgent"
    r"|imperative|going|are|is|order|task is|job is|goal is|try|begin by|proceed|free|please|just|simply|now|then)"
    r"\s+to|(?:you|we)(?:'ll| will| must| should| shall| can now| may now| need only| do| are now to| also| now| then)?)"
    r"(?:\s+(?:now|just|simply|please|first|then|also|completely|entirely|immediately|instead|always|fully|hereby)){0,2}\s+$"
)
_TALKS = re.compile(
    r"(?:\b(?:to|may|might|could|can|would|will|cannot|should|must|shall|not|never|without|they|it|he|she|which|that|who|whom|we|i"
    r"|users?|people|persons?|someone|attackers?|hackers?|adversar(?:y|ies)|models?|llms?|agents?|ais?|assistants?|chatbots?|bots?"
    r"|prompts?|inputs?|does|did|do|let's not|and not|or|rather than|instead of|than|would you|why|safely|when you|if you|once you)"
    r"|n't)(?:\s+(?:\w+ly|just|simply|also|then|ever|even|try to|attempt to|choose to|want to|blindly)){0,2}\s+$"
)
_CONDITION = re.compile(
    r"^[\s,]*(?:\w+[\s,]+){0,3}?(?:if (?:you|your|it|this|the|they|using|not)(?! (?:are|re)? ?(?:an? |the )?(?:ai|llm|assistant|language|bot|agent|chat))"
    r"|unless|when (?:using|you|running|upgrading)|for (?:windows|linux|mac|docker|version)|about\b|regarding|concerning|in case)"
)
_ASKS = re.compile(
    r"(?:should|do|can|could|why would|would|when (?:should|do)|how (?:do|can|to|should))\s+(?:i|we|one|it|they|you)?\s*$"
)


def as_order(place: Place, severity: Severity) -> Severity | None:
    """Somebody present is told to do it. What others may do, must not do, or ask about, is talk."""
    before = place.before(60)
    if _ASKS.search(before):
        return None
    if _TALKS.search(before) and not _TOLD.search(before):
        return None
    if _CONDITION.match(place.after(60)):
        return Severity.MEDIUM
    return severity


_FORBIDS = re.compile(
    r"\b(?:may|can|must|should|shall) (?:not|never|only)\b|\bcannot\b|\b(?:for|to|with|by) (?:your|the|an?|my) \w+,? (?:you|they|we)\b"
)
_LEADS_IN = re.compile(
    r"(?:such as|like|e\.?g\.?|for (?:example|instance)|i\.?e\.?|phrases?|strings?|texts?|words?|sentences?|says?|saying|said|reads?|reading|contains?|containing"
    r"|include[sd]?|including|named|called|typical|classic|known as|the form|variants?|patterns?|keywords?|inputs?|payloads?|prompts?|examples?|attacks?|messages?"
    r"|looks? like|something like|beginning with|starts? with|begins? with|instructions?|comments?|quote[sd]?|wrote|writes|types?|typed|asks?|asked|tells?|told|match(?:es)?|detects?)"
    r"[\s:,\-(\[*>]*(?:\w+\s){0,2}[\"'`(\[*\s]*$"
)
_TOPICS = (
    r"prompt[- ]injections?|indirect injection|injection (?:attacks?|attempts?)|jailbreak(?:s|ing)?\b|prompt[- ]inject",
    r"attackers?\b|adversar(?:y|ies|ial)|malicious|hackers?\b|threat (?:actors?|models?)|bad actors?|exploit(?:s|ed|ation)?\b",
    r"\bowasp\b|mitre|\bcve-|vulnerabilit|mitigat|defen[cs]es?\b|security (?:research|researchers?|team|teams|review|guide|training|awareness)|red[- ]team",
    r"\bdetect(?:s|ed|ion|or|ors|ing)?\b|classifier|filters?\b|scanner|guardrail|sanitiz|blocklist|heuristic|regex|signature",
    r"hidden (?:text|prompts?|instructions?)|manipulat|\btrick(?:s|ed|ing)?\b|\bfool(?:s|ed|ing)?\b|mislead|bypass(?:es|ed|ing)|harmful|unsafe",
    r"\bresearchers?\b|\bpaper\b|\bstud(?:y|ies)\b|\barxiv\b|\barticle\b|\bblog\b|\btutorial\b|\bsection\b|\bchapter\b|\blecture\b",
    r"for example|for instance|\be\.g\.|such as|\bcalled\b|so-called|known as|the phrase|the string|the words|the following (?:input|prompt|text|payload)",
    r"\bllms?\b|language models?|chatbots?|\bgenai\b|generative ai|system prompts?",
    r"\bto reproduce\b|expected (?:behaviou?r|result)|\bactual(?: behaviou?r)?:|\bregression\b|\bbug\b|false positives?|workaround|\bscore\b",
    r"\b(?:hilarious|funny|lol|joke|trick question|exercise|quiz|question \d|slide)\b|which of these",
    r"\bprompts? (?:used|for|we|they)\b|\bhoneypot|\bappendix\b|\binject(?:s|ed|ing)\b|\bdata theft\b|most (?:frequent|common)|\bimpersonat|\bimitat",
    r"\btest(?:s|ed|ing)?\b(?: case)?|assert|fixture|benchmark|dataset|corpus|example attack",
    # The same topics in other languages: who attacks, what it is called, who looks into it, what helps, examples.
    as_bytes(
        r"angreifer|attaquant|atacante|aggressor|aanvaller|злоумышлен|攻击者|攻撃者|공격자|attaque|ataque|\bangriff|\batak|攻击|攻撃|공격"
    ),
    as_bytes(r"inje(?:k|c)(?:t|c|z)[a-z]{0,3}(?:ion|ao|ione|ie)|инъекци|注入|インジェクション|인젝션"),
    as_bytes(r"sprachmodell|mod[e]le|modelo|modello|модел|模型|モデル|모델|プロンプト|提示词|промпт"),
    as_bytes(
        r"forsch|chercheur|investigador|ricercator|onderzoek|исследовател|研究|연구|fachleute|expert|perito|эксперт|专家|専門家|전문가|deskundig"
    ),
    as_bytes(
        r"empfehl|raten\b|conseillent|recommandent|aconsej|recomiend|recomend|consigl|советуют|建议|勧めて|권한다|aanraden|raden aan|filtr|фильтр|过滤"
    ),
    as_bytes(
        r"zum beispiel|par exemple|por ejemplo|por exemplo|per esempio|bijvoorbeeld|например|вроде|例如|之类|といった|などの|예를 들|schreib[et]n? |ecrit |ecrire |escribe |escrev|scrive |schrijft |пишет |写“|写「|frases como|phrases? comme"
    ),
    r"\bphishing\b|\bspam\b|suspicious|\bfraud|\bscam|\breport (?:it|them|the mail|such)|\bhid(?:e|den)? (?:white )?text|white text|\bvendors?\b|\bmaker\b|\bopenings?\b|the assistants? we",
)
_PATTERN = re.compile(r"\(\?[:i]|\)\?|\(\w+\|\w|\\[bswd]\b|\w\|[\w ]+\)|\.\*|[a-z)]/[gimsu]{1,3}[,;)\n]")
_AROUND = 700
_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s|(?:^|\s)[a-z]?\d{1,2}\s?[:.)]\s[^.]*$")
_FENCE = re.compile(r"(?:^|\n)\s*(?:```|~~~)")
_MARKS = " \n\t.!?,;:\"'`»”)]}>-/"
_OPENS = re.compile(r"[\s\W]*")  # a match may begin with the mark that sets it off
_SOURCE_CODE = re.compile(
    r"\b(?:def|assert|const|import|return|elif|function|class|lambda|await|raise)\s[\w{(*]|\b(?:expect|it|test|describe|assert\w*|parametrize|any|all)\(|=>|[\w\]] ?= ?[\[({]|\]\s*[,)]?\n"
)
# Quotation marks of prose stand behind a word and a blank, not behind a field's name or a bracket.
_SPOKEN = re.compile(r"(?:^|[\w,;.)*:>]\s|\()[\"'`]$")
_REPORTED = re.compile(
    r"(?:such as|like|e\.?g\.?|for (?:example|instance)|says?|saying|said|reads?|contain(?:s|ing)?|wrote|writes?|typed?|types|asks?|asked|tells?|told|called|texts?|lines?|phrases?|sentences?|strings?|words?|prompts?|payloads?|instructions?|commands?|with|openings are|and|or)"
    r":?\s[\"'`][a-z]"
)


def permits(place: Place, severity: Severity) -> Severity | None:
    """A sentence that says what somebody may not do widens nothing."""
    return None if _FORBIDS.search(place.matched) else severity


def talked_about(place: Place) -> bool:
    """Whether the match is an exhibit: marked off as a quotation in a text that is about such attacks.

    Neither alone is enough: all of JSON stands in quotation marks, and an attacker may well drop a word of the trade.
    """
    if _PATTERN.search(place.text[max(0, place.start - 4) : place.end + 12]):  # written for a matcher, not for a reader
        return True
    around = place.before(_AROUND) + " \0 " + place.after(_AROUND)
    topics = _number(around)
    if topics < 1:
        return False
    # What sets the match off may be its own first character.
    opening = _OPENS.match(place.text, place.start, place.end)
    start = opening.end() if opening else place.start
    inner = Place(place.text, start, start + len(place.text[start : place.end].rstrip(_MARKS)))
    marked, spoken = _marked_off(inner)
    if marked and len(_SOURCE_CODE.findall(around)) >= 2:
        return True
    led = _LEADS_IN.search(inner.before(90)) is not None
    if spoken and (led or topics >= 2):
        return True
    if topics < 2:
        return False
    if marked and (led or topics >= 3):
        return True
    return (led and topics >= 3) or topics >= 4 or (topics >= 2 and _REPORTED.search(place.matched) is not None)


def on_topic(place: Place) -> int:
    """How much the text around it is about such attacks, or about models and their prompts."""
    return _number(place.before(_AROUND) + " \0 " + place.after(_AROUND))


def _number(around: str) -> int:
    return len(_topics()(around.encode("utf-8", "replace")))


@cache
def _topics() -> Occurring:
    return Occurring([(topic, False) for topic in _TOPICS])


def _marked_off(place: Place) -> tuple[bool, bool]:
    """Inside a short quotation, a code span, a fenced block, a list item or a block quotation; inside one of prose."""
    line = place.text.rfind("\n", max(0, place.start - 400), place.start) + 1
    head = place.text[max(line, place.start - 300) : place.start]
    tail = place.after(300).split("\n", 1)[0]
    for mark in ('"', "`", "'"):
        if mark == "'" and not re.search(r"(?:^|[\s(\[:,])'[^']{0,200}$", head):
            continue
        if (mark == "'" or (head.count(mark) + head.count("„")) % 2) and mark in tail:
            opening = head.rfind(mark)
            return True, _SPOKEN.search(head[max(0, opening - 3) : opening + 1]) is not None
    stripped = head.lstrip()
    if stripped[:1] in (">", "|") or _ITEM.search(head):
        return True, False
    return len(_FENCE.findall(place.text, max(0, place.start - 3000), place.start)) % 2 == 1, False
