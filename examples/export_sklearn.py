"""Exports a pickled, fitted scikit-learn pipeline to the `pipeline.onnx` beside it, ready to be registered.

    python export_sklearn.py models/experiments/rating/best/v1/pipeline.pkl --sample sample.parquet

**Unpickling runs whatever code the file holds. Export only files you trust.** Run it with the library versions the
pipeline was trained with; scikit-learn promises nothing about pickles of other versions.

What it reads: the pickle (pickle or joblib), `model_info.json` beside it when there is one, and, with `--sample`, a
Parquet or CSV file with the pipeline's raw feature columns (others are ignored; in CSV an empty field is missing).

What it writes beside the pickle:
- `pipeline.onnx`, opset 17 and ai.onnx.ml 3 unless told otherwise, classifiers without ZipMap;
- `model_info.json`, merged: `feature_names`; for a classifier `classes`; `fills`, which say what missing text or a missing
  integer reads as: what the pipeline's own imputers and encoders know, else `--fill`, else what is there. Other fields stay;
- `golden.json`, with a sample: its first 50 rows that agree, `{"data": {feature: [values]}, "predictions": {column: [values]}}`,
  null for missing, float32 values written in full, integers beyond 2**53 as text, and scikit-learn's own predictions for them.

Inputs of the ONNX model. One input `[N,1]` per feature, under its own name: text is string, everything else float32; with
`--keep-integers` integer features (by the sample, or by an encoder's own categories) are int64, and so are encoders' integer
categories beyond 2**24, which float32 does not hold. With `--matrix` a
single float32 input `features` `[N,F]` in the order of `feature_names`. What is text is known from the pipeline's own
encoders and vectorizers, and from the sample's column types. Columns that the pipeline does not use are no inputs.
Outputs: a classifier's label and probabilities; of a model without `predict_proba` its first output alone, so that no distance is
taken for a probability. A search (GridSearchCV) is exported as its `best_estimator_`.
Word vectorizers become an operator that needs the locale C.UTF-8 wherever the model runs: Debian and its images have it. A pipeline that
begins with one takes a single feature, which is text.

Every sample row is predicted by both: |onnx - sklearn| <= 1e-5 * max(1, |sklearn|). scikit-learn is given the rows as they are: its
own imputers and encoders see what is missing, and numbers have all their digits; ONNX is given what serving will feed. Only what
`--fill` or model_info.json fills is filled for both, since training must have done it before the pipeline. Rows that agree only
once float32 has rounded their numbers are told; they usually sit on a tree's threshold: put trees on unscaled features and train on
float32-rounded values (https://onnx.ai/sklearn-onnx/auto_tutorial/plot_ebegin_float_double.html). A few rows are predicted once
more with each feature missing: numbers that differ are told, text that differs is refused. Without a sample nothing is compared.

Known to be converted wrong, which the sample shows: random forests that learnt missing values; HistGradientBoosting with the losses
poisson and gamma or with categorical_features; SimpleImputer(add_indicator=True) of numbers; LightGBM with boosting_type="rf", linear_tree or
multiclassova; XGBRegressor(objective="reg:logistic").

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
import re
import sys
import textwrap
import warnings
from dataclasses import dataclass, field
from pathlib import Path

try:
    import numpy as np
except ImportError:
    print("export_sklearn: numpy is missing; pip install -r games/requirements.txt installs what is needed.", file=sys.stderr)
    sys.exit(2)

GOLDEN_ROWS = 50
PROBED_ROWS = 10
TOLERANCE = 1e-5
FLOAT32_INTEGERS = 2**24  # float32 holds every integer up to here
JSON_INTEGERS = 2**53  # and JSON's readers up to here
WITH_CATEGORIES = ("OneHotEncoder", "OrdinalEncoder", "TargetEncoder")
UNSEEN = {"OneHotEncoder": "fails, with the rows that are run with it", "OrdinalEncoder": "takes it for the number -1"}
WITH_WORDS = ("CountVectorizer", "TfidfVectorizer", "HashingVectorizer")
WITH_THRESHOLD = ("TunedThresholdClassifierCV", "FixedThresholdClassifier")
DTYPES = {"number": np.float64, "integer": np.int64, "text": object}
ARTICLES = {"number": "a number", "integer": "an integer", "text": "text"}


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
    while hasattr(estimator, "best_estimator_"):  # a search around the pipeline
        estimator = estimator.best_estimator_
    name = type(estimator).__name__
    if not hasattr(estimator, "predict"):
        raise BadInput(f"{path} holds a {name}, which cannot predict: pickle the whole pipeline.")
    if not hasattr(estimator, "get_params"):
        raise BadInput(
            f"{path} holds a {type(estimator).__module__.split('.')[0]}.{name}, which is no scikit-learn estimator: "
            "train with LGBMRegressor, LGBMClassifier, XGBRegressor or XGBClassifier, and pickle that."
        )
    if type(steps_of(estimator)[-1]).__name__ in WITH_THRESHOLD:
        raise BadInput(
            f"The threshold of a {type(steps_of(estimator)[-1]).__name__} cannot be converted: pickle the classifier in its estimator_, "
            "and compare the probability with the threshold where it is used."
        )
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(estimator)
    except NotFittedError as error:
        raise BadInput(f"{path} holds a {name} that is not fitted.") from error
    return estimator


def first_line(error):
    """The first line of a message, shortened between words: converters print whole models, and classes with their modules."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    line = re.sub(r"'?<class '(?:\w+\.)*(\w+)'>'?", r"\1", line)
    return textwrap.shorten(line, 200, placeholder=" …").rstrip(".")


def listed(names):
    """The first few names, quoted."""
    names = list(names)
    return ", ".join(f"'{name}'" for name in names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def steps_of(estimator):
    """A pipeline's steps, or the thing alone."""
    return [step for _, step in estimator.steps] if hasattr(estimator, "steps") else [estimator]


def takes_texts(estimator):
    """Whether it begins with a vectorizer of words, which takes a list of texts, and no table."""
    return type(steps_of(estimator)[0]).__name__ in WITH_WORDS


@dataclass
class Known:
    """What a pipeline itself knows of its raw features.

    kinds: {feature: 'text' | 'integer' | 'wide integer'}, from its vectorizers and the categories of its encoders.
    fills: {feature: text} that a missing one reads as, from its imputers of text and its encoders' own category for missing.
    missing: {feature: value} that these know as missing. strict: {encoder: [features]} that refuse categories they have not seen.
    """

    kinds: dict = field(default_factory=dict)
    fills: dict = field(default_factory=dict)
    missing: dict = field(default_factory=dict)
    strict: dict = field(default_factory=dict)

    def fill(self, name, text, missing):
        """Takes down what a missing one reads as. Fails `BadInput` where the pipeline has two readings."""
        if self.fills.setdefault(name, text) != text:
            raise BadInput(
                f'The pipeline reads a missing \'{name}\' both as "{self.fills[name]}" and as "{text}", and serving fills it once: put the same '
                "SimpleImputer(strategy='constant', fill_value='missing') before each of its encoders (it leaves None unless "
                "missing_values=None), and train again."
            )
        self.missing[name] = missing


def convertible(estimator, names):
    """A copy of the estimator that skl2onnx can convert and that predicts the same, and what it `Known`s of its features.

    Imputers of text are taken out: skl2onnx cannot convert them, and missing text is filled before it reaches the
    model, with the very value that the imputer learnt. Columns are picked by position, whatever they are called.
    """
    known = Known()
    changed = of_raw(copy.deepcopy(estimator), names, known)
    last = steps_of(changed)[-1]
    if type(last).__module__.startswith("xgboost"):
        last.get_booster().feature_names = None  # its converter knows features by position only
    return changed, known


def of_raw(part, names, known):
    """The part of a pipeline that sees the raw features `names`, changed in place, or None when nothing is left of it. Fails `BadInput`."""
    kind = type(part).__name__
    if hasattr(part, "steps"):
        steps, kept = list(part.steps), []
        while steps:
            label, step = steps.pop(0)
            left = of_raw(step, names, known)
            kept += [] if left is None else [(label, left)]
            if type(step).__name__ != "SimpleImputer":
                break  # what follows sees no raw features
        part.steps = kept + steps
        return part if part.steps else None
    if kind == "ColumnTransformer":
        parts = []
        for label, inner, _ in part.transformers_:
            places = [int(place) for place in part._transformer_to_input_indices[label]]
            left = inner if isinstance(inner, str) else of_raw(inner, [names[place] for place in places], known)
            parts.append((label, "passthrough" if left is None else left, places))
        part.transformers_ = parts
    elif kind == "FeatureUnion":
        part.transformer_list = [(label, of_raw(inner, names, known) or "passthrough") for label, inner in part.transformer_list]
    elif kind == "SimpleImputer":
        return of_raw_imputer(part, names, known)
    elif kind in WITH_WORDS:
        known.kinds |= dict.fromkeys(names, "text")
    elif kind in WITH_CATEGORIES:
        for name, categories in zip(names, part.categories_):
            if any(isinstance(category, str) for category in categories):
                known.kinds[name] = "text"
                for missing in (category for category in categories if not isinstance(category, str)):
                    known.fill(name, str(missing), missing)  # which is what skl2onnx calls this category
            elif categories.dtype.kind in "iu":
                wide = np.abs(categories.astype(np.float64)).max(initial=0) > FLOAT32_INTEGERS
                known.kinds[name] = "wide integer" if wide else "integer"
        if getattr(part, "handle_unknown", None) == "error":
            known.strict.setdefault(kind, []).extend(names)
    return part


def of_raw_imputer(imputer, names, known):
    """The imputer when it fills numbers; None when it fills text, with the fills taken down. Fails `BadInput`."""
    if not any(isinstance(fill, str) for fill in imputer.statistics_):
        return imputer
    marker = imputer.missing_values
    if not all(isinstance(fill, str) for fill in imputer.statistics_):
        wrong = "fills text and numbers together: give each their own"
    elif not (marker is None or marker != marker or type(marker).__name__ == "NAType"):
        wrong = f"fills {marker!r}, and serving fills only what is missing: clean the column before the pipeline"
    elif imputer.add_indicator:
        wrong = "has add_indicator=True, which cannot be converted for text: leave it out"
    else:
        for name, fill in zip(names, imputer.statistics_):
            known.kinds[name] = "text"
            known.fill(name, str(fill), marker)
        return None
    raise BadInput(f"The SimpleImputer of {listed(names)} {wrong}, and train again.")


def feature_names_of(estimator, model_info, sample_columns):
    """The raw features in the pipeline's order: its own names, else those of model_info.json, else the sample's."""
    if hasattr(estimator, "feature_names_in_"):
        return [str(name) for name in estimator.feature_names_in_]
    count = 1 if takes_texts(estimator) else getattr(estimator, "n_features_in_", None)
    for names in (model_info.get("feature_names"), sample_columns):
        if names is not None and (count is None or len(names) == count):
            return list(names)
    just = "its column" if count == 1 else f"its {count} columns in order" if count else "its columns in order"
    raise BadInput(f"The pipeline was fitted without feature names: give a --sample with just {just}, or feature_names in model_info.json.")


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


def kinds_of(names, known, sample, keep_integers, matrix):
    """{feature: 'text' | 'integer' | 'number'} for every feature. 'integer' occurs only when integers are kept, or too wide for float32."""
    from pandas.api import types

    kinds = {}
    for name in names:
        kind = known.get(name)
        if kind == "wide integer" and matrix:
            raise BadInput(f"Feature '{name}' has integer categories beyond 2**24, which a float32 matrix does not hold: leave out --matrix.")
        if sample is not None and not sample[name].isna().all():
            values = sample[name]
            if types.is_numeric_dtype(values) or all(isinstance(value, (bool, np.bool_)) for value in values.dropna()):
                if kind == "text":
                    raise BadInput(f"Feature '{name}' is text in the pipeline but {values.dtype} in the sample.")
                kind = kind or ("integer" if types.is_integer_dtype(values) else "number")
            elif all(isinstance(value, str) for value in values.dropna()):
                if kind not in ("text", None):
                    raise BadInput(f"Feature '{name}' is an integer in the pipeline but text in the sample.")
                kind = "text"
            else:
                raise BadInput(f"Feature '{name}' is {values.dtype} in the sample; features are numbers, booleans or text.")
        kept = {"text": "text", "wide integer": "integer", "integer": "integer" if keep_integers else "number"}
        kinds[name] = kept.get(kind, "number")
    return kinds


@dataclass
class Check:
    """Predicts rows with scikit-learn and with the exported model; `kinds` are the model's features, `names` the pipeline's."""

    estimator: object
    session: object
    names: list
    kinds: dict
    known: Known
    fills: dict
    matrix: bool

    def frames(self, rows):
        """The features of `rows`, numbers as float64, as the pipeline expects them and as serving fills them.

        What the pipeline itself fills is missing in the first and filled in the second; every other fill is in both.
        Fails `BadInput` when a text or integer feature misses a value and has no fill.
        """
        given, served = rows[self.names].copy(), {}
        for name, kind in self.kinds.items():
            missing = rows[name].isna().to_numpy()
            if missing.any() and kind != "number" and name not in self.fills:
                raise BadInput(
                    f"Feature '{name}' has no value in {int(missing.sum())} sample rows and {ARTICLES[kind]} input cannot be missing: "
                    f"say --fill {name}=VALUE with the value that missing ones were trained as."
                )
            fill = self.fills.get(name, np.nan)
            served[name] = column(rows[name], missing, fill, kind)
            given[name] = column(rows[name], missing, self.known.missing.get(name, fill), kind)
        return given, served

    def expected(self, given):
        """scikit-learn's own predictions. Raises what scikit-learn raises."""
        # It gets what it was fitted on: a frame when it knows names, else an array, or texts.
        if takes_texts(self.estimator):
            given = given[self.names[0]]
        elif not hasattr(self.estimator, "feature_names_in_"):
            given = given.to_numpy()
        return predictions_of(self.estimator, given, self.session.get_outputs()[0].name)

    def actual(self, served, expected):
        """ONNX Runtime's predictions, in the same columns as `expected`. Fails `BadInput`."""
        types = {**DTYPES, "number": np.float32}
        with np.errstate(over="ignore"):
            tensors = {name: served[name].astype(types[kind]).reshape(-1, 1) for name, kind in self.kinds.items()}
        if self.matrix:
            tensors = {"features": np.hstack(list(tensors.values()))}
        try:
            outputs = self.session.run(None, tensors)
        except Exception as error:
            raise BadInput(f"ONNX Runtime cannot run the exported pipeline: {first_line(error)}.") from error
        if len(outputs) == 1:
            return dict(zip(expected, np.asarray(outputs[0]).reshape(len(outputs[0]), -1).T))
        probabilities = np.asarray(outputs[1])
        places = range(1, 2) if "probability" in expected else range(probabilities.shape[1])
        return dict(zip(expected, [np.asarray(outputs[0]).reshape(-1), *(probabilities[:, place] for place in places)]))


def column(values, missing, fill, kind):
    """The values as an array of the kind's type, with the fill where they are missing."""
    values = values.to_numpy(object, copy=True)
    values[missing] = fill
    return values.astype(DTYPES[kind])


def rounded(frame, kinds):
    """The frame with its numbers as float32 holds them, in float64."""
    with np.errstate(over="ignore"):
        return frame.assign(**{name: frame[name].astype(np.float32).astype(np.float64) for name, kind in kinds.items() if kind == "number"})


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
    """The ONNX model, whose inputs are the features that it looks at. Fails `BadInput` when skl2onnx cannot convert the pipeline.

    A model of no probabilities has one output, so that nobody takes distances and margins for them.
    """
    from onnx.helper import make_opsetid
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType

    register_boosters(estimator)
    exported, _ = convertible(estimator, list(kinds))
    types = {"number": FloatTensorType, "integer": Int64TensorType, "text": StringTensorType}
    if matrix:
        inputs = [("features", FloatTensorType([None, len(kinds)]))]
    else:
        # Features may be called anything; the converter wants identifiers.
        inputs = [(f"x{place}", types[kind]([None, 1])) for place, kind in enumerate(kinds.values())]
        exported = joined(exported, kinds)
    try:
        try:
            model = convert_sklearn(exported, "pipeline", inputs, target_opset=opsets, options={"zipmap": False})
        except NameError:  # the converter knows no such option
            model = convert_sklearn(exported, "pipeline", inputs, target_opset=opsets)
    except Exception as error:
        raise BadInput(f"skl2onnx cannot convert this pipeline: {first_line(error)}{cure_of(error)}.") from error
    if not hasattr(estimator, "predict_proba"):
        del model.graph.output[1:]
    elif any(not output.type.HasField("tensor_type") for output in model.graph.output):
        raise BadInput("The pipeline predicts probabilities for several targets at once, which cannot be served: export one classifier for each.")
    as_texts_are_read(model.graph)
    if not matrix:
        used = {name for node in model.graph.node for name in node.input} | {output.name for output in model.graph.output}
        inputs = [one for one in model.graph.input if one.name in used]
        del model.graph.input[:]
        model.graph.input.extend(inputs)
        rename_inputs(model.graph, {f"x{place}": name for place, name in enumerate(kinds)})
    versions = {}
    for opset in model.opset_import:  # a domain may be named twice
        versions[opset.domain] = max(opset.version, versions.get(opset.domain, 0))
    del model.opset_import[:]
    model.opset_import.extend(make_opsetid(domain, number) for domain, number in sorted(versions.items()))
    return model


def as_texts_are_read(graph):
    """Has words in lower case and taken apart as scikit-learn does, in any language and on any machine."""
    from onnx.helper import make_attribute

    for node in graph.node:
        known = {one.name: one for one in node.attribute}
        if node.op_type == "StringNormalizer" and "locale" not in known:
            # By default en_US.UTF-8, which servers and images do not have.
            node.attribute.append(make_attribute("locale", "C.UTF-8"))
        if node.op_type == "Tokenizer" and "tokenexp" in known and known["tokenexp"].s == b"[a-zA-Z0-9_]+":
            # The converter's reading of scikit-learn's own pattern, which takes two letters or more of any alphabet.
            known["tokenexp"].s = rb"[\p{L}\p{N}_][\p{L}\p{N}_]+"


def joined(exported, kinds):
    """The pipeline with a pass-through in front: the converter joins many inputs for some estimators only, and text with numbers for none."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline

    first = exported
    while hasattr(first, "steps"):
        first = first.steps[0][1]
    if type(first).__name__ == "ColumnTransformer" or len({kind == "text" for kind in kinds.values()}) > 1:
        return exported
    together = ColumnTransformer([("features", "passthrough", list(range(len(kinds))))])
    together.fit(np.zeros((1, len(kinds))))
    return make_pipeline(together, *steps_of(exported))


def cure_of(error):
    """What helps against a failure of the converter, or nothing."""
    said = f"{error} {error.__cause__} {error.__context__}"
    if "got a boolean" in said:
        return "; with this skl2onnx, pip install 'protobuf<7' first"
    if "LinearSVC" in said:
        return "; take CalibratedClassifierCV(LinearSVC()) or SVC(kernel='linear') for it"
    if re.search(r"\b(lightgbm|xgboost)\b", said):
        return "; LightGBM and XGBoost models are converted alone or as the last step of a pipeline, not inside another model"
    return ""


def rename_inputs(graph, names):
    """Gives a graph's inputs the features' own names, and another name to whatever else is called like that."""
    taken = set(names.values())

    def new(name):
        if name in names:
            return names[name]
        while name in taken:
            name += "_"
        return name

    def rename(part):
        for value in (*part.input, *part.output, *part.initializer, *part.value_info):
            value.name = new(value.name)
        for node in part.node:
            node.input[:] = [new(name) for name in node.input]
            node.output[:] = [new(name) for name in node.output]
            for attribute in node.attribute:
                for inner in (attribute.g, *attribute.graphs):
                    rename(inner)

    rename(graph)


def session_of(model):
    """An ONNX Runtime session. Fails `BadInput`."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when the library is loaded
    import onnxruntime

    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    except Exception as error:
        raise BadInput(f"ONNX Runtime cannot load the exported pipeline: {first_line(error)}.") from error


def as_onnx(labels):
    """Labels as ONNX gives them: false and true are 0 and 1, 1.0 is 1."""
    labels = np.asarray(labels)
    return labels.astype(np.int64) if labels.dtype.kind in "bf" else labels


def predictions_of(estimator, values, output):
    """scikit-learn's own answer as the columns that are served: `prediction` and `probability…`, or those of the `output` for several targets."""
    predicted = np.asarray(estimator.predict(values))
    if predicted.ndim == 2 and predicted.shape[1] > 1:
        return {f"{output}_{place}": predicted[:, place] for place in range(predicted.shape[1])}
    columns = {"prediction": predicted.reshape(-1)}
    if hasattr(estimator, "classes_"):
        columns["prediction"] = as_onnx(columns["prediction"])
    if hasattr(estimator, "predict_proba"):
        probabilities = estimator.predict_proba(values)
        if probabilities.shape[1] == 2:
            columns["probability"] = probabilities[:, 1]
        else:
            classes = as_onnx(getattr(estimator, "classes_", range(probabilities.shape[1])))
            columns |= {f"probability_{name}": probabilities[:, place] for place, name in enumerate(classes)}
    return columns


def agreement(expected, actual):
    """{column: per row, is it the same integer or text, or within 1e-5 * max(1, |scikit-learn's|)?} NaN agrees with NaN."""
    agrees = {}
    for name, b in expected.items():
        a = actual[name]
        if b.dtype.kind in "f":
            a, b = a.astype(np.float64), b.astype(np.float64)
            agrees[name] = (np.abs(a - b) <= TOLERANCE * np.maximum(1, np.abs(b))) | (np.isnan(a) & np.isnan(b)) | (a == b)
        else:
            agrees[name] = np.array([x == y for x, y in zip(a.tolist(), b.tolist())])
    return agrees


def agreeing(expected, actual):
    """Per row: does every column agree?"""
    return np.all(list(agreement(expected, actual).values()), axis=0)


def difference(expected, actual, row):
    """What differs in a row, which does."""
    name = next(name for name, agrees in agreement(expected, actual).items() if not agrees[row])
    return f"{name} is {plain(expected[name][row])} in scikit-learn and {plain(actual[name][row])} in ONNX"


def check_missing(check, rows):
    """Predicts `rows`, which agree, with each feature missing in turn. Fails `BadInput` for text; for numbers prints what differs.

    Features are left out that scikit-learn refuses when they are missing, and those that serving does.
    """
    unlike, example = [], None
    for name, kind in check.kinds.items():
        if kind != "number" and name not in check.known.fills:
            continue
        given, served = check.frames(rows.assign(**{name: None}))
        try:
            expected = check.expected(rounded(given, check.kinds))
        except (ValueError, TypeError):
            continue
        actual = check.actual(served, expected)
        kept = agreeing(expected, actual)
        if kept.all():
            continue
        told = difference(expected, actual, int(np.argmin(kept)))
        if kind == "text":
            raise BadInput(
                f"A missing '{name}' cannot be served as this pipeline reads it ({told}): put SimpleImputer(strategy='constant', "
                "fill_value='missing') before each of its encoders, and train again."
            )
        unlike.append(name)
        example = example or f"without '{name}' in sample row {rows.index[int(np.argmin(kept))]}, {told}"
    if unlike:
        print(
            f"Warning: the model predicts something else than scikit-learn where {listed(unlike)} {'are' if len(unlike) > 1 else 'is'} missing "
            f"({example}): put a SimpleImputer before, or never send null.",
            file=sys.stderr,
        )


def plain(value):
    """A JSON value: null for missing, the number in full double precision, digits in text when JSON would round them, or the text."""
    if value is None or value != value:
        return None
    value = value.item() if isinstance(value, np.generic) else value
    return str(value) if isinstance(value, int) and abs(value) > JSON_INTEGERS else value


def golden_of(missing, served, expected):
    """Rows in golden.json's form: the features as float32 holds them, null where they are missing, and the predictions."""
    return {
        "data": {name: [None if gone else plain(v) for v, gone in zip(values, missing[name])] for name, values in served.items()},
        "predictions": {name: [v if isinstance(v, int) else plain(v) for v in values.tolist()] for name, values in expected.items()},
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


def typed_fills(fills, kinds, source):
    """Fills in their features' types. Fails `BadInput` for one that does not fit or that names no feature."""
    typed = {}
    for name, value in fills.items():
        if name not in kinds:
            raise BadInput(f"{source} fills '{name}', which is no feature of this pipeline.")
        try:
            typed[name] = {"text": str, "integer": int, "number": float}[kinds[name]](value)
        except (ValueError, TypeError) as error:
            raise BadInput(f"{source} fills '{name}' with {value}, which is not {ARTICLES[kinds[name]]}.") from error
    return typed


def fills_of(known, stored, asked):
    """All fills: the pipeline's own, then those asked for, then those stored. Fails `BadInput` when one is asked for against the pipeline."""
    for name, fill in known.fills.items():
        if asked.get(name, fill) != fill:
            raise BadInput(f"The pipeline fills '{name}' with \"{fill}\" itself: leave out --fill {name}.")
        if stored.get(name, fill) != fill:
            print(f"Warning: model_info.json filled '{name}' with \"{stored[name]}\"; the pipeline itself fills it with \"{fill}\".", file=sys.stderr)
    return {**stored, **asked, **known.fills}


def compare(check, sample, min_agreement):
    """golden.json for a sample that agrees, or None when it does not, which is printed. Fails `BadInput`."""
    given, served = check.frames(sample)
    held = rounded(given, check.kinds)
    try:
        expected, after = check.expected(given), check.expected(held)
    except Exception as error:
        raise BadInput(f"scikit-learn cannot predict the sample: {first_line(error)}.") from error
    actual = check.actual(served, expected)
    kept, kept_after = agreeing(expected, actual), agreeing(after, actual)
    print(f"{int(kept.sum())} of {len(kept)} sample rows agree within {TOLERANCE:g}.")
    only_after = kept_after & ~kept
    if only_after.any():
        lossy = [name for name, kind in check.kinds.items() if kind == "number" and (given[name] != held[name])[only_after & given[name].notna()].any()]
        print(
            f"{int(only_after.sum())} more agree only when scikit-learn, too, gets {listed(lossy)} rounded to float32: train on rounded values, "
            "or, for integers, --keep-integers.",
            file=sys.stderr,
        )
    if kept.mean() < min_agreement or not kept.any():
        row = int(np.argmin(kept))
        print(f"Predictions differ, first in sample row {row} (counted from 0): {difference(expected, actual, row)}; nothing was written.", file=sys.stderr)
        return None
    whole = np.flatnonzero(kept & kept_after)
    check_missing(check, sample.iloc[whole[:PROBED_ROWS]])
    rows = whole[:GOLDEN_ROWS]
    served = {name: (held[name].to_numpy() if check.kinds[name] == "number" else values)[rows] for name, values in served.items()}
    return golden_of(sample.iloc[rows].isna(), served, {name: values[rows] for name, values in after.items()})


def export(arguments):
    """Does what the file's docstring says; returns the exit code."""
    print("Unpickling runs code from the file: export only files you trust.", file=sys.stderr)
    if not 0 <= arguments.min_agreement <= 1:
        raise BadInput(f"--min-agreement {arguments.min_agreement:g} is no share: give a number from 0 to 1.")
    folder = arguments.pickle.parent
    estimator = unpickled(arguments.pickle)
    model_info = read_model_info(folder / "model_info.json")
    columns = None if arguments.sample is None else [str(name) for name in read_sample(arguments.sample, []).columns]
    names = feature_names_of(estimator, model_info, columns)
    _, known = convertible(estimator, names)
    sample = None
    if columns is not None:
        lacking = [name for name in names if name not in columns]
        if lacking:
            raise BadInput(f"The sample lacks these features: {', '.join(lacking)}.")
        sample = read_sample(arguments.sample, [name for name, kind in known.kinds.items() if kind == "text"]).reset_index(drop=True)
        if len(sample) == 0:
            raise BadInput(f"The sample {arguments.sample} has no rows.")
    kinds = kinds_of(names, known.kinds, sample, arguments.keep_integers and not arguments.matrix, arguments.matrix)
    if arguments.matrix and "text" in kinds.values():
        texts = ", ".join(name for name, kind in kinds.items() if kind == "text")
        raise BadInput(f"A matrix holds numbers only, and these features are text: {texts}.")
    fills = fills_of(
        known,
        typed_fills({name: fill for name, fill in model_info.get("fills", {}).items() if name in kinds}, kinds, "model_info.json"),
        typed_fills(parsed_fills(arguments.fill), kinds, "--fill"),
    )
    model = converted(estimator, kinds, arguments.matrix, {"": arguments.target_opset, "ai.onnx.ml": arguments.ml_opset})
    if not arguments.matrix:
        kinds = {one.name: kinds[one.name] for one in model.graph.input}
        fills = {name: fill for name, fill in fills.items() if name in kinds}
    unused = [name for name in names if name not in kinds]
    if unused:
        print(f"Left out {len(unused)} column{'s' if len(unused) > 1 else ''} that the pipeline does not use: {', '.join(unused)}.")
    for encoder, features in known.strict.items():
        print(
            f"Warning: scikit-learn's {encoder} refuses a category of {listed(features)} that it has not seen; the ONNX model "
            f"{UNSEEN[encoder]}: handle_unknown='ignore', or 'use_encoded_value', says what it means.",
            file=sys.stderr,
        )

    golden = None
    if sample is None:
        print("Warning: nothing was compared with scikit-learn; give --sample with rows of the training data.", file=sys.stderr)
    else:
        golden = compare(Check(estimator, session_of(model), names, kinds, known, fills, arguments.matrix), sample, arguments.min_agreement)
        if golden is None:
            return 1

    if arguments.matrix or unused or "feature_names" not in model_info:
        model_info["feature_names"] = list(kinds)
    if hasattr(estimator, "classes_"):
        model_info["classes"] = [plain(label) for label in as_onnx(estimator.classes_)]
    if fills or "fills" in model_info:
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
    parser.add_argument("--fill", action="append", default=[], metavar="FEATURE=VALUE", help="what training filled a missing one with, before the pipeline")
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
