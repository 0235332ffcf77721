"""The commands and the `requests` snippets that users already have, run as they stand against a service of their own.

Run from the project's root after `npm ci && npm run build`. Needs `requests` and `pyarrow`. Prints what it checked, and
exits 1 at the first answer that is not what users rely on.
"""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow
import pyarrow.ipc
import pyarrow.parquet as parquet
import requests

ROOT = Path.cwd()
CLI = ["node", str(ROOT / "dist/apps/cli/main.js")]
URL = "http://localhost:8080"


def scorekeeper(command: list[str], folder: Path) -> None:
    """Runs one command in `folder`, with nothing of the caller's settings."""
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("SCOREKEEPER_", "GCS_"))}
    subprocess.run(CLI + command, cwd=folder, env=keep, check=True)


def wait_until_ready() -> None:
    """Waits for the service, at most 30 s."""
    for _ in range(300):
        try:
            if requests.get(f"{URL}/ready", timeout=1).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    sys.exit("the service did not get ready")


def check(what: str, holds: bool) -> None:
    """Stops at the first thing that does not hold."""
    if not holds:
        sys.exit(f"FAILED: {what}")
    print(f"ok: {what}")


def main() -> None:
    folder = Path(tempfile.mkdtemp())
    shutil.copytree(ROOT / "examples/games", folder, dirs_exist_ok=True)
    scorekeeper(
        ["register", "--model-type", "rating", "--experiment", "best_rating_model", "--name", "production_rating_model",
         "--description", "Production model for game ratings"],
        folder,
    )
    server = subprocess.Popen(CLI + ["serve"], cwd=folder)
    try:
        wait_until_ready()
        snippets(folder)
    finally:
        server.send_signal(signal.SIGTERM)
        check("the service ends with 0 on SIGTERM", server.wait(timeout=30) == 0)
        shutil.rmtree(folder)


def snippets(folder: Path) -> None:
    """What users have in their notebooks, and what they read from the answers."""
    answer = requests.post("http://localhost:8080/score", json={"model_type": "rating", "model_name": "production_rating_model", "start_year": 2020, "end_year": 2025}).json()
    rows = answer["predictions"]
    check("predictions of a range of years", len(rows) == answer["performance_diagnostics"]["total_scored"] > 5000)
    check("keys beside predictions", {"game_id", "name", "year_published", "prediction"} <= set(rows[0]))
    check("both years are inclusive", {row["year_published"] for row in rows} == set(range(2020, 2026)))

    models = requests.get("http://localhost:8080/models").json()
    check("models by type", [model["name"] for model in models["rating"]] == ["production_rating_model"])

    info = requests.get("http://localhost:8080/model/rating/production_rating_model/info").json()
    check("info", set(info) == {"registration", "model_info", "original_experiment", "validation_metrics"})
    check("description", info["registration"]["description"] == "Production model for game ratings")

    query = {"model_type": "rating", "model_name": "production_rating_model", "start_year": 2020, "end_year": 2025}
    pinned = requests.post(f"{URL}/score", json={**query, "model_version": 1, "data_source": "query"}).json()
    check("a pinned version of a query", pinned["predictions"] == rows)

    written = requests.post(f"{URL}/score", json={**query, "output_location": "path/to/save/predictions.parquet"}).json()
    table = parquet.read_table(folder / "path/to/save/predictions.parquet")
    check("the file is where the answer says", Path(written["output_location"]).samefile(folder / "path/to/save/predictions.parquet"))
    check("the file holds what was inline", table.column("prediction").to_pylist() == [row["prediction"] for row in rows])
    check("no predictions inline then", written["predictions"] is None)

    golden = json.loads((folder / "models/experiments/rating/best_rating_model/v1/golden.json").read_text())
    columns, wanted = golden["data"], golden["predictions"]["prediction"]
    names = list(columns)
    records = [dict(zip(names, row)) for row in zip(*columns.values())]
    split = {"columns": names, "data": [list(record.values()) for record in records]}
    for form, data in {"records": records, "columns": columns, "split": split}.items():
        body = {"model_type": "rating", "model_name": "production_rating_model", "data": data}
        got = [row["prediction"] for row in requests.post(f"{URL}/score", json=body).json()["predictions"]]
        close = all(abs(a - b) <= 1e-5 * max(1, abs(b)) for a, b in zip(got, wanted, strict=True))
        check(f"inline {form} predict what scikit-learn did", close)

    streams(records, wanted)

    refused = requests.post(f"{URL}/score", json={**query, "start_year": 2026})
    check("a range the wrong way round is 400", refused.status_code == 400 and refused.json()["code"] == "InvalidInput")
    check("problem+json", refused.headers["content-type"].startswith("application/problem+json"))


def streams(records: list[dict], wanted: list[float]) -> None:
    """Rows alone in each type of body, and predictions in each type of answer."""
    table = pyarrow.Table.from_pylist(records)
    stream, file = io.BytesIO(), io.BytesIO()
    with pyarrow.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table, max_chunksize=7)
    parquet.write_table(table, file)
    ndjson = "".join(json.dumps(record) + "\n" for record in records).encode()
    arrow, columns = "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"
    bodies = {"application/x-ndjson": ndjson, arrow: stream.getvalue(), columns: file.getvalue()}
    readers = {
        arrow: lambda content: pyarrow.ipc.open_stream(content).read_all().column("prediction").to_pylist(),
        columns: lambda content: parquet.read_table(io.BytesIO(content)).column("prediction").to_pylist(),
        "application/x-ndjson": lambda content: [json.loads(line)["prediction"] for line in content.splitlines()[:-1]],
    }
    model = {"model_type": "rating", "model_name": "production_rating_model"}
    for sent, body in bodies.items():
        for accepted, read in readers.items():
            headers = {"Content-Type": sent, "Accept": accepted}
            answer = requests.post(f"{URL}/score", params=model, data=body, headers=headers)
            close = all(abs(a - b) <= 1e-5 * max(1, abs(b)) for a, b in zip(read(answer.content), wanted, strict=True))
            check(f"{sent} answered as {accepted} predicts what scikit-learn did", close)
    ended = json.loads(answer.content.splitlines()[-1])
    check("the last line reports", ended["$report"]["performance_diagnostics"]["total_scored"] == len(wanted))
    many = (ndjson for _ in range(4000))
    answer = requests.post(f"{URL}/score", params=model, data=many, headers={"Content-Type": "application/x-ndjson", "Accept": columns})
    check("rows of a generator, answered as a file", len(readers[columns](answer.content)) == 4000 * len(wanted))


if __name__ == "__main__":
    main()
