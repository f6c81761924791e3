"""Writes templates.json beside it: chat templates in the styles that models use, with what transformers renders.

pip install transformers==5.23.0 jinja2==3.1.6; python make-templates.py
"""
import json
import pathlib

from transformers.utils.chat_template_utils import render_jinja_template

special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}

chatml = """{%- for message in messages %}
    {{- '<|im_start|>' ~ message.role ~ '\\n' ~ message.content ~ '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""
llama3 = """{{ bos_token }}
{%- if custom_tools is defined %}{% set tools = custom_tools %}{% endif -%}
{%- if date_string is not defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "1 Jan 2020" %}
    {%- endif %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system = "" %}
{%- endif %}
{{- "<|start|>system<|end|>\\n\\nToday: " + date_string + "\\n\\n" }}
{%- if tools is not none %}
    {{- "Functions:\\n" }}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- system }}{{- "<|eot|>" }}
{%- for message in messages %}
    {%- if 'tool_calls' in message %}
        {%- if message.tool_calls | length != 1 %}
            {{- raise_exception("One call at a time!") }}
        {%- endif %}
        {%- set call = message.tool_calls[0].function %}
        {{- '<|start|>assistant<|end|>\\n\\n{"name": "' + call.name + '", "parameters": ' }}
        {{- call.arguments | tojson }}
        {{- "}<|eot|>" }}
    {%- elif message.role == 'tool' %}
        {{- '<|start|>ipython<|end|>\\n\\n' }}
        {%- if message.content is mapping or message.content is iterable and message.content is not string %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot|>" }}
    {%- else %}
        {{- '<|start|>' + message['role'] + '<|end|>\\n\\n' + message['content'] | trim + '<|eot|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|start|>assistant<|end|>\\n\\n' }}{% endif %}
"""
mistral = """{{ bos_token }}{% if messages[0].role == 'system' %}{% set loop_messages = messages[1:] %}{% set system = messages[0].content %}{% else %}{% set loop_messages = messages %}{% endif %}
{%- for message in loop_messages %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Roles must alternate: user, assistant, …') }}
    {%- endif %}
    {%- if message['role'] == 'user' %}
        {%- if loop.last and system is defined %}
            {{- '[INST] ' + system + '\\n\\n' + message['content'] + ' [/INST]' }}
        {%- else %}
            {{- '[INST] ' + message['content'] + ' [/INST]' }}
        {%- endif %}
    {%- elif message['role'] == 'assistant' %}
        {{- ' ' + message['content'] + eos_token }}
    {%- else %}
        {{- raise_exception('Only user and assistant!') }}
    {%- endif %}
{%- endfor %}"""
gemma = """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<turn>' + role + '
' + message['content'] | trim + '</turn>
' }}{% endfor %}{% if add_generation_prompt %}{{'<turn>model
'}}{% endif %}"""
phi3 = """{% for m in messages %}{% if m['role'] == 'user' %}{{ '<|user|>' + '\\n' + m['content'] + '<|end|>' + '\\n' + '<|assistant|>' + '\\n' }}{% elif m['role'] == 'assistant' %}{{ m['content'] + '<|end|>' + '\\n' }}{% endif %}{% endfor %}"""
qwen = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content + '\\n\\n' }}
    {%- endif %}
    {{- "# Tools\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- set ns = namespace(multi=true, last=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi = false %}
        {%- set ns.last = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content if message.content is string else '' %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning = message.reasoning_content %}
        {%- elif '</think>' in content %}
            {%- set reasoning = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last and (loop.last or reasoning) %}
            {{- '<|im_start|>assistant\\n<think>\\n' + reasoning.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {%- for call in message.tool_calls or [] %}
            {%- if call.function %}{% set call = call.function %}{% endif %}
            {{- '\\n<tool_call>\\n{"name": "' ~ call.name ~ '", "arguments": ' }}
            {{- call.arguments if call.arguments is string else call.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or messages[loop.index0 - 1].role != "tool" %}{{ '<|im_start|>user' }}{% endif %}
        {{- '\\n<tool_response>\\n' + content + '\\n</tool_response>' }}
        {%- if loop.last or messages[loop.index0 + 1].role != "tool" %}{{ '<|im_end|>\\n' }}{% endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}"""
parts = """{% for m in messages %}[{{ m.role }}]{% if m.content is string %}{{ m.content }}{% else %}{% for part in m.content %}{% if part.type == 'text' %}{{ part.text }}{% endif %}{% if not loop.last %}|{% endif %}{% endfor %}{% endif %}
{% endfor %}"""
language = """
  {# a comment #}
    {% if true %}
indented
    {% endif %}
text {% if false %}no{% else %}yes{% endif %}
next line
{% generation %}
generated {{ messages|length }}
{% endgeneration %}
{%- set ns = namespace(n=0) %}
{%- for i in range(2, 20, 3) %}{% if i == 8 %}{% continue %}{% endif %}{% if i > 13 %}{% break %}{% endif %}{{ i }},{% endfor %}
{{ {'b': 1, 'a': [true, none, 1.5, "é\\n\\"'<&>"], 'c': {}} | tojson }}
{{ {'b': 1, 'a': [], 'd': [1, {'x': 2}]} | tojson(indent=2) }}
{{ ['é', 'a'] | tojson(ensure_ascii=true) }} {{ {'b': 1, 'a': 2} | tojson(separators=(',', ':'), sort_keys=true) }}
{% macro greet(name, mark='!') %}Hello {{ name }}{{ mark }}{% endmacro %}{{ greet('you') }} {{ greet('me', mark='?') }}
{{ messages[0].missing is defined }} {{ messages[0].get('missing', 'default') }} {{ messages[-1].content[:5] }} {{ 'abc'|upper }} {{ [3, 1, 2]|sort|join('-') }}
{{ bos_token }}{{ eos_token }}{{ unk_token }}{{ pad_token }}{{ nothing }}
{{- messages | map(attribute='role') | join(', ') }} {{ (messages | selectattr('role', 'equalto', 'user') | list | length) }} {{ 'x' if messages else 'y' }}
{%- for key, value in {'one': 1, 'two': 2}.items() %} {{ key }}={{ value }}{% endfor %} {{ 7 // 2 }} {{ 7 % 3 }} {{ 2 ** 3 }} {{ 'a' ~ 1 }}
{{ documents | tojson }} {{ tools is none }}
trailing
"""
user = {"role": "user", "content": "What is the weather like today?"}
system = {"role": "system", "content": "  You are a careful assistant.  "}
assistant = {"role": "assistant", "content": "It is sunny, 25 °C.  "}
tool = {"type": "function", "function": {"name": "get_weather", "description": "Says the weather, \"now\" & <here>", "parameters": {"type": "object", "properties": {"città": {"type": "string", "enum": ["Roma", "東京"]}}, "required": []}}}
call = {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": "get_weather", "arguments": {"città": "東京", "days": 2, "x": [1.5, None, True]}}}]}
result = {"role": "tool", "name": "get_weather", "content": "{\"t\": 25}"}
fixed = {"date_string": "26 Jul 2024"}
chats = {"one": [user], "system": [system, user], "three": [user, assistant, {"role": "user", "content": "Thanks!"}], "system+three": [system, user, assistant, user], "two users": [user, user], "open": [user, assistant]}
tools = {"tools": [user, call, result], "tools+system": [system, user, call, result, {**result, "content": "again"}]}
thinking = {"think": [user, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nYes."}, user, {"role": "assistant", "content": "<think>\nhm hm\n</think>\n\nNo."}]}
array = {"parts": [{"role": "user", "content": [{"type": "text", "text": "first part of it"}, {"type": "text", "text": "second part"}]}, assistant]}


def cases(source, chats, **options):
    rows = []
    for name, messages in chats.items():
        for flags in ({"add_generation_prompt": True}, {"add_generation_prompt": False}, {"continue_final_message": True}):
            if "continue_final_message" in flags and (messages[-1]["role"] != "assistant" or not messages[-1]["content"]):
                continue
            row = {"chat": name, "messages": messages, "options": {**flags, **options}}
            try:
                row["text"] = render_jinja_template([messages], chat_template=source, **flags, **options, **special)[0][0]
            except Exception as error:
                row["error"] = str(error)
            rows.append(row)
    return {"source": source, "cases": rows}


found = {
    "chatml": [cases(chatml, chats)],
    "llama-3": [cases(llama3, chats, **fixed), cases(llama3, tools, tools=[tool], **fixed)],
    "mistral": [cases(mistral, chats)],
    "gemma": [cases(gemma, chats)],
    "phi-3": [cases(phi3, chats)],
    "qwen": [cases(qwen, {**chats, **thinking}), cases(qwen, {**chats, **tools}, tools=[tool, tool]), cases(qwen, chats, enable_thinking=False)],
    "parts": [cases(parts, {**chats, **array})],
    "language": [cases(language, chats, documents=[{"title": "A", "text": "b"}])],
}
pathlib.Path(__file__).with_name("templates.json").write_text(json.dumps(found, ensure_ascii=True, indent=1) + "\n")
print({name: sum("error" in row for part in value for row in part["cases"]) for name, value in found.items()})
