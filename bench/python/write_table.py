"""Writes a table of random numbers with a target that depends on them: `write_table.py ROWS COLUMNS FILE`."""

import sys

import numpy as np

rows, columns, file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
random = np.random.default_rng(1)
x = random.standard_normal((rows, columns), np.float32)
y = np.tanh(x[:, 0]) + x[:, 1] * x[:, 2]
names = ",".join([f"x{i}" for i in range(1, columns + 1)] + ["y"])
np.savetxt(file, np.column_stack([x, y]), "%.4f", ",", header=names, comments="")
