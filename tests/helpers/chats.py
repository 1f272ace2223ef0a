"""A chat template with tools, a tool, and a turn that calls it."""

TEMPLATE = (
    "{{ mood or '' }}"
    "{%- if tools %}<|im_start|>system\n{{ messages[0].content if messages[0].role == 'system' else '' }}"
    "{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}<|im_end|>\n{%- endif %}"
    "{%- for m in messages %}{%- if not (tools and loop.first and m.role == 'system') %}"
    "<|im_start|>{{ m.role }}\n{{ m.content or '' }}"
    "{%- for call in m.tool_calls or [] %}<tool_call>\n{{ call.function | tojson }}\n</tool_call>{%- endfor %}"
    "<|im_end|>\n"
    "{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}<|im_start|>assistant\n{%- endif %}"
)
OWN_FORM = TEMPLATE.replace("tool_call>", "call>")
"""The same with calls in a form that nothing reads."""
_CALL = "<tool_call>\n{{ call.function | tojson }}\n</tool_call>"
XML = TEMPLATE.replace(
    _CALL,
    "<tool_call>\n<function={{ call.function.name }}>\n"
    "{%- for name, value in call.function.arguments.items() %}"
    "<parameter={{ name }}>\n{{ value if value is string else value | tojson }}\n</parameter>\n{%- endfor %}"
    "</function>\n</tool_call>",
)
"""The same with calls as Qwen3-Coder writes them."""
PARAMETERS = TEMPLATE.replace(
    _CALL, '{"name": "{{ call.function.name }}", "parameters": {{ call.function.arguments | tojson }}}'
)
"""The same with calls as Llama 3 writes them."""
PYTHON_TAG = TEMPLATE.replace(_CALL, "<|python_tag|>{{ call.function | tojson }}")
MARKED = TEMPLATE.replace(_CALL, "[TOOL_CALLS] [{{ call.function | tojson }}]")
"""The same with calls as Mistral writes them."""
SEPARATED = TEMPLATE.replace(
    _CALL,
    "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>{{ call.function.name }}\n"
    "```json\n{{ call.function.arguments | tojson }}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
)
"""The same with calls as DeepSeek writes them."""
THINKING = TEMPLATE.replace(
    "<|im_start|>assistant\n{%- endif %}", "<|im_start|>assistant\n<think>\n{% endif %}"
)
"""The same with reasoning that each prompt opens, and that no earlier reply shows."""
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CALL = {
    "role": "assistant",
    "tool_calls": [{"type": "function", "function": {"name": "weather", "arguments": {"city": "Rome"}}}],
}
