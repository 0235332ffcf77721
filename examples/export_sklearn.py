"""Exports a pickled, fitted scikit-learn pipeline to the `pipeline.onnx` beside it, ready to be registered.

    python export_sklearn.py models/experiments/rating/best/v1/pipeline.pkl --sample sample.parquet

**Unpickling runs whatever code the file holds. Export only files you trust.** Run it with the library versions the
pipeline was trained with; scikit-learn promises nothing about pickles of other versions.

What it reads: the pickle (pickle or joblib), `model_info.json` beside it when there is one, and, with `--sample`, a
Parquet or CSV file with the pipeline's raw feature columns (others are ignored; in CSV an empty field is missing).

What it writes beside the pickle:
- `pipeline.onnx`, opset 17 and ai.onnx.ml 3 unless told otherwise, classifiers without ZipMap;
- `model_info.json`, merged: `feature_names`; for a classifier `classes`; `fills`, which say what missing text or a missing
  integer reads as, from `--fill` and from the pipeline's own imputers of text. Other fields stay;
- `golden.json`, with a sample: its first 50 rows, `{"data": {feature: [values]}, "predictions": {column: [values]}}`,
  null for missing, float32 values written in full, and scikit-learn's own predictions for them.

Inputs of the ONNX model. One input `[N,1]` per feature: text is string, everything else float32; with
`--keep-integers` integer features (by the sample, or by an encoder's own categories) are int64. With `--matrix` a
single float32 input `features` `[N,F]` in the order of `feature_names`. What is text is known from the pipeline's own
encoders and vectorizers, and from the sample's column types. Columns that the pipeline does not use are no inputs.
Word vectorizers become an operator that needs the locale en_US.UTF-8 wherever the model runs.

Every sample row is predicted by both: |onnx - sklearn| <= 1e-5 * max(1, |sklearn|). scikit-learn is given the
float32 values that serving will see, held as float64, and missing text as its fill. Rows that differ usually sit on
a tree's threshold: put trees on unscaled features and train on float32-rounded values
(https://onnx.ai/sklearn-onnx/auto_tutorial/plot_ebegin_float_double.html).

LightGBM and XGBoost models, alone or as the last step, need `pip install onnxmltools`. Those that were trained on pandas
categories are refused: ONNX has no such columns, so encode them in the pipeline.
Tried: LightGBM 4.7.0 and XGBoost 3.2.0 regressors and classifiers (two and three classes, missing numbers) with
onnxmltools 1.16.0, and scikit-learn 1.9.1, skl2onnx 1.20.0, onnx 1.23.2, onnxruntime 1.32.0, protobuf 6.33.6. With
protobuf 7, skl2onnx 1.20.0 cannot export HistGradientBoosting models; everything else works.

Exit codes: 0 written; 1 predictions differ, nothing written; 2 bad input, said in one sentence, nothing written.
"""

import argparse
import copy
import json
import os
import sys
import warnings
from pathlib import Path

try:
    import numpy as np
except ImportError:
    print("export_sklearn: numpy is missing; pip install -r games/requirements.txt installs what is needed.", file=sys.stderr)
    sys.exit(2)

GOLDEN_ROWS = 50
TOLERANCE = 1e-5
WITH_CATEGORIES = ("OneHotEncoder", "OrdinalEncoder", "TargetEncoder")
WITH_WORDS = ("CountVectorizer", "TfidfVectorizer", "HashingVectorizer")


class BadInput(Exception):
    """Something the caller can put right; the message is one sentence."""


def unpickled(path):
    """The fitted estimator in the file. Fails `BadInput` when there is none that can be read here."""
    if not path.is_file():
        raise BadInput(f"There is no file {path}.")
    import joblib

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            estimator = joblib.load(path)
        except ModuleNotFoundError as error:
            raise BadInput(f"{path} needs the Python package '{error.name}', which is not installed here.") from error
        except Exception as error:  # unpickling can raise anything
            raise BadInput(f"{path} is no pickle that can be read here: {first_line(error)}.") from error
    for message in dict.fromkeys(first_line(w.message) for w in caught if "Inconsistent" in w.category.__name__):
        print(f"Warning: {message}", file=sys.stderr)
    if not hasattr(estimator, "predict"):
        raise BadInput(f"{path} holds a {type(estimator).__name__}, which cannot predict: pickle the whole pipeline.")
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(estimator)
    except NotFittedError as error:
        raise BadInput(f"{path} holds a {type(estimator).__name__} that is not fitted.") from error
    return estimator


def first_line(error):
    """The first line of a message, shortened: converters print whole models into theirs."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300].rstrip(".")


def steps_of(transformer):
    """A pipeline's steps, or the thing alone."""
    return [step for _, step in transformer.steps] if hasattr(transformer, "steps") else [transformer]


def column_transformer_of(estimator):
    """The ColumnTransformer that sees the raw columns, or None."""
    first = steps_of(estimator)[0]
    if type(first).__name__ == "ColumnTransformer":
        return first
    return column_transformer_of(first) if hasattr(first, "steps") else None


def kinds_known(estimator, names):
    """What the pipeline itself knows: {feature: 'text' | 'integer'}, from its encoders' categories and its vectorizers."""
    known = {}
    transformer = column_transformer_of(estimator)
    for _, part, columns in transformer.transformers_ if transformer is not None else []:
        encoder = next((s for s in steps_of(part) if type(s).__name__ in (*WITH_CATEGORIES, *WITH_WORDS)), None)
        if encoder is None:
            continue
        picked = np.array(names, dtype=object)[columns] if not is_named(columns) else columns
        picked = [picked] if isinstance(picked, str) else list(picked)
        for place, name in enumerate(picked):
            if type(encoder).__name__ in WITH_WORDS:
                known[name] = "text"
            elif len(encoder.categories_) == len(picked):
                categories = encoder.categories_[place]
                if categories.dtype.kind in "US" or any(isinstance(c, str) for c in categories):
                    known[name] = "text"
                elif categories.dtype.kind in "iu":
                    known[name] = "integer"
    return known


def convertible(estimator, names, matrix):
    """A copy of the estimator that skl2onnx can convert and that predicts the same, and the fills its imputers held.

    Imputers of text are taken out: skl2onnx cannot convert them, and missing text is filled before it reaches the
    model, with the very value that the imputer learnt. For a matrix, columns picked by name are picked by position.
    """
    changed, fills = copy.deepcopy(estimator), {}
    transformer = column_transformer_of(changed)
    parts = []
    for label, part, columns in transformer.transformers_ if transformer is not None else []:
        steps = steps_of(part)
        if len(steps) > 1 and type(steps[0]).__name__ == "SimpleImputer" and steps[0].statistics_.dtype.kind in "OUS":
            picked = columns if is_named(columns) else np.array(names, dtype=object)[columns]
            fills |= {name: fill for name, fill in zip(picked, steps[0].statistics_) if isinstance(fill, str)}
            part.steps = part.steps[1:]
        if matrix and is_named(columns):
            columns = [names.index(name) for name in columns]
        parts.append((label, part, columns))
    if transformer is not None:
        transformer.transformers_ = parts
    last = steps_of(changed)[-1]
    if type(last).__module__.startswith("xgboost"):
        last.get_booster().feature_names = None  # its converter knows features by position only
    return changed, fills


def is_named(columns):
    """True for a column name or a list of names; False for positions, slices of positions and masks."""
    return isinstance(columns, str) or (not isinstance(columns, slice) and len(columns) > 0 and isinstance(columns[0], str))


def feature_names_of(estimator, model_info, sample_columns):
    """The raw features in the pipeline's order: its own names, else those of model_info.json, else the sample's."""
    if hasattr(estimator, "feature_names_in_"):
        return [str(name) for name in estimator.feature_names_in_]
    count = getattr(estimator, "n_features_in_", None)
    for names in (model_info.get("feature_names"), sample_columns):
        if names is not None and (count is None or len(names) == count):
            return list(names)
    raise BadInput(
        f"The pipeline was fitted without feature names: give a --sample with just its {count or ''} columns in order, "
        "or feature_names in model_info.json.".replace("  ", " ")
    )


def read_sample(path, text):
    """The sample as a pandas frame. In CSV, columns of `text` are kept verbatim and an empty field is missing."""
    import pandas

    if not path.is_file():
        raise BadInput(f"There is no sample {path}.")
    try:
        if path.suffix.lower() == ".csv":
            return pandas.read_csv(path, keep_default_na=False, na_values=[""], dtype={name: str for name in text})
        if path.suffix.lower() == ".parquet":
            return pandas.read_parquet(path)
    except Exception as error:
        raise BadInput(f"The sample {path} cannot be read: {first_line(error)}.") from error
    raise BadInput(f"The sample {path} must end in .parquet or .csv.")


def kinds_of(names, known, sample, keep_integers):
    """{feature: 'text' | 'integer' | 'number'} for every feature. 'integer' occurs only when integers are kept."""
    from pandas.api import types

    kinds = {}
    for name in names:
        kind = known.get(name)
        if sample is not None:
            values = sample[name]
            if types.is_bool_dtype(values) or types.is_numeric_dtype(values) or values.isna().all():
                if kind == "text" and not values.isna().all():
                    raise BadInput(f"Feature '{name}' is text in the pipeline but {values.dtype} in the sample.")
                kind = kind or ("integer" if types.is_integer_dtype(values) else "number")
            elif all(isinstance(value, str) for value in values.dropna()):
                if kind == "integer":
                    raise BadInput(f"Feature '{name}' is an integer in the pipeline but text in the sample.")
                kind = "text"
            else:
                raise BadInput(f"Feature '{name}' is {values.dtype} in the sample; features are numbers, booleans or text.")
        kinds[name] = "number" if kind is None or (kind == "integer" and not keep_integers) else kind
    return kinds


def filled(sample, kinds, fills):
    """What serving will see, as scikit-learn gets it: float32 values in float64 (missing is NaN), int64, text.

    Fails `BadInput` when a text or integer feature misses a value and has no fill.
    """
    frame = sample[list(kinds)].copy()
    for name, kind in kinds.items():
        if kind == "number":
            frame[name] = frame[name].astype("float64").astype(np.float32).astype(np.float64)
            continue
        missing = frame[name].isna()
        if missing.any() and name not in fills:
            raise BadInput(
                f"Feature '{name}' has no value in {int(missing.sum())} sample rows and a {kind} input cannot be missing: "
                f"say --fill {name}=VALUE with the value that missing ones were trained as."
            )
        values = [fills[name] if gone else value for value, gone in zip(frame[name], missing)]
        frame[name] = np.array(values, dtype=np.int64) if kind == "integer" else np.array(values, dtype=object)
    return frame


def tensors_of(frame, kinds, matrix):
    """The filled frame as ONNX Runtime's inputs: one tensor [N,1] per feature, or one float32 matrix [N,F]."""
    if matrix:
        return {"features": frame.to_numpy(np.float32)}
    types = {"number": np.float32, "integer": np.int64, "text": object}
    return {name: frame[name].to_numpy(types[kind]).reshape(-1, 1) for name, kind in kinds.items()}


def refuse_own_categories(last, library):
    """Fails `BadInput` for a booster trained on pandas categories: it knows their codes, and serving brings their values."""
    if library == "lightgbm":
        count = len(last.booster_.pandas_categorical or [])
    else:
        count = (last.get_booster().feature_types or []).count("c")
    if count > 0:
        raise BadInput(
            f"The {type(last).__name__} was trained on {count} pandas column{'s' if count > 1 else ''} of categories, and ONNX would "
            "take their values for codes: encode them in the pipeline (OrdinalEncoder or OneHotEncoder in a ColumnTransformer), and train again."
        )


def register_boosters(estimator):
    """Teaches skl2onnx to convert LightGBM and XGBoost models, when the pipeline has one. Fails `BadInput`."""
    last = steps_of(estimator)[-1]
    library = type(last).__module__.split(".")[0]
    if library not in ("lightgbm", "xgboost"):
        return
    refuse_own_categories(last, library)
    try:
        if library == "lightgbm":
            from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm as convert
        else:
            from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost as convert
    except ImportError as error:
        raise BadInput(f"A {type(last).__name__} needs a converter: pip install onnxmltools ({first_line(error)}).") from error
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )

    shapes, options = calculate_linear_regressor_output_shapes, {"split": None} if library == "lightgbm" else None
    if hasattr(last, "predict_proba"):
        shapes = calculate_linear_classifier_output_shapes
        options = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    update_registered_converter(type(last), type(last).__name__, shapes, convert, options=options)


def converted(estimator, kinds, matrix, opsets):
    """The ONNX model. Fails `BadInput` when skl2onnx cannot convert the pipeline."""
    from onnx.helper import make_opsetid
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline

    register_boosters(estimator)
    exported, _ = convertible(estimator, list(kinds), matrix)
    if matrix:
        inputs = [("features", FloatTensorType([None, len(kinds)]))]
    else:
        types = {"number": FloatTensorType, "integer": Int64TensorType, "text": StringTensorType}
        inputs = [(name, types[kind]([None, 1])) for name, kind in kinds.items()]
        if column_transformer_of(estimator) is None:
            # The converter joins many inputs for some estimators only; a pass-through in front joins them for all.
            import pandas

            together = ColumnTransformer([("features", "passthrough", list(kinds))])
            together.fit(pandas.DataFrame(np.zeros((1, len(kinds))), columns=list(kinds)))
            exported = make_pipeline(together, *steps_of(exported))
    options = {"zipmap": False} if hasattr(estimator, "predict_proba") else None
    try:
        model = convert_sklearn(exported, "pipeline", inputs, target_opset=opsets, options=options)
    except Exception as error:
        hint = ""
        if "got a boolean" in f"{error.__cause__} {error.__context__}":
            hint = "; with this skl2onnx, pip install 'protobuf<7' first"
        raise BadInput(f"skl2onnx cannot convert this pipeline: {first_line(error)[:160]}{hint}.") from error
    versions = {}
    for opset in model.opset_import:  # a domain may be named twice
        versions[opset.domain] = max(opset.version, versions.get(opset.domain, 0))
    del model.opset_import[:]
    model.opset_import.extend(make_opsetid(domain, number) for domain, number in sorted(versions.items()))
    return model


def without_unused(model, kinds):
    """The model without the inputs that it does not look at, such as columns that a ColumnTransformer drops, and the kinds of the others."""
    looked_at = {name for node in model.graph.node for name in node.input} | {output.name for output in model.graph.output}
    used = [one for one in model.graph.input if one.name in looked_at]
    del model.graph.input[:]
    model.graph.input.extend(used)
    return model, {one.name: kinds[one.name] for one in used}


def as_onnx(labels):
    """Labels as ONNX gives them: false and true are 0 and 1."""
    labels = np.asarray(labels)
    return labels.astype(np.int64) if labels.dtype.kind == "b" else labels


def predictions_of(estimator, values):
    """scikit-learn's own answer as prediction columns: `prediction`, and the classifier's `probability…` columns."""
    predicted = as_onnx(estimator.predict(values))
    if predicted.ndim == 2 and predicted.shape[1] > 1:
        raise BadInput("The pipeline predicts several targets at once, which cannot be compared here: leave out --sample.")
    columns = {"prediction": predicted.reshape(-1)}
    if hasattr(estimator, "predict_proba"):
        probabilities = estimator.predict_proba(values)
        if probabilities.shape[1] == 2:
            columns["probability"] = probabilities[:, 1]
        else:
            columns |= {f"probability_{name}": probabilities[:, i] for i, name in enumerate(estimator.classes_)}
    return columns


def onnx_predictions_of(model, tensors, expected):
    """ONNX Runtime's answer in the same columns as `expected`."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when the library is loaded
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        outputs = session.run(None, tensors)
    except Exception as error:
        raise BadInput(f"ONNX Runtime cannot run the exported pipeline: {first_line(error)}.") from error
    columns = {"prediction": np.asarray(outputs[0]).reshape(-1)}
    names = [name for name in expected if name != "prediction"]
    if names:
        probabilities = np.asarray(outputs[1])
        columns |= {name: probabilities[:, i if len(names) > 1 else 1] for i, name in enumerate(names)}
    return columns


def agreeing(expected, actual):
    """Per row: is every column the same text, or within 1e-5 * max(1, |scikit-learn's|)? NaN agrees with NaN."""
    shares = []
    for name, b in expected.items():
        a = actual[name]
        if b.dtype.kind not in "fiub":
            shares.append(np.array([str(x) == str(y) for x, y in zip(a, b)]))
            continue
        a, b = a.astype(np.float64), b.astype(np.float64)
        shares.append((np.abs(a - b) <= TOLERANCE * np.maximum(1, np.abs(b))) | (np.isnan(a) & np.isnan(b)))
    return np.all(shares, axis=0)


def plain(value):
    """A JSON value: null for missing, else the number in full double precision, or the text."""
    if value is None or value != value:
        return None
    return value.item() if isinstance(value, np.generic) else value


def golden_of(sample, frame, kinds, expected):
    """The first rows in golden.json's form; what was missing in the sample is null."""
    missing = sample[list(kinds)].isna()
    return {
        "data": {
            name: [None if gone else plain(v) for v, gone in zip(frame[name][:GOLDEN_ROWS], missing[name])] for name in kinds
        },
        "predictions": {name: [plain(value) for value in values[:GOLDEN_ROWS]] for name, values in expected.items()},
    }


def read_model_info(path):
    """The object in model_info.json, or an empty one when there is no such file."""
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput(f"{path} is not JSON: {first_line(error)}.") from error
    if not isinstance(value, dict):
        raise BadInput(f"{path} must hold a JSON object.")
    return value


def write_json(path, value, indent):
    path.write_text(json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def parsed_fills(texts):
    """{feature: value} of the --fill options, still as text."""
    pairs = [text.partition("=") for text in texts]
    if any(not separator for _, separator, _ in pairs):
        raise BadInput("--fill is written as FEATURE=VALUE.")
    return {name: value for name, _, value in pairs}


def typed_fills(fills, kinds):
    """Fills in their features' types. Fails `BadInput` for one that does not fit or that names no text or integer feature."""
    typed = {}
    for name, value in fills.items():
        if kinds.get(name) not in ("text", "integer"):
            raise BadInput(f"--fill names '{name}', which is no text or integer input of this pipeline.")
        try:
            typed[name] = int(value) if kinds[name] == "integer" else value
        except ValueError as error:
            raise BadInput(f"--fill {name}={value} is not an integer.") from error
    return typed


def export(arguments):
    """Does what the file's docstring says; returns the exit code."""
    print("Unpickling runs code from the file: export only files you trust.", file=sys.stderr)
    folder = arguments.pickle.parent
    estimator = unpickled(arguments.pickle)
    model_info = read_model_info(folder / "model_info.json")
    own_names = [str(name) for name in getattr(estimator, "feature_names_in_", model_info.get("feature_names", []))]
    sample = None
    if arguments.sample:
        text = [name for name, kind in kinds_known(estimator, own_names).items() if kind == "text"] if own_names else []
        sample = read_sample(arguments.sample, text)
        if len(sample) == 0:
            raise BadInput(f"The sample {arguments.sample} has no rows.")
    names = feature_names_of(estimator, model_info, None if sample is None else [str(name) for name in sample.columns])
    lacking = [name for name in names if sample is not None and name not in sample.columns]
    if lacking:
        raise BadInput(f"The sample lacks these features: {', '.join(lacking)}.")
    kinds = kinds_of(names, kinds_known(estimator, names), sample, arguments.keep_integers and not arguments.matrix)
    if arguments.matrix and "text" in kinds.values():
        texts = ", ".join(name for name, kind in kinds.items() if kind == "text")
        raise BadInput(f"A matrix holds numbers only, and these features are text: {texts}.")
    _, learnt = convertible(estimator, names, arguments.matrix)
    fills = {**learnt, **model_info.get("fills", {}), **typed_fills(parsed_fills(arguments.fill), kinds)}
    model = converted(estimator, kinds, arguments.matrix, {"": arguments.target_opset, "ai.onnx.ml": arguments.ml_opset})
    if not arguments.matrix:
        model, kinds = without_unused(model, kinds)
        fills = {name: fill for name, fill in fills.items() if name in kinds}
    unused = [name for name in names if name not in kinds]
    if unused:
        print(f"Left out {len(unused)} column{'s' if len(unused) > 1 else ''} that the pipeline does not use: {', '.join(unused)}.")

    golden = None
    if sample is not None:
        frame = filled(sample, kinds, fills)
        # scikit-learn gets what it was fitted on: a frame when it knows names, else an array.
        given = sample[names].assign(**{name: frame[name] for name in kinds})
        given = given if hasattr(estimator, "feature_names_in_") else given.to_numpy()
        try:
            expected = predictions_of(estimator, given)
        except (ValueError, TypeError) as error:
            raise BadInput(f"scikit-learn cannot predict the sample: {first_line(error)}.") from error
        kept = agreeing(expected, onnx_predictions_of(model, tensors_of(frame, kinds, arguments.matrix), expected))
        print(f"{int(kept.sum())} of {len(kept)} sample rows agree within {TOLERANCE:g}.")
        if kept.mean() < arguments.min_agreement:
            row = int(np.argmin(kept))
            print(f"Predictions differ, first in sample row {row} (counted from 0); nothing was written.", file=sys.stderr)
            return 1
        golden = golden_of(sample, frame, kinds, expected)

    if arguments.matrix or unused or "feature_names" not in model_info:
        model_info["feature_names"] = list(kinds)
    if hasattr(estimator, "classes_"):
        model_info["classes"] = as_onnx(estimator.classes_).tolist()
    if fills:
        model_info["fills"] = fills
    (folder / "pipeline.onnx").write_bytes(model.SerializeToString())
    write_json(folder / "model_info.json", model_info, 2)
    if golden is not None:
        write_json(folder / "golden.json", golden, None)
    elif (folder / "golden.json").is_file():
        print(f"Warning: {folder / 'golden.json'} is from an earlier export; give --sample to renew it.", file=sys.stderr)
    form = f"one float32 matrix of {len(kinds)}" if arguments.matrix else f"{len(kinds)} inputs, one per feature"
    print(f"Wrote {folder / 'pipeline.onnx'} ({(folder / 'pipeline.onnx').stat().st_size} bytes, {form}).")
    return 0


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="Unpickling runs whatever code the file holds: export only files you trust.",
    )
    parser.add_argument("pickle", type=Path, help="the fitted pipeline, pickled or joblib-dumped")
    parser.add_argument("--sample", type=Path, help="raw feature rows, .parquet or .csv: gives types, checks, golden.json")
    parser.add_argument("--matrix", action="store_true", help="one float32 [N,F] input instead of one input per feature")
    parser.add_argument("--keep-integers", action="store_true", help="integer features become int64 inputs, not float32")
    parser.add_argument("--fill", action="append", default=[], metavar="FEATURE=VALUE", help="what a missing text or integer reads as")
    parser.add_argument("--target-opset", type=int, default=17, help="ONNX opset (17)")
    parser.add_argument("--ml-opset", type=int, default=3, help="ai.onnx.ml opset (3)")
    parser.add_argument("--min-agreement", type=float, default=1.0, help="share of sample rows that must agree (1.0)")
    try:
        return export(parser.parse_args())
    except BadInput as error:
        print(f"export_sklearn: {error}", file=sys.stderr)
    except ImportError as error:
        print(f"export_sklearn: {first_line(error)}; pip install -r games/requirements.txt installs what is needed.", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
