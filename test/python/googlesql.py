"""The SQL that scores in BigQuery, in the reference implementation of GoogleSQL: it parses, and its values are those of scoring here.

Run from the project's root after `npm ci && npm run build`. Needs `zetasql`, which compiles the implementation when it is first used: a minute or two.
"""

import json
import math
import pathlib
import re
import struct
import subprocess
import sys

from zetasql.api import CatalogBuilder, Parser, PreparedQuery
from zetasql.types import AnalyzerOptions, LanguageOptions, ZetaSQLBuiltinFunctionOptions

ROOT = pathlib.Path(__file__).parents[2]
LANGUAGE = LanguageOptions.maximum_features()
CATALOG = (
    CatalogBuilder("bigquery")
    .with_builtin_functions(ZetaSQLBuiltinFunctionOptions(language_options=LANGUAGE))
    .build()
)


def first_row(sql):
    options = AnalyzerOptions(language_options=LANGUAGE)
    with PreparedQuery.builder().set_sql(sql).set_analyzer_options(options).set_catalog(CATALOG).prepare() as query:
        cells = query.execute().content.table_data.row[0].cell
    return [next((value for value in vars(cell).values() if value is not None), None) for cell in cells]


def as_float32(number):
    try:
        return struct.unpack("f", struct.pack("f", number))[0]
    except OverflowError:
        return math.copysign(math.inf, number)


def same(got, case):
    kind, wanted = case["type"], case["value"]
    if kind == "summary":
        return all(math.isclose(json.loads(got)[name], value) for name, value in wanted.items())
    if kind in ("float32", "float64"):
        round_to = as_float32 if kind == "float32" else float
        number = float(wanted.replace("Infinity", "inf"))
        return round_to(got) == round_to(number) or (math.isnan(got) and math.isnan(number))
    if kind == "bool":
        return got is (wanted == "1")
    return str(got) == wanted


def wrong(case):
    """What is wrong, or None."""
    if "parses" in case:
        Parser.parse_statement_static(case["parses"])
        return None
    try:
        got = first_row(case["sql"])[case["at"]]
    except Exception as error:
        told = re.search(r'<<column "v": (.*?)>>', str(error))
        if told is None:
            return f"failed: {error}"
        if "refused" not in case:
            return f"refused: {told[1]}"
        expected = re.match(r"expected \w+|a value is missing.*", case["refused"])[0]
        return None if told[1].startswith(expected) else f"refused as {told[1]}, and here as {case['refused']}"
    if "refused" in case:
        return f"gave {got!r}, and here: {case['refused']}"
    return None if same(got, case) else f"gave {got!r}, and here {case['value']!r}"


lines = subprocess.run(
    ["node", "dist/test/support/googlesql-cases.js"], cwd=ROOT, check=True, capture_output=True, text=True
).stdout.splitlines()
cases = [json.loads(line) for line in lines]
failures = [(case, told) for case in cases if (told := wrong(case)) is not None]
for case, told in failures:
    print(f"{case['what']}: {told}\n  {case.get('sql', case.get('parses'))}", file=sys.stderr)
print(f"{len(cases)} statements, {len(failures)} of them otherwise than here")
sys.exit(1 if failures or len(cases) < 300 else 0)
