"""What words stand for, in all languages alike: verbs by what they do, who is spoken to, what is put aside, what is hidden.

What is learned about an idea in one language holds for the others. A `*` stands for any ending; scripts without blanks
are searched for within their runs of characters.
"""

import re
from functools import lru_cache

from apps.decision.scan.injection import folding

# English verbs of doing, as they stand where orders have them.
VERBS: dict[str, tuple[str, ...]] = {
    "send": ("send", "email", "e-mail", "mail", "forward", "text", "message", "post", "share", "publish", "tweet", "reply", "write", "notify", "dm", "relay", "pass", "submit", "deliver", "draft", "respond", "contact", "announce", "broadcast", "comment"),
    "pay": ("transfer", "pay", "wire", "deposit", "withdraw", "donate", "refund", "purchase", "buy", "sell", "order", "charge", "invest", "trade", "initiate", "process", "top"),
    "erase": ("delete", "remove", "erase", "wipe", "empty", "drop", "cancel", "unsubscribe", "block", "revoke", "clear", "decline", "terminate", "shut", "stop", "deactivate", "archive", "discard", "destroy", "unfollow", "uninstall"),
    "grant": ("grant", "give", "add", "invite", "unlock", "open", "allow", "approve", "accept", "enable", "authorize", "whitelist", "assign", "promote", "disable", "permit", "register", "enroll", "subscribe", "follow", "join", "like", "connect", "link"),
    "fetch": ("retrieve", "get", "fetch", "access", "find", "search", "look", "list", "check", "read", "export", "download", "extract", "collect", "gather", "show", "use", "query", "locate", "track", "display", "view", "copy", "obtain", "reveal", "provide", "request", "pull", "lookup", "ask", "scan"),
    "change": ("change", "update", "modify", "edit", "set", "reset", "rename", "move", "redirect", "reschedule", "replace", "append", "increase", "decrease", "switch", "turn", "adjust", "alter", "configure", "mark", "merge", "insert", "schedule", "book", "reserve", "create", "make", "generate", "upload", "save", "push", "commit", "restart", "run", "execute", "install", "call", "invoke", "launch", "start", "activate", "perform", "manage", "control", "order", "arrange", "plan", "place", "file", "put", "upgrade", "complete", "fill", "sign", "confirm", "apply", "vote", "rate", "log"),
    "say": ("say", "tell", "write", "recommend", "mention", "include", "answer", "translate", "summarize", "explain", "describe", "suggest", "print", "output", "advise", "encode", "convert", "visit", "click", "go", "state", "inform", "instruct", "rank", "claim", "end", "begin", "respond", "compose", "insist", "talk", "assist", "help", "teach", "remind", "act", "what", "encourage", "report", "remember", "ensure", "let", "convince", "point", "emphasize", "compare", "calculate", "solve", "imagine", "repeat", "finish", "conclude", "return", "score", "praise"),
}  # fmt: skip
# Words of Latin and Cyrillic script.
SPACED: dict[str, str] = {
    "send": "sende* schick* leite* weiterleit* maile* poste* teile* envoie* envoyez envoyer transmets transmettez partage* reenvi* envia* envie* manda* mande* comparte* compartilh* encaminh* invia* inoltra* condividi* stuur* verstuur* deel отправ* перешли* пришли* поделись* скинь przeslij wyslij",
    "pay": "uberweis* zahle* bezahl* kaufe* bestell* vire virez verse paie* payez achet* commande* transfier* transfer* paga* pague* compr* deposit* transfira* trasferisci* acquist* koop betaal overmaken переведи* оплати* купи* закажи* zaplac kup",
    "erase": "losch* entfern* storniere* kundige* sag* supprim* efface* annul* borra* elimin* cancel* apag* exclu* cancella* verwijder* annuleer wis удали* отмени* сотри* usun",
    "grant": "offne* gib freigeb* einlad* fuge schalt* ouvre* ajout* invit* donne* abre* abra* agreg* anad* conced* adicion* convid* apri* aggiung* open voeg nodig добав* открои* пригласи* разреши* выключи* отключи* включи* eteins desactiv* apaga* deslig* spegn*",
    "fetch": "suche* hole* lies lade cherche* trouve* recuper* telecharg* lis busca* busque* descarg* lee procur* baix* leia cerca* scaric* leggi zoek haal lees наиди* получи* скачаи* прочитаи* прочти покажи* zeig* gib affich* montre* muestra* mostre* mostra* toon",
    "change": "ander* setz* erstell* buche* reserv* verschieb* trag* change* modifi* cree* mets cambi* crea* pon sube* mud* alter* crie* prenot* aggiorna* wijzig* maak boek измени* создаи* забронируи* перенеси* загрузи* запиши*",
    "say": "sag schreib* antwort* ubersetz* empfiehl* empfehl* erklar* erzahl* lob* erwahn* dis dites ecri* repond* tradui* recommand* explique* raconte* di diga escrib* respond* contest* traduc* recomiend* recomend* explic* cuent* cont* escrev* traduz* diga scriv* rispond* traduc* consigli* racconta* schrijf antwoord vertel beveel напиши* ответь* отвечаи* скажи* говори* переведи* рекомендуи* расскажи* упоминаи*",
    "ignore": "ignore* ignoring ignorier* disregard* forget* forgot overlook* nevermind dismiss* discard* abandon* neglect* override* overrul* supersed* bypass* skip stop drop abort cease cancel* erase* wipe* disobey* unlearn vergiss* vergess* beachte* missacht* oublie* oubliez abandonne* laisse* ecoute* arrete* olvid* ignor* deja* desconsider* esquec* pare dimentic* trascur* negeer vergeet stop забудь* игнорир* прекрати* слушаи* обращаи* отмени* zapomnij zignoruj",
    "prior": "previous previously prior earlier above preceding before former foregoing beginning original initial begin bisherig* vorherig* vorher oben obig* fruher* precedent* avant haut plus anterior* previ* antes arriba acima precedent* prima sopra vorig* hierboven eerder предыдущ* прежн* ранее выше прошл* poprzedni* powyzsz*",
    "rules": "instruction* instructed prompt prompts directive* guideline* guidance rules rule command* order* policy policies programming guardrail* constraint* anweisung* vorgabe* regel* auftrag* befehl* richtlinie* consigne* instruction* regle* ordre* instruccion* regla* orden* orientac* instruc* regra* ordem* istruzion* regol* instructie* opdracht* regels инструкц* правил* указан* приказ* команд* промпт* systemprompt",
    "task": "task tasks goal objective mission job assignment request question query summary aufgabe* ziel tache* mission* but tarea* mision* objetivo tarefa* missao compito* taak doel задач* цель задани* zadanie",
    "machine": "ai ais llm llms assistant assistants assistent* assistente* asistente* ассистент* помощник* chatbot* chatgpt gpt claude copilot gemini bot bots robot* roboter бот робот* agent agents agente* агент* model models modell* modele* modelo* modello модел* ки kunstlich* artificiel* artificial* intelligen* ia ias intelligenza inteligenc* ии искусствен* нейросет* sprachmodell* linguagem lenguaje language automated",
    "user": "user user's users utilisateur* usuario* usuaria utente gebruiker* nutzer* benutzer* пользовател* owner human principal reader uzytkownik*",
    "you": "you your you're yourself u ur du dich dir dein* sie ihnen ihr* tu toi te ton ta tes vous votre vos tu te ti tus usted ustedes voce voces seu sua seus suas lei suo sua je jij jou jouw u uw ты тебя тебе твои* твоя твои вы вас вам ваш* ciebie twoje",
    "me": "my me mine i i'm i've mein* mich mir ich mon ma mes moi je mi mis me yo meu minha meus minhas eu mio mia io mijn ik мои* моя мне меня я",
    "boss": "developer* creator* admin administrator* administrateur administrador* amministratore beheerder админ* администратор* engineer* programmer* operator* ceo chef provider* entwickler* developpeur createur desarrollador* programador* criador* creatore ontwikkelaar разработчик* создател* root superuser moderator supervisor openai anthropic security compliance authority police",
    "limit": "filter* restriction* limit* limitation* safety safeguard* censorship einschrankung* grenzen beschrankung* sicherheit* securite limite* seguridad filtro* restricc* seguranca restric* limiti beperking* grenzen ограничен* фильтр* безопасност* refusal* refuse* never-refuse unrestricted unfiltered uncensored",
    "off": "off disabled lifted suspended removed void cancelled canceled revoked invalid outdated obsolete waived deactivated unlocked bypassed aufgehoben abgeschaltet deaktiviert ungultig ausgeschaltet levees desactive* annule* desactivad* levantad* anulad* desativad* desligad* disattivat* uitgeschakeld отключен* снят* отменен* no without ohne sans sin sem senza zonder без nessun kein*",
    "permit": "allowed authorized authorised permitted permission permissions permit* granted approved approval confirmation confirm consent privilege* rights unlimited free darfst erlaubt berechtigt* rechte genehmigung autorise* permis* droits permiso* autorizad* permissao permesso toestemming rechten разреш* прав* подтвержд* можешь puedes podes puoi mag peux pode consented clearance access full",
    "conceal": "secret* secretly hide hidden silently quietly mention mentioning reveal notice tell telling knows erwahn* verrat* heimlich verschweig* mentionne* cache* rien menciona* mencion* ocult* conte* nascond* zwijg упоминаи* скрои* тайно сообщаи*",
    "mask": "pretend act acting roleplay role play simulate imagine persona character voice impersonate behave become called named speak als tust rolle stell benimm joue* imagine* fais personnage actua* imagina* finge* personaje aja finja fingi* gioca speel doe играи* представь* притвор* роль",
    "fresh": "now new instead first next then actual real true only jetzt neu* ab stattdessen zuerst zunachst nur desormais maintenant nouvelle* nouveau d'abord plutot seulement ahora nuev* primero solo lugar agora nov* primeiro apenas so ora adesso nuov* subito invece nu nieuwe eerst alleen теперь новыи новая новое сначала только сеичас вместо teraz",
    "secret": "password* token tokens credential* key keys secret secrets ssh env passwort* kennwort* zugangsdaten mot-de-passe passe contrasena* senha* wachtwoord* парол* ключ* haslo cookies otp code",
    "reply": "answer* reply replies respond response responses output outputs antwort* reponse* repond* respuesta* respond* resposta* risposta* rispond* antwoord* ответ* odpowied* message footer",
    "praise": "recommend* best excellent praise rate rating score rank top positive accept empfiehl* bestnote lob* recommand* meilleur* recomiend* recomend* mejor melhor consigli* miglior* beste рекоменд* лучш* высш* балл оценк*",
    "haste": "urgent* immediately emergency critical final warning asap once dringend sofort urgence immediat* urgente inmediat* срочно немедленно",
    "not": "not don't dont never nicht kein* keine niemals ne pas jamais no nunca nao non niet geen не никогда nie do-not",
    "system": "system sistema systeme systeem систем* systemhinweis session conversation chat context sitzung sesion sessao sessione sessie сесси* сеанс*",
    # Towards harmless: talk about such texts, and people rather than programs.
    "theory": "injection* jailbreak* attack* attacker* angreif* angriff* attaque* attaquant* atacante* ataque* aanval* attacc* aggressor* атак* злоумышлен* malicious phishing researcher* forscher* chercheur* investigador* исследовател* vulnerab* detect* classifier benchmark payload* defence defense* defend* mitigat* regex test tests pytest dataset threshold expert* fachleute",
    "people": "customer* client* team colleague* passenger* student* teacher* parent* employee* staff visitor* member* tenant* driver* guest* patient doctor children kunden kollegen eltern mitarbeiter* clients eleves parents clientes padres alumnos alunos clienti genitori leerlingen коллег* клиент* родител* guys folks everybody everyone council ministry mayor",
    "third": "he she they his her their him them er ihm ihnen il elle ils elles leur el ella ellos ele ela eles lui loro hij zij они он она его ее им said told asked was were had",
}
# Scripts that write no blanks.
UNSPACED: dict[str, str] = {
    "send": "转发 发送 发给 分享 傳送 發送 转告 寄 転送 送信 送って 送る 共有 送付 보내 전송 전달 공유 보내라",
    "pay": "转账 转到 汇款 购买 支付 轉賬 付款 预订 转 送金 購入 支払 振り込 予約 이체 구매 결제 송금 예약",
    "erase": "删除 取消 清空 刪除 卸载 削除 キャンセル 消して 取り消 삭제 취소",
    "grant": "打开 添加 邀请 授予 禁用 关闭 关灯 開けて 招待 許可 追加 解除 消灯 開ける 열어 추가 초대",
    "fetch": "查找 获取 提取 下载 找出 读取 显示 検索 取得 ダウンロード 見せて 表示 読み 검색 다운로드 찾아 출력",
    "change": "修改 更改 改成 改为 创建 上传 変更 作成 アップロード 更新 변경 업로드",
    "say": "告诉 回复 回答 推荐 写 翻译 说 教えて 伝えて 返信 答え 推薦 勧め 書い 翻訳 話せ 대답 추천 말하 써 언급",
    "ignore": "忽略 无视 不要理会 忘掉 忘记 不用管 停止 放弃 無視 忘れ 従わ 中止 やめ 무시 잊고 중단",
    "prior": "之前 以前 上面 上述 先前 此前 前面 上記 以前 これまで 先ほど 上の 前の 위의 이전 지금까지",
    "rules": "指令 指示 提示词 系统提示 规则 要求 命令 说明 指示 プロンプト 命令 ルール 指図 지시 명령 규칙 프롬프트",
    "task": "任务 目标 タスク 任務 作業 目的 작업 임무",
    "machine": "人工智能 助手 模型 机器人 代理 智能体 アシスタント モデル エージェント ロボット 人工知能 어시스턴트 모델 로봇 에이전트 봇 인공지능",
    "user": "用户 使用者 ユーザー ユーザ 사용자",
    "you": "你 您 あなた 君 너 당신 네",
    "me": "我 私 僕 내 나",
    "boss": "管理员 开发者 创造者 管理者 開発者 作成者 관리자 개발자",
    "limit": "限制 过滤器 安全 约束 制限 フィルター 制約 安全 제한 필터 안전",
    "off": "解除 关闭 失效 没有 不受 无需 作废 解除 なし ない 無効 해제 없는",
    "permit": "权限 允许 可以 授权 批准 权 許可 権限 できます 허용 권한",
    "conceal": "不要告诉 不要提到 保密 隐藏 言わない 触れない 秘密 内緒 말하지 언급하지 비밀",
    "mask": "扮演 假装 从现在开始 你现在是 变成 役 ふり これから 今から 演じ 지금부터 이제 역할",
    "fresh": "现在 新的 首先 先 只 直接 改为 今 新しい まず だけ 代わりに 새로운 먼저 만 대신",
    "secret": "密码 密钥 令牌 凭据 口令 パスワード 秘密鍵 トークン 비밀번호 암호",
    "reply": "回答 回复 回答 返信 답변 응답",
    "praise": "最高分 最好 推荐 最高 勧め 推薦 最高点 추천 최고",
    "haste": "紧急 立即 马上 緊急 直ちに 至急 긴급 즉시",
    "not": "不要 不 别 勿 ない ません ず 않 지 마",
    "system": "系统 会话 システム セッション 시스템",
    "theory": "攻击 注入 研究 检测 攻撃 研究者 インジェクション 検出 공격 연구",
    "people": "同事 客户 家长 各位 各部门 市民 皆様 お客様 社員 고객 여러분 입주민",
}
_RUNS = re.compile(r"[^\x00-\u052f]")


def _tables() -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """Whole words, and stems."""
    whole: dict[str, set[str]] = {}
    stems: dict[str, set[str]] = {}
    for name, words in SPACED.items():
        for word in words.split():
            table = stems if word.endswith("*") else whole
            table.setdefault(folding.fold(word.rstrip("*")), set()).add(name)
    for name, verbs in VERBS.items():
        for verb in verbs:
            whole.setdefault(verb, set()).add(name)
    return tuple({word: tuple(sorted(names)) for word, names in table.items()} for table in (whole, stems))  # type: ignore[return-value]


_WHOLE, _STEMS = _tables()
_WITHIN = tuple((folding.fold(word), name) for name, words in UNSPACED.items() for word in words.split())


@lru_cache(maxsize=1 << 14)
def ideas_of(word: str) -> tuple[str, ...]:
    """What a folded word stands for; most words stand for nothing."""
    if _RUNS.search(word):
        return tuple(dict.fromkeys(name for part, name in _WITHIN if part in word))
    found = set(_WHOLE.get(word, ()))
    for size in range(3, len(word) + 1):
        found.update(_STEMS.get(word[:size], ()))
    return tuple(sorted(found))
