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
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

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
    missing_text(folder)
    names(folder)
    integers(folder)
    distances(folder)
    words(folder)
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


def exported(folder: Path, name: str, pipeline: object, sample: pd.DataFrame, *more: str) -> subprocess.CompletedProcess[str]:
    """Exports a pipeline, again where there is one of this name, with a sample."""
    pickled = folder / f"models/experiments/delay/{name}/v1/pipeline.pkl"
    pickled.parent.mkdir(parents=True, exist_ok=True)
    pickled.write_bytes(pickle.dumps(pipeline))
    sample.to_parquet(folder / f"{name}.parquet")
    return run([sys.executable, str(ROOT / "examples/export_sklearn.py"), str(pickled), "--sample", f"{name}.parquet", *more], folder)


def serves(folder: Path, name: str, pipeline: object, rows: pd.DataFrame, given: object = None) -> None:
    """Registers what was exported, and holds its predictions of `rows` against the pipeline's own, of `given` where it takes no frame."""
    registered = run(CLI + ["register", "--model-type", "delay", "--experiment", name, "--name", name], folder)
    check(f"{name} is registered", registered.returncode == 0, registered.stderr)
    lines = rows.to_json(orient="records", lines=True, double_precision=15)
    predicted = run(CLI + ["predict", f"delay/{name}"], folder, lines)
    got = [json.loads(line) for line in predicted.stdout.splitlines()]
    check(f"{name} has one column", [list(row) for row in got] == [["row", "prediction"]] * len(rows), predicted.stderr)
    near = all(abs(row["prediction"] - b) <= 1e-5 * max(1, abs(b)) for row, b in zip(got, pipeline.predict(rows if given is None else given), strict=True))
    check(f"{name} predicts what scikit-learn does of these very rows", near, predicted.stdout)


def texts() -> tuple[pd.DataFrame, pd.Series]:
    """A tenth of `line` is missing, which matters."""
    random = np.random.default_rng(1)
    frame = pd.DataFrame({"distance": random.normal(size=200).astype("float32").astype(float), "line": random.choice(["red", "blue"], 200, p=[0.8, 0.2])})
    frame.loc[::10, "line"] = None
    return frame, frame["distance"] + (frame["line"] == "red") * 5 + frame["line"].isna() * 9


def missing_text(folder: Path) -> None:
    """What a missing text means is the pipeline's to say: its imputer, also of a second export, or its encoder; never two of them."""
    sample, target = texts()

    def trained(frame: pd.DataFrame, *parts: tuple) -> object:
        return make_pipeline(ColumnTransformer([("n", StandardScaler(), ["distance"]), *parts]), Ridge()).fit(frame, target)

    def filled(**how: str) -> object:
        return make_pipeline(SimpleImputer(**how), OneHotEncoder(handle_unknown="ignore"))

    imputed = trained(sample, ("t", filled(strategy="most_frequent"), ["line"]))
    check("an imputer of text is exported", exported(folder, "imputed", imputed, sample).returncode == 0)
    other = sample.assign(line=sample["line"].map({"red": "blue", "blue": "red"}))
    imputed = trained(other, ("t", filled(strategy="most_frequent"), ["line"]))
    again = exported(folder, "imputed", imputed, other)
    check("a second export says that its fill is another", "model_info.json filled 'line' with" in again.stderr, again.stderr)
    serves(folder, "imputed", imputed, other.head(20))

    own = trained(sample, ("t", OneHotEncoder(handle_unknown="ignore"), ["line"]))
    check("an encoder with a category for missing is exported", exported(folder, "own", own, sample).returncode == 0)
    serves(folder, "own", own, sample.head(20))
    wrong = exported(folder, "own", own, sample, "--fill", "line=other")
    check("a fill against the pipeline is refused", wrong.returncode == 2 and "leave out --fill line" in wrong.stderr, wrong.stderr)
    twice = trained(sample, ("a", filled(strategy="constant", fill_value="none"), ["line"]), ("b", filled(strategy="most_frequent"), ["line"]))
    refused = exported(folder, "twice", twice, sample)
    check("two readings of a missing text are refused", refused.returncode == 2 and "serving fills it once" in refused.stderr, refused.stderr)


def names(folder: Path) -> None:
    """Features may be called anything, also what the converter calls its own values, and be picked in every way."""
    called = ["square feet", "a.b", "1st", "variable", "it's", "é"]
    sample = pd.DataFrame(np.random.default_rng(2).normal(size=(60, 6)).astype("float32").astype(float), columns=called)
    target = sample.sum(axis=1)
    whole = make_pipeline(StandardScaler(), Ridge()).fit(sample, target)
    check("any names are exported", exported(folder, "names", whole, sample).returncode == 0)
    serves(folder, "names", whole, sample.head(5))
    picks = [("a", StandardScaler(), [True] + [False] * 5), ("b", "passthrough", [-1]), ("c", StandardScaler(), slice("a.b", "1st"))]
    picked = make_pipeline(ColumnTransformer(picks), Ridge()).fit(sample, target)
    check("any picks are exported", exported(folder, "picks", picked, sample).returncode == 0)
    serves(folder, "picks", picked, sample.head(5))


def integers(folder: Path) -> None:
    """Categories that float32 does not hold are not rounded."""
    random = np.random.default_rng(3)
    sample = pd.DataFrame({"distance": random.normal(size=90).astype("float32").astype(float), "id": random.choice([2**24 + 1, 2**24 + 3, 123_456_789], 90)})
    columns = ColumnTransformer([("n", StandardScaler(), ["distance"]), ("t", OneHotEncoder(handle_unknown="ignore"), ["id"])])
    pipeline = make_pipeline(columns, Ridge()).fit(sample, sample["distance"] + (sample["id"] == 2**24 + 1) * 5)
    check("wide integers are exported", exported(folder, "ids", pipeline, sample).returncode == 0)
    serves(folder, "ids", pipeline, sample.head(5))


def distances(folder: Path) -> None:
    """A classifier without probabilities predicts classes alone; what nobody can convert is one sentence."""
    sample, _ = texts()
    numbers = sample[["distance"]]
    pipeline = make_pipeline(StandardScaler(), SVC()).fit(numbers, (numbers["distance"] > 0).astype(int))
    check("a classifier without probabilities is exported", exported(folder, "margin", pipeline, numbers).returncode == 0)
    serves(folder, "margin", pipeline, numbers.head(5))
    poisson = HistGradientBoostingRegressor(loss="poisson", max_iter=5).fit(numbers, numbers["distance"].abs())
    refused = exported(folder, "poisson", poisson, numbers)
    told = "in scikit-learn and" in refused.stderr and "nothing was written" in refused.stderr
    check("a conversion that predicts something else is refused with both predictions", refused.returncode == 1 and told, refused.stderr)


def words(folder: Path) -> None:
    """Words of any language are taken apart as scikit-learn does it, also where the machine speaks none."""
    random = np.random.default_rng(4)
    said = ["Élan vital", "ŒUVRE à clé", "Дом x dice", "co-op party of 2", "war"]
    sample = pd.DataFrame({"said": [" ".join(random.choice(said, 3)) for _ in range(120)]})
    sample["distance"] = random.normal(size=120).astype("float32").astype(float)
    target = sample["distance"] + sample["said"].str.contains("Élan") * 3 + sample["said"].str.contains("x dice") * 2
    columns = ColumnTransformer([("w", TfidfVectorizer(ngram_range=(1, 2)), "said"), ("n", "passthrough", ["distance"])])
    pipeline = make_pipeline(columns, Ridge()).fit(sample, target)
    told = exported(folder, "words", pipeline, sample)
    check("words beside numbers are exported", told.returncode == 0, told.stderr)
    serves(folder, "words", pipeline, sample.head(20))
    alone = make_pipeline(CountVectorizer(), Ridge()).fit(sample["said"], target)
    told = exported(folder, "alone", alone, sample)
    check("a pipeline of one text asks for its column alone", told.returncode == 2 and "just its column" in told.stderr, told.stderr)
    told = exported(folder, "alone", alone, sample[["said"]])
    check("it is exported", told.returncode == 0, told.stderr)
    serves(folder, "alone", alone, sample[["said"]].head(20), sample["said"].head(20))


if __name__ == "__main__":
    main()
