"""What the Python scripts share: one line of JSON on stdout for each check."""

import json


def check(name):
    def run(body):
        try:
            body()
            print(json.dumps({"name": name, "ok": True}), flush=True)
        except Exception as e:  # whatever it is, it goes into the report
            print(json.dumps({"name": name, "ok": False, "why": f"{type(e).__name__}: {e}"[:2000]}), flush=True)

    return run


def fails(run, error):
    try:
        run()
    except error as e:
        return e
    raise AssertionError("there was no error")
