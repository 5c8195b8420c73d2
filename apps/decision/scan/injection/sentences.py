"""The sentences of a text that could be orders: those where a verb of doing stands where orders have it."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from apps.decision.scan.injection import folding
from apps.decision.scan.injection.ideas import SPACED, UNSPACED, VERBS
from apps.decision.scan.injection.rule import as_bytes
from apps.decision.scan.injection.views import View
from apps.decision.scan.linear import compile_re2

_FOREIGN = (
    "leite*", "uberweis*", "losch*", "sende*", "schick*", "teile*", "offne*", "buche*", "andere", "fuge", "storniere*", "lade", "empfiehl*", "erstelle*", "kaufe*", "gib", "suche*", "trage", "veroffentliche*", "antworte*", "schreibe*", "rufe", "verschiebe*", "bestelle*", "zahle*", "bezahle*", "konnt*",
    "veuillez", "envoie*", "envoyez", "supprim*", "partage*", "ouvre*", "reserve*", "change*", "ajoute*", "annule*", "telecharge*", "recommande*", "transfere*", "vire*", "vers*", "paie*", "payez", "achete*", "cree*", "cherche*", "repond*", "ecri*", "donne*", "publi*", "transmets", "transmettez", "merci",
    "reenvi*", "transfiere", "transfiera", "borra*", "envia", "envie", "envien", "comparte", "comparta", "abre", "abra", "reserva*", "cambia", "cambie", "anade", "anada", "agrega", "cancela", "cancele", "sube", "suba", "recomienda", "elimina", "elimine", "paga", "pague", "compra", "compre", "crea", "busca", "busque", "publica", "responde", "escribe", "descarga",
    "encaminhe", "transfira", "apague", "exclua", "compartilhe", "reserve", "mude", "altere", "adicione", "recomende", "baixe", "crie", "procure", "busque", "responda", "escreva", "publique", "pesquise",
    "inoltra", "invia", "trasferisci", "cancella", "condividi", "apri", "prenota", "cambia", "aggiungi", "annulla", "carica", "consiglia", "paga", "acquista", "scarica",
    "перешли*", "переведи*", "удали*", "отправь*", "поделись*", "открои*", "забронируи*", "измени*", "отмени*", "добавь*", "загрузи*", "купи*", "оплати*", "создаи*", "наиди*", "опубликуи*", "ответь*", "напиши*", "скачаи*", "порекомендуи*", "закажи*", "проверь*", "получи*", "пришли*", "разреши*",
)  # fmt: skip
_UNSPACED = (
    "转发", "转账", "删除", "发送", "分享", "打开", "预订", "改成", "取消", "发给", "汇款", "购买", "支付", "上传", "下载", "添加", "推荐", "创建", "查找", "获取", "提取", "修改", "更改", "发布", "回复", "告诉", "邀请", "授予", "禁用", "转到", "發送", "轉賬", "刪除",
    "転送", "送金", "削除", "送信", "共有", "開けて", "予約", "キャンセル", "送って", "変更して", "追加して", "購入", "支払", "アップロード", "ダウンロード", "推薦", "作成して", "検索して", "投稿", "返信", "招待", "教えて", "伝えて", "振り込", "許可",
    "전송", "삭제", "보내", "이체", "공유", "예약", "취소", "변경", "추가", "전달", "구매", "결제", "업로드",
)  # fmt: skip
_LEADS = (
    "please", "pls", "kindly", "and", "then", "also", "just", "now", "first", "next", "to", "you must", "you should", "you need to", "must", "should", "could you", "can you", "would you", "will you",
    "you can", "i want you to", "i need you to", "i would like you to", "i'd like you to", "don't forget to", "remember to", "make sure to", "make sure you", "be sure to", "go ahead and", "if you could", "i'd like to", "i want to", "i need to", "simply", "immediately", "quickly", "finally", "instead", "let's", "not", "always", "only",
)  # fmt: skip


def _words(words: tuple[str, ...]) -> str:
    return "|".join(
        (as_bytes(re.escape(word.rstrip("*"))) + (r"[a-z\x80-\xff]*" if word.endswith("*") else ""))
        for word in sorted({folding.fold(word) for word in words}, key=len, reverse=True)
    )


_ENGLISH = tuple(dict.fromkeys(verb for verbs in VERBS.values() for verb in verbs))
_STEERS = ("machine", "ignore", "mask", "limit", "rules", "user", "boss", "conceal")
_STEERING_WORDS = tuple(word for name in _STEERS for word in SPACED[name].split())
# Words that stand everywhere: they alone make no candidate.
_COMMON = frozenset(
    ["agent", "agents", "agente*", "model", "models", "modelo*", "modele*", "modell*", "stop", "skip", "drop", "begin", "cancel*", "limit*", "play", "become", "named", "called", "speak", "als", "joke", "fais", "faz", "doe", "act", "simulate", "character", "safety", "language", "erase*", "wipe*", "override*", "bypass*", "supersed*", "abort", "user", "users", "utente", "owner", "human", "principal", "reader", "rules", "rule", "command*", "order*", "policy", "policies", "directive*", "constraint*", "programming", "instruct*", "engineer*", "programmer*", "operator*", "ceo", "chef", "provider*", "root", "security", "compliance", "authority", "police", "openai", "anthropic", "moderator", "supervisor", "admin", "administrat*", "secret*", "hide", "hidden", "reveal", "notice", "tell", "telling", "knows", "mention", "mentioning", "cache*", "rien", "conte*", "prompt", "prompts", "regel", "regel*", "regels", "regle*", "regla*", "regra*", "ordre*", "orden*", "ordem*", "laisse*", "pare", "deja", "speel", "gioca", "ignor*", "deel"]
)  # fmt: skip
_STEERING = (
    *(word for word in _STEERING_WORDS if folding.fold(word).isascii() and word not in _COMMON),
    "you are now", "you are no longer", "your task", "your instructions", "your user", "your rules", "your goal", "system prompt", "prompt*", "instructions", "the user", "without asking", "confirmation", "never mention", "do not mention", "ai agent*", "you have been", "you are instructed", "must be called", "called before", "your new", "your hidden", "are to", "has to", "have to", "may now", "can now", "access level", "permission*",
    "haz caso", "tiens plus", "tiens pas", "hor auf", "hor mit", "permiso*", "consent",
)  # fmt: skip
_STEERING_BEYOND = tuple(word for word in _STEERING_WORDS if not folding.fold(word).isascii() and len(word) > 3)
_STEERING_UNSPACED = tuple(word for name in _STEERS for word in UNSPACED[name].split() if len(word) > 1)
_PLEASE = ("пожалуйста", "bitte", "por favor", "per favore", "s'il te plait", "s'il vous plait")
_ORDER = compile_re2(
    r"(?:^|[\n.!?;:,\"'`>(*#|\]})-]\s{0,3}|\b(?:" + _words(_LEADS) + r")\s)[\s\"'*_(\[]{0,4}"
    r"(?:(?:" + _words(_ENGLISH) + r")\b|(?:" + _words(_FOREIGN) + r")[^a-z\x80-\xff])"
    r"|"
    + _words(_UNSPACED)
    + "|"
    + _words(_PLEASE)
    # Who is spoken to, and what is put aside: a steering sentence needs no order's verb.
    + r"|\b(?:"
    + _words(_STEERING)
    + r")\b|(?:"
    + _words(_STEERING_BEYOND)
    + r")|"
    + _words(_STEERING_UNSPACED),
    groups=False,
)
# One set of characters first: the search runs from one of them to the next.
_END = re.compile(
    r"[.!?\n。\"'`\\](?:(?<=[\n。!?])|(?<=\.)(?=[\s\"'`)\]}<]|$)"
    r"|(?<=[\"'`])(?:\s?:\s?[\"'`]?|(?=\s?[,}\])]))|(?<=\\)n)"
)
_LABEL = re.compile(r"[\"']\s?:")  # of a field, not an order
# What stands before a sentence in lists, tables, logs and markup is none of its words.
_HEAD = re.compile(
    r"(?:[\s\"'`({\[,:;*\->#|\])}.]|</?(?:p|li|[uo]l|t[dhr]|table|tbody|div|span|br|b|i|em|strong|h\d|a|body|html|article|section|main|header|footer|nav|button|label|title)\b[^<>]{0,80}>"
    r"|\d[\d.:/t-]*z?(?=[\s|;,)\]])|x\])*+"
)
_LONGEST = 320
_SHORTEST = 12
_WORDS = re.compile(
    r"[a-z\u0370-\u052f]{2,}[^a-z\u0370-\u052f]+[a-z\u0370-\u052f]+[^a-z\u0370-\u052f]+[a-z\u0370-\u052f]{2,}|[\u3040-\uffff][^\x00-\x7f]{3}"
)  # fewer than three words order nothing


class Sentence(NamedTuple):
    """A sentence of a view, offsets in code points, and what stands directly before it."""

    text: str
    start: int
    lead: str


def sentences(view: View) -> Iterator[Sentence]:
    """Each sentence with an order's verb in an order's place, once."""
    text, buffer, done = view.text, view.buffer, -1
    plain = len(buffer) == len(text)
    for match in _ORDER.finditer(buffer):
        first, last = match.span()
        place = last - 1 if plain else view.point(last - 1)
        if place < done or _LABEL.match(text, place + 1):
            continue
        start = floor = max(done, place - _LONGEST, 0)
        for end in _END.finditer(text, floor, max(floor, (first if plain else view.point(first)) + 1)):
            start = end.end()
        stop = min(len(text), place + _LONGEST)
        found = _END.search(text, max(place, start + _SHORTEST), stop)
        finish = found.end() if found else stop
        done = finish
        head = _HEAD.match(text, start, finish)
        start = head.end() if head else start
        if finish - start >= _SHORTEST and _WORDS.search(text, start, finish):
            yield Sentence(text[start:finish], start, text[max(0, start - 24) : start])
