"""ONNX Runtime: `peer_onnxruntime.py VARIANT THREADS MODELS`."""

import sys
from pathlib import Path

import onnxruntime

from serve import inputs, repeated, serve

_, threads, models = sys.argv[1:]


def inference(case):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(threads)
    options.inter_op_num_threads = 1
    model = Path(models) / ("-".join(map(str, case["layers"])) + ".onnx")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feed = {"x": inputs(case)[0]}
    return repeated(lambda: session.run(None, feed))


serve(inference)
