"""Reading tables as the command line reads them."""

import gzip
from pathlib import Path

import numpy
import pandas


def read(path, target, task):
    """The inputs as a data frame, and the target: numbers for regression, texts for classification."""
    if path.endswith(".gz"):
        images, labels = idx(path), idx(path.replace("images-idx3", "labels-idx1"))
        return pandas.DataFrame(images.reshape(len(images), -1)), labels.astype(str)
    kinds = {target: float if task == "regression" else str}
    table = pandas.read_csv(path, dtype=kinds, keep_default_na=False, na_values=["", "?"])
    return table.drop(columns=target), table[target].to_numpy()


def idx(path):
    """The array of an IDX file of bytes."""
    raw = gzip.decompress(Path(path).read_bytes())
    sizes = numpy.frombuffer(raw, ">u4", count=raw[3], offset=4)
    return numpy.frombuffer(raw, numpy.uint8, offset=4 + 4 * raw[3]).reshape(sizes)
