"""Where secrets turn up: texts around a secret, for the scorecard."""

import base64
import json
import urllib.parse
from collections.abc import Callable

Place = Callable[[str], str]

# Around a secret that stands for itself.
AROUND: tuple[tuple[str, Place], ...] = (
    ("alone", lambda s: s),
    ("prose", lambda s: f"Hi Mara, the one for staging is {s}, please rotate it after the demo.\nThanks"),
    ("prose_end", lambda s: f"Use this: {s}."),
    ("parens", lambda s: f"see the runbook ({s}) for details"),
    ("env", lambda s: f"LOG_LEVEL=info\nEXTRA={s}\nPORT=8080\n"),
    ("shell", lambda s: f"export THING='{s}'\n./run.sh --verbose"),
    ("yaml", lambda s: f"service:\n  image: web:1.2\n  thing: {s}\n  replicas: 3\n"),
    ("json", lambda s: json.dumps({"user": "u1", "note": s, "n": [1, 2]})),
    ("json_in_json", lambda s: json.dumps({"body": json.dumps({"value": s})})),
    ("json_line", lambda s: json.dumps({"content": f"first line\n{s}\nlast line"})),
    ("python", lambda s: f"client = Client(\n    {s!r},\n    timeout=30,\n)\n"),
    ("javascript", lambda s: f"const c = new Client({{ thing: `{s}` }});"),
    ("go", lambda s: f'c, err := client.New(ctx, "{s}")'),
    ("csv", lambda s: f"id,name,value\n7,main,{s}\n8,other,none"),
    ("xml", lambda s: f"<item><value>{s}</value></item>"),
    ("markdown", lambda s: f"Run it with\n\n```\n{s}\n```\n"),
    ("backticks", lambda s: f"set it to `{s}` and retry"),
    ("log", lambda s: f"2026-03-01T12:00:00Z INFO [worker-3] request failed thing={s} status=401"),
    ("table", lambda s: f"| name | value |\n|---|---|\n| main | {s} |\n"),
    ("diff", lambda s: f"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+{s}\n"),
)
# Around one on a single line only.
IN_LINE: tuple[tuple[str, Place], ...] = (
    ("header", lambda s: f"GET / HTTP/1.1\r\nHost: api.internal\r\nX-Thing: {s}\r\n\r\n"),
    ("colon", lambda s: f"thing:{s}"),
    ("toml", lambda s: f'[main]\nthing = "{s}" # keep\n'),
    ("tab", lambda s: f"main\t{s}\t2026"),
)
# Under an encoding.
ENCODED: tuple[tuple[str, Place], ...] = (
    ("base64", lambda s: json.dumps({"data": base64.b64encode(f"value={s}\n".encode()).decode()})),
    ("base64url", lambda s: base64.urlsafe_b64encode(f"the value is {s}".encode()).decode().rstrip("=")),
    (
        "base64_mime",
        lambda s: base64.encodebytes(f"Some longer text in front of it, then {s} and more".encode()).decode(),
    ),
    ("percent", lambda s: "https://host/cb?to=" + urllib.parse.quote(f"https://x/y?v={s}&z=1", safe="")),
    ("form", lambda s: urllib.parse.urlencode({"a": "1", "text": f"so: {s}"})),
)
# Around a name and its value.
NAMED: tuple[tuple[str, Callable[[str, str], str]], ...] = (
    ("env", lambda k, v: f"PORT=80\n{k}={v}\nDEBUG=0\n"),
    ("export", lambda k, v: f"export {k}='{v}'"),
    ("yaml", lambda k, v: f"app:\n  {k}: {v}\n  port: 80\n"),
    ("yaml_quoted", lambda k, v: f'app:\n  {k}: "{v}"\n'),
    ("json", lambda k, v: json.dumps({"host": "h", k: v, "port": 1})),
    ("json_compact", lambda k, v: json.dumps({k: v}, separators=(",", ":"))),
    ("json_in_json", lambda k, v: json.dumps({"body": json.dumps({k: v})})),
    ("python", lambda k, v: f"{k} = {v!r}\n"),
    ("python_call", lambda k, v: f"connect(host='h', {k.replace('-', '_')}='{v}')"),
    ("python_dict", lambda k, v: f"cfg['{k}'] = '{v}'"),
    ("javascript", lambda k, v: f"const {k.replace('-', '_')} = '{v}';"),
    ("typescript", lambda k, v: f'private {k.replace("-", "_")}: string = "{v}";'),
    ("js_object", lambda k, v: f"{{ {k}: '{v}', retries: 3 }}"),
    ("go", lambda k, v: f'{k.replace("-", "_")} := "{v}"'),
    ("java", lambda k, v: f'String {k.replace("-", "_")} = "{v}";'),
    ("ruby", lambda k, v: f":{k} => '{v}',"),
    ("php", lambda k, v: f"define('{k}', '{v}');"),
    ("csharp", lambda k, v: f'<add key="{k}" value="{v}" />'),
    ("xml", lambda k, v: f"<{k}>{v}</{k}>"),
    ("ini", lambda k, v: f"[db]\n{k} = {v}\n"),
    ("toml", lambda k, v: f'{k} = "{v}"'),
    ("kubernetes", lambda k, v: f'env:\n  - name: {k}\n    value: "{v}"\n'),
    ("compose", lambda k, v: f"    environment:\n      - {k}={v}\n"),
    ("dockerfile", lambda k, v: f"FROM x\nENV {k}={v}\nRUN y"),
    ("terraform", lambda k, v: f'  {k}      = "{v}"\n'),
    ("header", lambda k, v: f"POST / HTTP/1.1\r\n{k}: {v}\r\nAccept: */*\r\n"),
    ("flag", lambda k, v: f"tool login --{k} {v}"),
    ("prose", lambda k, v: f"The {k} is {v} until Friday."),
    ("mail", lambda k, v: f"Hello,\n\nhost: db1\n{k}: {v}\n\nRegards"),
)
