"""How request bodies are read everywhere: JSON that can also be written again.

Refuses lone surrogates, which JSON can spell and neither UTF-8 nor the database can hold, and nesting without end.
"""

import json
import re
from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class StrictJSONParser(JSONParser):
    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        body = stream.read()
        try:
            value = super().parse(BytesIO(body), media_type, parser_context)
            if _SURROGATE.search(body):  # a pair is a character; half of one is not
                json.dumps(value, ensure_ascii=False).encode()
        except RecursionError:
            raise ParseError("JSON nested too deeply") from None
        except UnicodeEncodeError:
            raise ParseError("JSON with half a character: an unpaired surrogate") from None
        return value
