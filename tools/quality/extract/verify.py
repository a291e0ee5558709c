"""Reads pairs as JSON lines and writes whether math-verify takes them for equal, one JSON line each."""

import json
import logging
import sys

from math_verify import parse, verify

logging.disable(logging.CRITICAL)

for line in sys.stdin:
    pair = json.loads(line)
    gold = parse("$" + pair["expected"] + "$")
    # An answer alone is what stands in a box.
    answer = parse(pair["given"] if pair["text"] else "\\boxed{" + pair["given"] + "}")
    print(json.dumps({"same": verify(gold, answer), "parsed": [str(a) for a in answer], "expected": [str(g) for g in gold]}), flush=True)
