"""Writes a table of random numbers with a target that depends on them:
`write_table.py ROWS COLUMNS FILE [GAPS [LEVELS [FORMAT]]]`, where a share GAPS of the cells is missing, and the first column
is a category if it has LEVELS."""

import sys

import numpy as np

rows, columns, file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
gaps, levels, form = (sys.argv[4:] + ["0", "0", "%.4f"][len(sys.argv) - 4 :])[:3]
random = np.random.default_rng(1)
x = random.standard_normal((rows, columns), np.float64 if "17" in form else np.float32)
y = np.tanh(x[:, 0]) + x[:, 1] * x[:, 2]
if float(gaps) > 0:
    x[random.random(x.shape) < float(gaps)] = np.nan
first = form
if int(levels) > 0:
    x[:, 0] = random.integers(int(levels), size=rows)
    y += x[:, 0] % 2
    first = "level_%d"
names = ",".join([f"x{i}" for i in range(1, columns + 1)] + ["y"])
np.savetxt(file, np.column_stack([x, y]), [first] + [form] * columns, ",", header=names, comments="")
