"""Writes cases.json: what Jinja2, set up as transformers does for chat templates, makes of these.

Run with Jinja2 3.1: python3 cases.py > cases.json
"""
import datetime
import json
import sys

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        next(parser.stream)
        return parser.parse_statements(["name:endgeneration"], drop_needle=True)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
env.filters["tojson"] = tojson
env.globals["raise_exception"] = raise_exception
env.globals["strftime_now"] = lambda f: datetime.datetime(2025, 11, 4, 9, 5, 7).strftime(f)

VARS = {
    "s": "Hello wind",
    "padded": " \n two words \t",
    "u": "é世🙂 x",
    "n": 3,
    "f": 2.5,
    "big": 1e20,
    "t": True,
    "z": None,
    "l": [3, 1, 2],
    "words": ["b", "A", "c", "a"],
    "d": {"b": 1, "a": [1, 2.0, None, True], "items": "key"},
    "people": [{"name": "Ann", "age": 31, "at": {"city": "Lyon"}}, {"name": "bob", "age": 7}, {"name": "Cy", "age": 31}],
    "quote": "it's <b>\"q\"</b> \\ \x01",
}

# A case a line.
CASES = r"""
{{ s }}
{{ 'a' "b" 'c' }}
{{ "tab\t nl\n q\" u\u00e9 x\x41 \d" }}
{{ 1_000 + 2 }} {{ 1e3 }} {{ 2.50 }} {{ 1.5e-7 }} {{ 123456789012345680.0 }}
{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 6 / 3 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }}
{{ 1 + 2 * 3 - 4 }} {{ (1 + 2) * 3 }} {{ -n }} {{ +n }} {{ -n|abs }} {{ 1 ~ 2 ~ 'x' }} {{ '1' + 2 ~ 3 }}
{{ 'ab' * 3 }} {{ [1] * 2 }} {{ 2 * 'x' }} {{ [1] + [2, 3] }} {{ 'x' * -1 }}|
{{ true }} {{ False }} {{ none }} {{ None }} {{ t }} {{ z }}
{{ big }} {{ 0.1 }} {{ 1e16 }} {{ 100.0 }} {{ f }} {{ 0.0001 }} {{ 0.00001 }}
{{ l }} {{ d }} {{ words }} {{ (1, 2)|list }} {{ quote|list|length }}
{{ ["it's", 'a "b"', 'both \' and "'] }}
{{ undefinedname }}|{{ d.nothing }}|{{ d['nothing'] }}|{{ l[9] }}|{{ undefinedname is defined }}
{{ undefinedname.x }}
{{ undefinedname + 'x' }}
{{ undefinedname() }}
{{ undefinedname ~ 'x' }}|{{ undefinedname|length }}|{% for x in undefinedname %}{% endfor %}|{{ 'a' in undefinedname }}
{{ z.x }}|{{ z['x'] }}
{{ s.nosuch() }}
{{ nosuchfilter|nosuch }}
{{ 1 is nosuch }}
{{ s == 'Hello wind' }} {{ 1 == 1.0 }} {{ 1 == true }} {{ '1' == 1 }} {{ l == [3, 1, 2] }} {{ z == none }} {{ d == d }}
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 'a' < 'b' }} {{ 2 >= 2 }} {{ 1 != 2 }} {{ 'a' != 'a' }}
{{ 'wind' in s }} {{ 'x' not in s }} {{ 1 in l }} {{ 'b' in d }} {{ 9 not in l }} {{ not 1 in l }}
{{ 1 < 'a' }}
{{ t and 'yes' }} {{ z or 'no' }} {{ not t }} {{ t and not z }} {{ z and x.y }} {{ 0 or [] or '' or 'end' }}
{{ 'a' if t else 'b' }} {{ 'a' if z else 'b' }} {{ 'a' if z }}| {{ 'a' if z else 'b' if z else 'c' }}
{{ d.b }} {{ d['b'] }} {{ d.a[1] }} {{ d['a'].0 }} {{ d.items()|list|length }} {{ d['items'] }} {{ people[0].at.city }} {{ l[-1] }} {{ s[0] }} {{ s[-1] }} {{ u[0] }}
{{ l[::-1] }} {{ l[1:] }} {{ l[:1] }} {{ l[-2:] }} {{ l[:-1] }} {{ l[::2] }} {{ l[5:] }} {{ l[1:2] }} {{ l[2:0:-1] }} {{ l[-100:100] }} {{ l[::-2] }}
{{ s[:5] }} {{ s[6:] }} {{ s[::-1] }} {{ u[::-1] }} {{ u[1:3] }} {{ s[2:8:3] }} {{ s[-4:] }} {{ s[:0] }}|{{ s[4:1] }}|
{{ {'a': 1, 'b': {'c': 2}} }} {{ {'a': {'b': {}}}.a.b }} {{ {}|length }} {{ {1: 'x'}[1] }} {{ {'a': 1,} }} {{ [1, 2,] }}
{{ (1, 2)[0] }} {{ () |length }} {{ (1,)|length }} {{ 1, 2 }}
{{ padded.strip() }}|{{ padded.lstrip() }}|{{ padded.rstrip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'abc'.strip('ac') }}|{{ padded|trim }}|{{ 'xax'|trim('x') }}
{{ 'a,b,,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ padded.split() }} {{ 'a b c d'.split(None, 2) }} {{ ''.split(',') }} {{ ''.split() }} {{ 'a</t>b</t>c'.split('</t>')[-1] }}
{{ 'a,b,c'.rsplit(',', 1) }} {{ 'a b c'.rsplit(None, 1) }} {{ 'a\nb\r\nc\n'.splitlines() }} {{ 'a\nb'.splitlines(true) }}
{{ s.startswith('He') }} {{ s.endswith('x') }} {{ s.startswith(('x', 'H')) }} {{ s.upper() }} {{ s.lower() }} {{ 'hello wide world'.title() }} {{ 'hELLO'.capitalize() }}
{{ s.replace('l', 'L') }} {{ s.replace('l', 'L', 1) }} {{ s|replace('wind', 'sea') }} {{ s.find('l') }} {{ s.find('q') }} {{ s.rfind('l') }} {{ s.count('l') }} {{ u.find('x') }}
{{ ', '.join(words) }} {{ '-'.join(['x']) }} {{ 'prefix-x'.removeprefix('prefix-') }} {{ 'x.txt'.removesuffix('.txt') }} {{ '12'.isdigit() }} {{ 'a1'.isalnum() }} {{ 'a'.isalpha() }} {{ ' '.isspace() }} {{ 'A'.isupper() }} {{ 'a'.islower() }}
{{ d.get('b') }} {{ d.get('q') }} {{ d.get('q', 7) }} {{ d.keys()|list }} {{ d.values()|list }} {{ d|length }}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %} {% for k in d %}{{ k }};{% endfor %} {% for k, v in d|items %}{{ k }};{% endfor %}
{{ d|tojson }} {{ u|tojson }} {{ quote|tojson }} {{ [1.0, 1e20, 1.5]|tojson }} {{ z|tojson }} {{ t|tojson }} {{ []|tojson }} {{ {}|tojson }}
{{ d|tojson(indent=2) }} {{ {'a': {'b': [1, {}]}}|tojson(indent=4) }} {{ []|tojson(indent=2) }}
{{ d|tojson(separators=(',', ':')) }} {{ u|tojson(ensure_ascii=true) }} {{ d|tojson(sort_keys=true) }} {{ {1: 2}|tojson }}
{{ undefinedname|tojson }}
{{ l|length }} {{ s|length }} {{ u|length }} {{ l|count }} {{ s|upper }} {{ s|lower }} {{ 'a b'|title }} {{ 'aB'|capitalize }}
{{ undefinedname|default('d') }} {{ z|default('d') }} {{ z|default('d', true) }} {{ ''|d('e', boolean=true) }} {{ s|default('d') }}
{{ '12'|int }} {{ '1.9'|int }} {{ 'x'|int }} {{ 'x'|int(5) }} {{ 3.9|int }} {{ '1.5'|float }} {{ 'x'|float }} {{ 3|string ~ 'x' }} {{ 2.567|round(2) }} {{ 2.5|round }} {{ -3|abs }}
{{ words|join }} {{ l|join(', ') }} {{ people|join('; ', attribute='name') }} {{ words|first }} {{ words|last }} {{ []|first }}| {{ s|first }} {{ s|list|length }}
{{ words|sort }} {{ l|sort }} {{ l|sort(reverse=true) }} {{ words|sort(case_sensitive=true) }} {{ people|sort(attribute='age')|map(attribute='name')|list }} {{ d|dictsort }} {{ {'b': 1, 'a': 2}|dictsort(by='value') }}
{{ l|reverse|list }} {{ 'abc'|reverse }} {{ [1, 2, 1]|unique|list }} {{ ['a', 'A']|unique|list }} {{ l|min }} {{ l|max }} {{ l|sum }} {{ people|sum(attribute='age') }}
{{ people|map(attribute='name')|list }} {{ words|map('upper')|join }} {{ people|map(attribute='at.city', default='?')|list }} {{ z|map('upper')|list }}
{{ people|selectattr('age', 'equalto', 31)|map(attribute='name')|list }} {{ people|selectattr('at')|list|length }} {{ people|rejectattr('age', '>', 10)|map(attribute='name')|join }} {{ l|select('odd')|list }} {{ l|reject('odd')|list }} {{ [0, 1, '']|select|list }} {{ people|selectattr('at', 'defined')|list|length }} {{ z|selectattr('x')|list }}
{{ 'a\nb\n\nc'|indent(2) }}|{{ 'a\nb'|indent(2, true) }}|{{ 'a\n\nb'|indent(2, blank=true) }}|{{ 'a\nb'|indent('> ') }}
{{ quote|e }} {{ s|safe }} {{ '<'|escape }}
{{ 1 is defined }} {{ z is none }} {{ z is not none }} {{ s is string }} {{ 1 is number }} {{ 1 is integer }} {{ f is float }} {{ t is boolean }} {{ t is true }} {{ t is false }} {{ 1 is true }} {{ t is number }} {{ t is integer }}
{{ d is mapping }} {{ l is iterable }} {{ s is iterable }} {{ l is sequence }} {{ 1 is iterable }} {{ range is callable }} {{ 3 is odd }} {{ 4 is even }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }} {{ 1 is in [1] }} {{ 'a' is lower }} {{ 'A' is upper }}
{{ 1 is eq 1 }} {{ 1 is equalto(2) }} {{ 1 is ne 1 }} {{ 1 is lt 2 }} {{ 2 is ge 2 }} {{ 1 is sameas true }} {{ t is sameas true }}
{{ x is defined and x }} {{ not x is defined }} {{ x is not defined or x.y }} {{ s is string and s|length > 3 }} {{ 'b' if 1 is odd else 'c' }}
{% if z %}a{% elif n == 3 %}b{% else %}c{% endif %} {% if not z %}d{% endif %} {% if l %}e{% endif %}
{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}:{{ x }} {% endfor %}
{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {{ loop.cycle('a', 'b') }} {{ loop.changed(x > 1) }};{% endfor %}
{% for x in l if x > 1 %}{{ loop.index }}/{{ loop.length }}={{ x }} {% else %}none{% endfor %} {% for x in [] %}{% else %}empty{% endfor %} {% for x in l if x > 9 %}{% else %}none{% endfor %}
{% for a, b in [(1, 2), (3, 4)] %}{{ a + b }} {% endfor %} {% for (a, b) in [[1, 2]] %}{{ a }}{{ b }}{% endfor %}
{% for x in l %}{% for y in words %}{{ loop.depth }}{{ y }}{% if loop.last %}{{ loop.index }}{% endif %}{% endfor %}{{ loop.index }} {% endfor %}
{% for x in range(10) %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 5 %}{% break %}{% endif %}{{ x }}{% endfor %}
{% set x = 1 %}{% for y in l %}{% set x = x + y %}{{ x }} {% endfor %}{{ x }} {% if t %}{% set x = 9 %}{% endif %}{{ x }}
{% set ns = namespace(x=0, found=false) %}{% for y in l %}{% set ns.x = ns.x + y %}{% set ns.found = true %}{% endfor %}{{ ns.x }} {{ ns.found }} {{ ns.nosuch is defined }}
{% set a, b = 1, 2 %}{{ a }}{{ b }} {% set c = 1, 2 %}{{ c|list }} {% set block %}x{{ n }}y{% endset %}{{ block }} {% set up | upper %}abc{% endset %}{{ up }}
{% set nothing.x = 1 %}
{% macro greet(name, mark='!', twice=false) %}Hi {{ name }}{{ mark }}{% if twice %}{{ greet(name, mark) }}{% endif %}{% endmacro %}{{ greet('Ann') }} {{ greet('Bob', mark='?') }} {{ greet('C', twice=true) }} {{ greet() }}
{% macro outer() %}{{ n }}{{ later }}{% endmacro %}{% set later = 'L' %}{{ outer() }}
{% macro one(a) %}{{ a }}{% endmacro %}{{ one(1, 2) }}
{% macro one(a) %}{{ a }}{% endmacro %}{{ one(b=2) }}
{% filter upper %}abc {{ s }}{% endfilter %} {% filter trim|upper %}  x {% endfilter %}
{% raw %}{{ not }} {% this %}{% endraw %} {%- raw -%} {{ x }} {%- endraw -%} end
{# comment #}a{#- b -#} c
{% generation %}x{{ n }}{% endgeneration %}
{{ range(5)|list }} {{ range(1, 4)|list }} {{ range(10, 0, -3)|list }} {{ dict(a=1, b=2) }} {{ strftime_now('%d %b %Y %H:%M:%S %A %B %j %y %I %p %% %m') }} {{ strftime_now('%-d/%-m') }}
{{ raise_exception('the message is ' ~ n) }}
{% if t %}{{ raise_exception('no') }}{% endif %}
{{ {'a': '}}', 'b': "%}"} }}
{% if '%}' == '%}' %}ok{% endif %}
{ not a tag } {x} % } {{ '{{' }} {{ '{%' }}
{{ 1 if }}
{{ 1 + }}
{% if t %}
{% endif %}
{% if t %}x{% endfor %}
{{ (1 }}
{% for x %}{% endfor %}
{{ 'abc }}
{% nosuch %}
{{ s | }}
{{ a.b. }}
{% break %}
{{ [1, 2 }}
{{ 1 % 0 }}
{{ l['x']() }}
{{ l + 1 }} 
{{ 'a' + 1 }}
{{ none + 'a' }}
{{ s.split('') }}
{{ range(1, 2, 0) }}
{{ people|map(attribute='nosuch')|list|length }} {{ people[0]['name'] }} {{ people[-1].name }} {{ people|length > 2 and people[2].age }}
{{ ('a' ~ 'b') | upper ~ 'c' }} {{ 'a' ~ 'b' | upper }} {{ -1 | abs }} {{ not z | default(true) }}
{{ 'x' in ['x'] and 'y' or 'z' }} {{ (l | length) % 2 == 1 }} {{ l | length % 2 == 1 }}
""".strip("\n").split("\n")

# Cases of several lines.
LONGER = [
    "  {% if t %}\n  indented\n  {% endif %}\nafter",
    "x\n    {%- if t -%}\n  y\n    {%- endif -%}\n  z",
    "{% if t +%}\nkept{% endif %}",
    "{% for x in l %}\n- {{ x }}\n{% endfor %}\nend",
    "{{ s }}\n",
    "{{ s }}\n\n",
    "a\n  {{- s -}}   \n  tail",
    "   {{ s }}   {% if t %}   \n x{% endif %}",
    "\t{# tabbed comment #}\nafter comment",
    "{%- set x = 1 %}\n{{ x }}",
    "{% for i in [1, 2] -%}\n   {{ i }}\n{%- endfor %}!",
    "{# multi\nline #}\nd",
    "a\r\n{% if t %}\r\nb\r\n{% endif %}\r\n",
    "{% set x %}\n  {{ s }}\n{% endset %}\n[{{ x }}]",
    "  {% raw %}\n  {{ x }}\n  {% endraw %}\nend",
    "{% macro m(x) %}\n  <{{ x }}>\n{% endmacro %}\n{{ m(1) }}{{ m(2) }}",
    "{% if t %}a{% else %}\nb{% endif %}\n\nc\n{%- if t %}\n\nd{% endif %}",
]

out = []
for template in CASES + LONGER:
    case = {"template": template}
    try:
        case["want"] = env.from_string(template).render(**VARS)
    except Exception as e:
        case["error"] = f"{type(e).__name__}: {e}"
    out.append(case)
json.dump({"vars": VARS, "cases": out}, sys.stdout, indent=1, ensure_ascii=False)
print()
