"""Trains the example's six models with scikit-learn and leaves each as an experiment folder with its ONNX artifact.

    python train.py [--games data/games.parquet] [--models models]

Writes `models/experiments/{model_type}/{experiment}/v1/` with `pipeline.onnx`, `metadata.json`,
`train_metrics.json`, `tune_metrics.json`, `test_metrics.json`, `parameters.json`, `model_info.json` and
`golden.json`, and ends with exit code 1 if any ONNX prediction strays from scikit-learn's.

Features come from running `features.sql`, the file that also serves, so training and serving cannot drift
apart. Targets are read separately from the same table. The same data and the same library versions
(`requirements.txt`) give the same models: everything random is seeded and the timestamp is fixed.

Why ONNX predicts what scikit-learn predicts. ONNX Runtime computes in float32 and scikit-learn mostly in
float64, so a value that lies within a rounding error of a tree's threshold can take the other branch. Here features are
float32 values held as float64, trees see them unscaled, and thresholds are midpoints between whole or half numbers,
which float32 holds exactly. Only linear models scale. See
https://onnx.ai/sklearn-onnx/auto_tutorial/plot_ebegin_float_double.html.

Targets and units: rating is the average vote, 1 to 10, learnt from games that 25 or more users rated;
complexity the average weight, 1 to 5, from games with 5 or more weight votes; users_rated is
log1p(number of users), natural logarithm, from all games; hurdle is 1 where 25 or more users rated, else 0.
"""

import argparse
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

# Read when the library is loaded: without it, it writes a device id and sends telemetry.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import duckdb
import numpy as np
import onnxruntime
from onnx.helper import make_opsetid
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn import metrics
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HERE = Path(__file__).parent
SEED = 20260101
TIMESTAMP = "2026-01-01T00:00:00.000Z"
TOLERANCE = 1e-5
OPSETS = {"": 17, "ai.onnx.ml": 3}
LIBRARIES = ["scikit-learn", "skl2onnx", "onnx", "onnxruntime", "numpy", "pandas", "duckdb", "protobuf"]

# What a text or integer feature reads when it has no value. Numbers that feed float inputs stay NaN instead.
FILLS = {"primary_category": "none", "primary_mechanic": "none", "primary_publisher": "none", "decade": 0}

PLAY = ["min_players", "max_players", "min_playtime", "max_playtime", "playtime_midpoint", "min_age"]
COUNTS = ["category_count", "mechanic_count", "publisher_count", "designer_count", "artist_count", "family_count"]
FLAGS = [
    "is_wargame", "is_card_game", "is_party_game", "is_childrens_game", "is_economic", "is_trivia", "is_dexterity",
    "is_educational", "is_miniatures", "is_cooperative", "is_solo", "has_worker_placement", "has_open_drafting",
    "has_player_powers", "has_variable_setup", "is_simulation", "has_hexagon_grid", "is_roll_and_move", "is_memory",
    "is_crowdfunded", "is_award_nominee", "is_self_published",
]
NUMBERS = ["year_offset", *PLAY, *COUNTS, *FLAGS]


class Plan(NamedTuple):
    """One experiment: what is learnt from what, how it is built, and in which input form it is exported."""

    model_type: str
    experiment: str
    description: str
    rows: str  # SQL condition over `games`: which rows are learnt from
    target: str  # SQL expression over `games`
    features: list  # in the order of the matrix, where there is one
    form: str  # "columns": one [N,1] input per feature; "matrix": one [N,F] float32 input named "features"
    build: object  # parameters -> an unfitted pipeline over a frame (columns) or an array (matrix)
    candidates: list  # parameter sets; the tune split chooses


def columns_then(estimator, numbers, categories, *number_steps):
    """Numbers through `number_steps`, text and integers one-hot (an unseen value is all zeros), then the estimator."""
    encode = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    parts = [("numbers", make_pipeline(*number_steps), numbers)]
    parts += [(f"one_hot_{name}", encode, [name]) for name in categories]
    return make_pipeline(ColumnTransformer(parts), estimator)


def median():
    return SimpleImputer(strategy="median")


RATING_TEXT = ["primary_category", "primary_mechanic", "decade"]
HURDLE_TEXT = ["primary_category", "primary_publisher"]
GROWN = {"n_estimators": 120, "max_depth": 4, "min_samples_leaf": 20, "subsample": 0.8, "random_state": SEED}

PLANS = [
    Plan(
        "rating", "best_rating_model", "Boosted trees over numbers, category, mechanic and decade.",
        "hurdle = 1", "rating", [*NUMBERS, *RATING_TEXT], "columns",
        lambda p: columns_then(GradientBoostingRegressor(**p), NUMBERS, RATING_TEXT, median()),
        [{**GROWN, "learning_rate": rate} for rate in (0.08, 0.15)],
    ),
    Plan(
        "rating", "linear_rating_model", "Ridge regression over scaled numbers and the main category.",
        "hurdle = 1", "rating", [*NUMBERS, "primary_category"], "columns",
        lambda p: columns_then(Ridge(**p), NUMBERS, ["primary_category"], median(), StandardScaler()),
        [{"alpha": alpha} for alpha in (0.1, 1.0, 10.0)],
    ),
    Plan(
        "rating", "weak_rating_model", "Knows only how long a game takes: made to fail a metrics gate such as min_r2 0.5.",
        "hurdle = 1", "rating", ["playtime_midpoint"], "columns",
        lambda p: columns_then(Ridge(**p), ["playtime_midpoint"], [], median(), StandardScaler()), [{"alpha": 1.0}],
    ),
    Plan(
        "complexity", "best_complexity_model", "Boosted trees over one matrix of numbers.",
        "num_weights >= 5", "complexity", NUMBERS, "matrix",
        lambda p: make_pipeline(median(), GradientBoostingRegressor(**p)),
        [{**GROWN, "n_estimators": 100, "max_depth": 3, "learning_rate": rate} for rate in (0.1, 0.2)],
    ),
    Plan(
        "users_rated", "best_users_rated_model",
        "Histogram boosted trees over one matrix of numbers; missing values take learnt branches. Predicts log1p(users).",
        "users_rated is not null", "ln(1 + users_rated)", NUMBERS, "matrix",
        lambda p: make_pipeline(HistGradientBoostingRegressor(**p)),
        [
            {"max_iter": 120, "max_leaf_nodes": 15, "min_samples_leaf": 20, "early_stopping": False,
             "random_state": SEED, "learning_rate": rate}
            for rate in (0.08, 0.15)
        ],
    ),
    Plan(
        "hurdle", "best_hurdle_model", "Logistic regression: will at least 25 users rate the game?",
        "hurdle is not null", "hurdle", [*NUMBERS, *HURDLE_TEXT], "columns",
        lambda p: columns_then(LogisticRegression(**p), NUMBERS, HURDLE_TEXT, median(), StandardScaler()),
        [{"C": c, "max_iter": 2000} for c in (0.1, 1.0)],
    ),
]


def read_games(path):
    """All games with a year as a frame by ascending game_id, and the connection to ask for targets.

    Numbers are float64 columns that hold float32 values, missing as NaN; decade is int64; the rest is text.
    """
    database = duckdb.connect()
    database.read_parquet(str(path)).create_view("games")
    wide_open = {"start_year": -2147483647, "end_year": 2147483647}
    frame = database.execute((HERE / "features.sql").read_text(encoding="utf-8"), wide_open).df()
    frame = frame.sort_values("game_id", ignore_index=True)
    frame[NUMBERS] = frame[NUMBERS].astype(np.float32).astype(np.float64)
    for name in FILLS:
        frame[name] = frame[name].astype(np.int64 if name == "decade" else object)
    return frame, database


def splits(row_count):
    """Three disjoint index arrays: 70 % train, 15 % tune, 15 % test, at random."""
    shuffled = np.random.default_rng(SEED).permutation(row_count)
    return np.split(shuffled, [int(row_count * 0.70), int(row_count * 0.85)])


def inputs_of(plan, frame):
    """What scikit-learn is given: the feature columns as a frame, or as a float64 array [N,F]."""
    fills = {name: fill for name, fill in FILLS.items() if name in plan.features}
    chosen = frame[plan.features].fillna(fills).astype({name: np.int64 for name in fills if name == "decade"})
    return chosen if plan.form == "columns" else chosen.to_numpy(np.float64)


def tensors_of(plan, frame):
    """What ONNX Runtime is given: one tensor [N,1] per feature, or one float32 matrix [N,F]."""
    values = inputs_of(plan, frame)
    if plan.form == "matrix":
        return {"features": values.astype(np.float32)}
    kinds = {name: np.float32 for name in NUMBERS} | {"decade": np.int64}
    return {name: values[name].to_numpy(kinds.get(name, object)).reshape(-1, 1) for name in plan.features}


def export(plan, pipeline):
    """The fitted pipeline as an ONNX model: float32 numbers, int64 decade, text as strings; no ZipMap."""
    if plan.form == "matrix":
        inputs = [("features", FloatTensorType([None, len(plan.features)]))]
    else:
        kinds = {"decade": Int64TensorType} | {name: FloatTensorType for name in NUMBERS}
        inputs = [(name, kinds.get(name, StringTensorType)([None, 1])) for name in plan.features]
    options = {"zipmap": False} if plan.model_type == "hurdle" else None
    model = convert_sklearn(pipeline, plan.experiment, inputs, target_opset=OPSETS, options=options)
    # The converter may name a domain twice; once is what the format asks for.
    versions = {}
    for opset in model.opset_import:
        versions[opset.domain] = max(opset.version, versions.get(opset.domain, 0))
    del model.opset_import[:]
    model.opset_import.extend(make_opsetid(domain, number) for domain, number in sorted(versions.items()))
    return model


def predictions_of(pipeline, values):
    """scikit-learn's own answer as output columns; `probability` is that of the second class."""
    columns = {"prediction": pipeline.predict(values)}
    if hasattr(pipeline, "predict_proba"):
        columns["probability"] = pipeline.predict_proba(values)[:, 1]
    return columns


def onnx_predictions_of(session, tensors):
    """ONNX Runtime's answer in the same columns."""
    first, *others = session.run(None, tensors)
    return {"prediction": first.reshape(-1), **({"probability": others[0][:, 1]} if others else {})}


def agreeing(expected, actual):
    """Per row: is every column within |a - b| <= 1e-5 * max(1, |b|)? b is scikit-learn's."""
    return np.all(
        [np.abs(actual[k].astype(float) - b) <= TOLERANCE * np.maximum(1, np.abs(b)) for k, b in expected.items()],
        axis=0,
    )


def measured(plan, pipeline, values, truth):
    """Flat metrics of one split. Regressions are in the target's own unit; the hurdle's positive class is 1."""
    predicted = predictions_of(pipeline, values)
    if plan.model_type == "hurdle":
        scores = {
            "auc": metrics.roc_auc_score(truth, predicted["probability"]),
            "accuracy": metrics.accuracy_score(truth, predicted["prediction"]),
            "f1": metrics.f1_score(truth, predicted["prediction"]),
            "log_loss": metrics.log_loss(truth, predicted["probability"]),
        }
    else:
        scores = {
            "r2": metrics.r2_score(truth, predicted["prediction"]),
            "rmse": metrics.root_mean_squared_error(truth, predicted["prediction"]),
            "mae": metrics.mean_absolute_error(truth, predicted["prediction"]),
        }
    return {name: round(float(score), 6) for name, score in scores.items()} | {"rows": len(truth)}


def golden_rows(plan, tested):
    """50 rows of the test split: 12 with something missing, 35 at random, and 3 edited ones.

    The edited rows are the last: every number missing, a category nobody has seen (where text is read), and
    every feature that has a fill missing.
    """
    rng = np.random.default_rng(SEED)
    holed = tested[plan.features].isna().any(axis=1).to_numpy()
    order = rng.permutation(len(tested))
    with_holes = [i for i in order if holed[i]][:12]
    others = [i for i in order if i not in set(with_holes)][: 50 - len(with_holes)]
    golden = tested.iloc[with_holes + others][plan.features].reset_index(drop=True)
    golden = golden.astype({name: object for name in FILLS if name in golden})
    golden.loc[47, [name for name in plan.features if name in NUMBERS]] = np.nan
    for name in plan.features:
        if name in FILLS:
            golden.loc[48, name] = 2090 if name == "decade" else "Underwater Basketry"
            golden.loc[49, name] = None
    return golden


def plain(value):
    """A JSON value: null for missing, else the number in full double precision, or the text."""
    if value is None or value != value:
        return None
    return value.item() if isinstance(value, np.generic) else value


def write_json(path, value):
    """Objects are laid out one field a line to a depth of two; lists stay on their line."""
    def line(item):
        return json.dumps(item, ensure_ascii=False, allow_nan=False)

    def laid_out(item, indent):
        if not isinstance(item, dict) or len(indent) > 4:
            return line(item)
        fields = [f"{indent}  {line(name)}: {laid_out(field, indent + '  ')}" for name, field in item.items()]
        return "{\n" + ",\n".join(fields) + "\n" + indent + "}"

    path.write_text(laid_out(value, "") + "\n", encoding="utf-8")


def train(plan, frame, database, folder):
    """Fits, exports and checks one plan; writes its folder. True when every ONNX prediction agrees."""
    query = f"select game_id, {plan.target} as target from games where {plan.rows} and {plan.target} is not null"
    targets = database.sql(query).df().set_index("game_id")["target"]
    chosen = []
    for indexes in splits(len(frame)):
        part = frame.iloc[np.sort(indexes)]
        part = part[part["game_id"].isin(targets.index)]
        chosen.append((part, targets.loc[part["game_id"]].to_numpy()))
    (trained, train_truth), (tuned, tune_truth), (tested, test_truth) = chosen

    judged = "auc" if plan.model_type == "hurdle" else "r2"
    fitted = [(p, plan.build(p).fit(inputs_of(plan, trained), train_truth)) for p in plan.candidates]
    parameters, pipeline = max(
        fitted, key=lambda pair: measured(plan, pair[1], inputs_of(plan, tuned), tune_truth)[judged]
    )

    model = export(plan, pipeline)
    domains = {opset.domain: opset.version for opset in model.opset_import}
    assert model.ir_version <= 8 and domains.get("", 0) <= 17 and domains.get("ai.onnx.ml", 0) <= 3, domains
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])

    golden = golden_rows(plan, tested)
    expected = predictions_of(pipeline, inputs_of(plan, golden))
    kept = agreeing(expected, onnx_predictions_of(session, tensors_of(plan, golden)))
    share = {
        name: float(np.mean(agreeing(
            predictions_of(pipeline, inputs_of(plan, rows)), onnx_predictions_of(session, tensors_of(plan, rows))
        )))
        for name, rows in (("test rows", tested), ("all games", frame))
    }

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pipeline.onnx").write_bytes(model.SerializeToString())
    write_json(folder / "metadata.json", {
        "name": plan.experiment, "description": plan.description, "timestamp": TIMESTAMP,
        "metadata": {"data": "synthetic", "seed": SEED, "target": plan.target, "rows": plan.rows, "input_form": plan.form},
    })
    for name, (part, truth) in zip(("train", "tune", "test"), chosen):
        write_json(folder / f"{name}_metrics.json", measured(plan, pipeline, inputs_of(plan, part), truth))
    write_json(folder / "parameters.json", {"estimator": type(pipeline[-1]).__name__, **parameters})
    fills = {name: fill for name, fill in FILLS.items() if name in plan.features}
    write_json(folder / "model_info.json", {
        "feature_names": plan.features,
        **({"classes": pipeline.classes_.tolist()} if plan.model_type == "hurdle" else {}),
        **({"fills": fills} if fills else {}),
        "library_versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
    })
    write_json(folder / "golden.json", {
        "data": {name: [plain(value) for value in golden[name]] for name in plan.features},
        "predictions": {name: values.tolist() for name, values in expected.items()},
    })

    test = json.loads((folder / "test_metrics.json").read_text(encoding="utf-8"))
    print(f"{plan.model_type}/{plan.experiment}: {test}")
    print(f"  {len(model.SerializeToString())} bytes; golden rows {int(kept.sum())} of {len(kept)}; "
          + ", ".join(f"{name} {part:.2%}" for name, part in share.items()))
    return bool(kept.all()) and all(part == 1.0 for part in share.values())


def main():
    if os.environ.get("PYTHONHASHSEED") != "0":
        # The converter orders some nodes by string hashes; a fixed hash seed makes re-runs write the same bytes.
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--games", type=Path, default=HERE / "data" / "games.parquet")
    parser.add_argument("--models", type=Path, default=HERE / "models")
    arguments = parser.parse_args()
    if not arguments.games.is_file():
        print(f"{arguments.games} is not there; generate_games.py writes it.", file=sys.stderr)
        return 2
    frame, database = read_games(arguments.games)
    agreed = [
        train(plan, frame, database, arguments.models / "experiments" / plan.model_type / plan.experiment / "v1")
        for plan in PLANS
    ]
    if not all(agreed):
        print("Some ONNX predictions differ from scikit-learn's: do not register these models.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
