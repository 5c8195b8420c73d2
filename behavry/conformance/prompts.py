"""The fixture's prompts."""

import mcp_types as types
from mcp.shared.exceptions import MCPError

from behavry.conformance.content import embedded, image, text
from behavry.conformance.rounds import prompt_with_input
from behavry.conformance.tools import Context


def _argument(name: str, description: str) -> types.PromptArgument:
    return types.PromptArgument(name=name, description=description, required=True)


PROMPTS = (
    types.Prompt(name="test_simple_prompt", description="One message"),
    types.Prompt(
        name="test_prompt_with_arguments",
        description="Two arguments",
        arguments=[_argument("arg1", "First test argument"), _argument("arg2", "Second test argument")],
    ),
    types.Prompt(
        name="test_prompt_with_embedded_resource",
        description="Embeds a resource",
        arguments=[_argument("resourceUri", "URI of the resource to embed")],
    ),
    types.Prompt(name="test_prompt_with_image", description="Embeds an image"),
    types.Prompt(name="test_input_required_result_prompt", description="Asks for input first"),
)


async def list_prompts(_ctx: Context, _params: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
    return types.ListPromptsResult(prompts=list(PROMPTS))


def _messages(*blocks: types.ContentBlock) -> types.GetPromptResult:
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=block) for block in blocks])


async def get_prompt(
    ctx: Context, params: types.GetPromptRequestParams
) -> types.GetPromptResult | types.InputRequiredResult:
    known = next((prompt for prompt in PROMPTS if prompt.name == params.name), None)
    if known is None:
        raise MCPError(types.INVALID_PARAMS, f"Unknown prompt: {params.name}")
    given = params.arguments or {}
    missing = [argument.name for argument in known.arguments or () if argument.name not in given]
    if missing:
        raise MCPError(types.INVALID_PARAMS, f"Missing arguments: {', '.join(missing)}")
    match params.name:
        case "test_simple_prompt":
            return _messages(text("This is a simple prompt for testing."))
        case "test_prompt_with_arguments":
            return _messages(text(f"Prompt with arguments: arg1='{given['arg1']}', arg2='{given['arg2']}'"))
        case "test_prompt_with_embedded_resource":
            return _messages(
                embedded(given["resourceUri"], "Embedded resource content for testing."),
                text("Please process the embedded resource above."),
            )
        case "test_prompt_with_image":
            return _messages(image(), text("Please analyze the image above."))
        case _:
            return await prompt_with_input(ctx, params)
