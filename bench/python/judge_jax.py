"""The accuracy of parameters saved by `job_jax.py`: `judge_jax.py TABLE FILE`."""

import json
import sys
from pathlib import Path

import numpy as np

from tables import read

x, y = read(sys.argv[1], "t10k" if Path(sys.argv[1]).is_dir() else "train")
arrays = list(np.load(sys.argv[2]).values())
for w, b in zip(arrays[:-2:2], arrays[1:-2:2]):
    x = np.maximum(x @ w + b, 0)
correct = (x @ arrays[-2] + arrays[-1]).argmax(1) == y
print(json.dumps({"metrics": {"accuracy": float(correct.mean())}}))
