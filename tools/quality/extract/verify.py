"""Reads pairs as JSON lines and writes whether math-verify takes them for equal, one JSON line each."""

import json
import logging
import sys

try:
    from math_verify import parse, verify
except ImportError as e:
    sys.exit(f"{e}: install it with {sys.executable} -m pip install 'math-verify[antlr4_13_2]'")

logging.disable(logging.CRITICAL)

for line in sys.stdin:
    pair = json.loads(line)
    gold = parse("$" + pair["expected"] + "$")
    # An answer alone is what stands in a box.
    answer = parse(pair["given"] if pair["text"] else "\\boxed{" + pair["given"] + "}")
    print(json.dumps({"same": verify(gold, answer), "parsed": [str(a) for a in answer], "expected": [str(g) for g in gold]}), flush=True)
