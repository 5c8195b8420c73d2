"""Tools and a prompt that ask the client for input and are called again with it (the stateless era's way)."""

import mcp_types as types

from behavry.conformance.content import object_schema, text
from behavry.conformance.tools import Answer, Context, FixtureTool


def asks_user(message: str, field: str, kind: str = "string") -> types.ElicitRequest:
    schema = object_schema((field,), **{field: {"type": kind}})
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=message, requested_schema=schema))


def _asks_model(prompt: str, max_tokens: int) -> types.CreateMessageRequest:
    message = types.SamplingMessage(role="user", content=text(prompt))
    return types.CreateMessageRequest(
        params=types.CreateMessageRequestParams(messages=[message], max_tokens=max_tokens)
    )


def _asks_roots() -> types.ListRootsRequest:
    return types.ListRootsRequest()


def elicited(params: types.InputResponseRequestParams, key: str, field: str) -> str | None:
    """What the user entered, or None when the answer is not there or was not given."""
    answer = (params.input_responses or {}).get(key)
    if not isinstance(answer, types.ElicitResult) or answer.action != "accept":
        return None
    value = (answer.content or {}).get(field)
    return None if value is None else str(value)


def _done(value: str) -> Answer:
    return types.CallToolResult(content=[text(value)])


def _needs(state: str | None = None, /, **requests: types.InputRequest) -> Answer:
    return types.InputRequiredResult(input_requests=requests, request_state=state)


async def _elicitation(_ctx: Context, params: types.CallToolRequestParams) -> Answer:
    name = elicited(params, "user_name", "name")
    return _done(f"Hello, {name}!") if name else _needs(user_name=asks_user("What is your name?", "name"))


async def _sampling(_ctx: Context, params: types.CallToolRequestParams) -> Answer:
    answer = (params.input_responses or {}).get("capital_question")
    if isinstance(answer, types.CreateMessageResult) and isinstance(answer.content, types.TextContent):
        return _done(answer.content.text)
    return _needs(capital_question=_asks_model("What is the capital of France?", 100))


async def _list_roots(_ctx: Context, params: types.CallToolRequestParams) -> Answer:
    answer = (params.input_responses or {}).get("client_roots")
    if isinstance(answer, types.ListRootsResult):
        return _done("Roots: " + ", ".join(str(root.uri) for root in answer.roots))
    return _needs(client_roots=_asks_roots())


async def _request_state(_ctx: Context, params: types.CallToolRequestParams) -> Answer:
    if params.request_state == "awaiting confirmation" and elicited(params, "confirm", "ok"):
        return _done("state-ok")
    return _needs("awaiting confirmation", confirm=asks_user("Please confirm", "ok", "boolean"))


async def _multiple_inputs(_ctx: Context, params: types.CallToolRequestParams) -> Answer:
    wanted = {"user_name", "greeting", "client_roots"}
    if params.request_state == "three questions" and wanted <= set(params.input_responses or {}):
        return _done("All three answers arrived.")
    return _needs(
        "three questions",
        user_name=asks_user("What is your name?", "name"),
        greeting=_asks_model("Generate a greeting", 50),
        client_roots=_asks_roots(),
    )


async def _multi_round(_ctx: Context, params: types.CallToolRequestParams) -> Answer:
    state = params.request_state or ""
    if state.startswith("round 2 of ") and (color := elicited(params, "step2", "color")):
        return _done(f"{state.removeprefix('round 2 of ')} likes {color}.")
    if state == "round 1" and (name := elicited(params, "step1", "name")):
        return _needs(f"round 2 of {name}", step2=asks_user("Step 2: What is your favorite color?", "color"))
    return _needs("round 1", step1=asks_user("Step 1: What is your name?", "name"))


async def _capabilities(ctx: Context, _params: types.CallToolRequestParams) -> Answer:
    declared = ctx.session.client_capabilities or types.ClientCapabilities()
    requests: dict[str, types.InputRequest] = {}
    if declared.elicitation is not None:
        requests["user_name"] = asks_user("What is your name?", "name")
    if declared.sampling is not None:
        requests["greeting"] = _asks_model("Generate a greeting", 50)
    return _needs(**requests) if requests else _done("The client can be asked nothing.")


async def _streaming(ctx: Context, _params: types.CallToolRequestParams) -> Answer:
    await ctx.session.report_progress(0, 1)
    return _needs(user_name=asks_user("What is your name?", "name"))


async def prompt_with_input(
    _ctx: Context, params: types.GetPromptRequestParams
) -> types.GetPromptResult | types.InputRequiredResult:
    context = elicited(params, "user_context", "context")
    if context is None:
        request = asks_user("What context should the prompt use?", "context")
        return types.InputRequiredResult(input_requests={"user_context": request})
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=text(f"Context: {context}"))])


ROUND_TOOLS = (
    FixtureTool("test_input_required_result_elicitation", "Asks for a name", _elicitation),
    FixtureTool("test_input_required_result_sampling", "Asks the client's model", _sampling),
    FixtureTool("test_input_required_result_list_roots", "Asks for the client's roots", _list_roots),
    FixtureTool("test_input_required_result_request_state", "Carries state between rounds", _request_state),
    FixtureTool("test_input_required_result_tampered_state", "Refuses state it did not make", _request_state),
    FixtureTool("test_input_required_result_multiple_inputs", "Asks three things at once", _multiple_inputs),
    FixtureTool("test_input_required_result_multi_round", "Asks twice", _multi_round),
    FixtureTool("test_input_required_result_capabilities", "Asks only what the client can do", _capabilities),
    FixtureTool("test_streaming_elicitation", "Streams, then asks", _streaming),
)
