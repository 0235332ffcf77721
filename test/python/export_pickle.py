"""A pickled scikit-learn pipeline: refused with the cure, exported by examples/export_sklearn.py, registered, scored.

Run from the project's root after `npm ci && npm run build`, with the packages of test/python/requirements.txt.
"""

import json
import pickle
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

ROOT = Path.cwd()
CLI = ["node", str(ROOT / "dist/apps/cli/main.js")]


def run(command: list[str], folder: Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a command and answers with what it said."""
    return subprocess.run(command, cwd=folder, input=stdin, capture_output=True, text=True)


def check(what: str, holds: bool, said: str = "") -> None:
    """Stops at the first thing that does not hold."""
    if not holds:
        sys.exit(f"FAILED: {what}\n{said}")
    print(f"ok: {what}")


def main() -> None:
    folder = Path(tempfile.mkdtemp())
    version = folder / "models/experiments/delay/ridge/v1"
    version.mkdir(parents=True)
    random = np.random.default_rng(7)
    sample = pd.DataFrame(
        {
            "distance": random.normal(10, 3, 400).astype("float32"),
            "stops": random.integers(0, 9, 400).astype("float32"),
            "line": random.choice(["red", "green", "blue"], 400),
        }
    )
    target = sample["distance"] * 2 + sample["stops"] + (sample["line"] == "red") * 5
    sample.loc[::17, "distance"] = np.nan
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = ColumnTransformer([("n", numbers, ["distance", "stops"]), ("t", OneHotEncoder(handle_unknown="ignore"), ["line"])])
    pipeline = make_pipeline(columns, Ridge()).fit(sample, target)
    (version / "pipeline.pkl").write_bytes(pickle.dumps(pipeline))
    sample.to_parquet(folder / "sample.parquet")

    register = CLI + ["register", "--model-type", "delay", "--experiment", "ridge", "--name", "production_delay_model"]
    refused = run(register, folder)
    check("a folder with only a pickle is not found", refused.returncode == 20, refused.stderr)
    check("the cure is named", "examples/export_sklearn.py" in refused.stderr, refused.stderr)

    export = [sys.executable, str(ROOT / "examples/export_sklearn.py"), str(version / "pipeline.pkl"), "--sample", "sample.parquet"]
    exported = run(export, folder)
    check("the pickle is exported", exported.returncode == 0, exported.stdout + exported.stderr)
    registered = run(register + ["--json"], folder)
    check("it is registered", registered.returncode == 0, registered.stderr)
    check("its golden rows were predicted again", json.loads(registered.stdout)["golden_rows_checked"] == 50)

    rows = json.loads(sample.head(100).to_json(orient="records"))
    predicted = run(CLI + ["predict", "delay/production_delay_model", "--json"], folder, json.dumps(rows))
    check("it predicts", predicted.returncode == 0, predicted.stderr)
    got = [row["prediction"] for row in json.loads(predicted.stdout)["predictions"]]
    wanted = pipeline.predict(sample.head(100))
    check("it predicts what scikit-learn does", all(abs(a - b) <= 1e-5 * max(1, abs(b)) for a, b in zip(got, wanted, strict=True)))
    booleans(folder, sample)
    categories(folder, sample)
    shutil.rmtree(folder)


def experiment(folder: Path, name: str, pipeline: object) -> Path:
    """A pickle where experiments are."""
    pickled = folder / f"models/experiments/delay/{name}/v1/pipeline.pkl"
    pickled.parent.mkdir(parents=True)
    pickled.write_bytes(pickle.dumps(pipeline))
    return pickled


def booleans(folder: Path, sample: pd.DataFrame) -> None:
    """A classifier of true and false that uses one of three columns."""
    columns = ColumnTransformer([("n", SimpleImputer(), ["distance"])])
    pipeline = make_pipeline(columns, LogisticRegression()).fit(sample, sample["distance"] > 10)
    pickled = experiment(folder, "late", pipeline)
    exported = run([sys.executable, str(ROOT / "examples/export_sklearn.py"), str(pickled), "--sample", "sample.parquet"], folder)
    check("columns that are not used are told", "does not use: stops, line." in exported.stdout, exported.stdout + exported.stderr)
    registered = run(CLI + ["register", "--model-type", "delay", "--experiment", "late", "--name", "late", "--json"], folder)
    check("a classifier of true and false is registered", registered.returncode == 0, registered.stderr)
    check("its golden rows, too, were predicted again", json.loads(registered.stdout)["golden_rows_checked"] == 50)
    predicted = run(CLI + ["predict", "delay/late", "--json"], folder, '[{"distance": 1}, {"distance": 19}]')
    check("it predicts 0 and 1", [row["prediction"] for row in json.loads(predicted.stdout)["predictions"]] == [0, 1], predicted.stderr)


def categories(folder: Path, sample: pd.DataFrame) -> None:
    """A booster that knows the categories of its training frame, which ONNX does not."""
    frame = pd.DataFrame({"distance": sample["distance"], "zip": pd.Categorical(sample["stops"].astype(int) * 1000)})
    pickled = experiment(folder, "boosted", LGBMRegressor(n_estimators=5, verbose=-1).fit(frame, sample["stops"]))
    exported = run([sys.executable, str(ROOT / "examples/export_sklearn.py"), str(pickled)], folder)
    check("pandas categories are refused", exported.returncode == 2 and "OrdinalEncoder" in exported.stderr, exported.stderr)
    check("nothing was written", not (pickled.parent / "pipeline.onnx").exists())


if __name__ == "__main__":
    main()
