"""Makes the small ONNX models that the tests of the inference engine run. The outputs are committed; tests need no Python.

    python -m venv venv && venv/bin/pip install onnx skl2onnx scikit-learn
    venv/bin/python test/support/onnx/make_fixtures.py

IR 8, opset 17, ai.onnx.ml 3: what any runtime of the last years loads.
"""

import pathlib

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

FOLDER = pathlib.Path(__file__).parent
FLOAT, DOUBLE, INT32, INT64 = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT32, TensorProto.INT64
BOOL, STRING, FLOAT16 = TensorProto.BOOL, TensorProto.STRING, TensorProto.FLOAT16


def value(name, element_type, *shape):
    return helper.make_tensor_value_info(name, element_type, shape)


def constant(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


def ml(op, inputs, outputs, **attributes):
    return node(op, inputs, outputs, domain="ai.onnx.ml", **attributes)


def save(name, nodes, inputs, outputs, constants=()):
    graph = helper.make_graph(nodes, name, inputs, outputs, list(constants))
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="scorekeeper")
    checker.check_model(model)
    (FOLDER / f"{name}.onnx").write_bytes(model.SerializeToString())


def regressors():
    # prediction = 1 + 2 * weight + 3 * year
    save(
        "columns",
        [node("Concat", "weight year", "x", axis=1), node("Gemm", "x w b", "variable")],
        [value("weight", FLOAT, "N", 1), value("year", FLOAT, "N", 1)],
        [value("variable", FLOAT, "N", 1)],
        [constant("w", np.float32([[2], [3]])), constant("b", np.float32([1]))],
    )
    # prediction = 1 + 2 a + 3 b + 4 c
    for name, width in (("matrix", 3), ("matrix-free-width", None)):
        save(
            name,
            [node("Gemm", "x w b", "variable")],
            [value("x", FLOAT, None, width)],
            [value("variable", FLOAT, None, 1)],
            [constant("w", np.float32([[2], [3], [4]])), constant("b", np.float32([1]))],
        )
    save(
        "rank-one",
        [node("Add", "x one", "y")],
        [value("x", FLOAT, "N")],
        [value("y", FLOAT, "N")],
        [constant("one", np.float32(1))],
    )


def element_types():
    for name, element_type, one in (
        ("int64", INT64, np.int64(1)),
        ("int32", INT32, np.int32(1)),
        ("float64", DOUBLE, np.float64(1)),
    ):
        save(
            name,
            [node("Add", "x one", "y")],
            [value("x", element_type, "N", 1)],
            [value("y", element_type, "N", 1)],
            [constant("one", one)],
        )
    save("bool", [node("Not", "x", "y")], [value("x", BOOL, "N", 1)], [value("y", BOOL, "N", 1)])
    # Text in, its code and itself out; an unknown text is -1.
    save(
        "string",
        [
            ml("LabelEncoder", "x", "code", keys_strings=["chess", "go"], values_floats=[1.0, 2.0], default_float=-1.0),
            node("Identity", "x", "same"),
        ],
        [value("x", STRING, "N", 1)],
        [value("code", FLOAT, "N", 1), value("same", STRING, "N", 1)],
    )
    # Fails for any other text, as sklearn's OneHotEncoder is exported that was told to.
    save(
        "known-texts",
        [ml("OneHotEncoder", "x", "y", cats_strings=["chess", "go"], zeros=0), node("ReduceSum", "y axes", "code", keepdims=0)],
        [value("x", STRING, "N", 1)],
        [value("code", FLOAT, "N", None)],
        [constant("axes", np.int64([1]))],
    )
    save(
        "float16",
        [node("Cast", "x", "y", to=FLOAT)],
        [value("x", FLOAT16, "N", 1)],
        [value("y", FLOAT, "N", 1)],
    )
    save(
        "uint8-output",
        [node("Cast", "x", "y", to=TensorProto.UINT8)],
        [value("x", FLOAT, "N", 1)],
        [value("y", TensorProto.UINT8, "N", 1)],
    )


def classifiers():
    def linear_classifier(name, coefficients, classes):
        label_type = STRING if "classlabels_strings" in classes else INT64
        class_count = len(coefficients)
        save(
            name,
            [
                ml(
                    "LinearClassifier",
                    "x",
                    "label probabilities",
                    coefficients=np.float32(coefficients).ravel().tolist(),
                    intercepts=[0.0] * class_count,
                    multi_class=1,
                    post_transform="SOFTMAX",
                    **classes,
                )
            ],
            [value("x", FLOAT, "N", 2)],
            [value("label", label_type, "N"), value("probabilities", FLOAT, "N", class_count)],
        )

    linear_classifier("classifier", [[0, 0], [1, 1]], {"classlabels_ints": [0, 1]})
    linear_classifier("classifier-three", [[0, 0], [1, 0], [0, 1]], {"classlabels_strings": ["low", "mid", "high"]})
    # What skl2onnx makes unless it is told options={'zipmap': False}.
    x = np.float32([[0, 0], [0, 1], [1, 0], [1, 1]])
    model = to_onnx(LogisticRegression().fit(x, [0, 0, 1, 1]), x[:1], target_opset={"": 17, "ai.onnx.ml": 3})
    model.ir_version = 8
    (FOLDER / "zipmap.onnx").write_bytes(model.SerializeToString())


def odd_shapes():
    save(
        "three-dimensions",
        [node("ReduceMean", "x", "y", axes=[1, 2], keepdims=0)],
        [value("x", FLOAT, "N", 2, 2)],
        [value("y", FLOAT, "N")],
    )
    save(
        "fixed-rows",
        [node("Identity", "x", "y")],
        [value("x", FLOAT, 1, 2)],
        [value("y", FLOAT, 1, 2)],
    )
    save(
        "scalar-output",
        [node("ReduceMean", "x", "y", keepdims=0)],
        [value("x", FLOAT, "N", 2)],
        [value("y", FLOAT)],
    )
    # Each row less the mean of all, and with their sum.
    save(
        "dependent-rows",
        [node("ReduceMean", "x", "mean", axes=[0], keepdims=1), node("Sub", "x mean", "y")],
        [value("x", FLOAT, "N", 1)],
        [value("y", FLOAT, "N", 1)],
    )
    save(
        "dependent-integers",
        [node("ReduceSum", "x rows", "sum", keepdims=1), node("Add", "x sum", "both"), node("Cast", "both", "y", to=FLOAT)],
        [value("x", INT64, "N", 1)],
        [value("y", FLOAT, "N", 1)],
        [constant("rows", np.int64([0]))],
    )
    # Whatever comes is one row of two.
    save(
        "one-row",
        [node("Reshape", "x shape", "y")],
        [value("x", FLOAT, "N", 2)],
        [value("y", FLOAT, "N", 2)],
        [constant("shape", np.int64([1, 2]))],
    )
    save("no-inputs", [node("Identity", "c", "y")], [], [value("y", FLOAT, 1, 1)], [constant("c", np.float32([[1]]))])
    # `wide` is 3 wide, which the artifact does not say.
    save(
        "wide",
        [
            node("Gemm", "x w", "wide"),
            node("ReduceSum", "x axis", "total", keepdims=1),
            node("ArgMax", "x", "best", axis=1, keepdims=0),
        ],
        [value("x", FLOAT, "N", 2)],
        [value("wide", FLOAT, "N", "M"), value("total", FLOAT, "N", 1), value("best", INT64, "N")],
        [constant("w", np.float32([[1, 2, 3], [4, 5, 6]])), constant("axis", np.int64([1]))],
    )
    # log(x) and 1 / x: NaN, Infinity and -Infinity for x of -1 and 0.
    save(
        "not-finite",
        [node("Log", "x", "log"), node("Reciprocal", "x", "reciprocal")],
        [value("x", FLOAT, "N", 1)],
        [value("log", FLOAT, "N", 1), value("reciprocal", FLOAT, "N", 1)],
    )


def nuisances():
    def loop(name, trips, width):
        body = helper.make_graph(
            [node("Sin", "state", "next"), node("Identity", "go", "still")],
            "body",
            [value("i", INT64), value("go", BOOL), value("state", FLOAT, "N", width)],
            [value("still", BOOL), value("next", FLOAT, "N", width)],
        )
        save(
            name,
            [
                node("ConstantOfShape", "size", "ones", value=constant("one", np.float32([1]))),
                node("MatMul", "x ones", "start"),
                node("Loop", "trips yes start", "end", body=body),
                node("ReduceMean", "end", "y", axes=[1], keepdims=1),
            ],
            [value("x", FLOAT, "N", 1)],
            [value("y", FLOAT, "N", 1)],
            [
                constant("size", np.int64([1, width])),
                constant("trips", np.int64(trips)),
                constant("yes", np.bool_(True)),
            ],
        )

    # Never returns; and about a millisecond for each row.
    loop("hang", 10**15, 1)
    loop("slow", 100, 4096)
    # Fills tens of gigabytes, some hundred megabytes at a time, when it runs. The size comes from the data, lest it be folded at load.
    body = helper.make_graph(
        [
            node("Identity", "go", "still"),
            node("Expand", "one size", "block"),
            node("Concat", "held block", "more", axis=0),
        ],
        "body",
        [value("i", INT64), value("go", BOOL), value("held", FLOAT, None)],
        [value("still", BOOL), value("more", FLOAT, None)],
    )
    save(
        "memory-hog",
        [
            node("Flatten", "x", "flat"),
            node("Reshape", "x line", "seed"),
            node("Loop", "trips yes seed", "held", body=body),
            node("ReduceSum", "held", "sum", keepdims=1),
            node("Reshape", "sum column", "y"),
        ],
        [value("x", FLOAT, "N", 1)],
        [value("y", FLOAT, "N", 1)],
        [
            constant("line", np.int64([-1])),
            constant("column", np.int64([-1, 1])),
            constant("trips", np.int64(100_000)),
            constant("yes", np.bool_(True)),
            constant("one", np.float32([1])),
            constant("size", np.int64([25_000_000])),
        ],
    )
    # Its weights stand in a second file, which nobody has.
    weights = helper.make_tensor("w", FLOAT, [1], [0.0])
    weights.ClearField("float_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="weights.bin")
    graph = helper.make_graph(
        [node("Mul", "x w", "y")], "external-data", [value("x", FLOAT, "N", 1)], [value("y", FLOAT, "N", 1)], [weights]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (FOLDER / "external-data.onnx").write_bytes(model.SerializeToString())


regressors()
element_types()
classifiers()
odd_shapes()
nuisances()
