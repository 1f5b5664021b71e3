"""Writes networks as ONNX files: `write_onnx.py FOLDER SIZES…`, where sizes are as in 784-128-10."""

import sys
from pathlib import Path

import onnx
from onnx import TensorProto, helper, numpy_helper

from serve import weights


def model(layers):
    nodes, constants, last = [], [], "x"
    for i, (w, b) in enumerate(weights(layers)):
        constants += [numpy_helper.from_array(w, f"w{i}"), numpy_helper.from_array(b, f"b{i}")]
        nodes += [
            helper.make_node("Gemm", [last, f"w{i}", f"b{i}"], [f"z{i}"]),
            helper.make_node("Relu", [f"z{i}"], [f"a{i}"]),
        ]
        last = f"a{i}"
    nodes.pop()
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", size])
        for name, size in (("x", layers[0]), (f"z{len(layers) - 2}", layers[-1]))
    )
    graph = helper.make_graph(nodes, "mlp", [x], [y], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


for sizes in sys.argv[2:]:
    onnx.save(model([int(n) for n in sizes.split("-")]), Path(sys.argv[1]) / f"{sizes}.onnx")
