"""score.py PREDICTIONS TEST TARGET TASK [POSITIVE]: prints the metrics of anybody's predictions as JSON.

PREDICTIONS is what `backpass predict --probabilities` writes: `prediction`, and `p(CLASS)` for each class. TASK is
classification or regression; the area under the curve and average precision are those of the class POSITIVE.
"""

import json
import sys

import numpy
import pandas
from sklearn import metrics

from tables import read


def regression(truth, predicted):
    values = predicted["prediction"].astype(float)
    return {
        "rmse": metrics.root_mean_squared_error(truth, values),
        "mae": metrics.mean_absolute_error(truth, values),
        "r2": metrics.r2_score(truth, values),
    }


def classification(truth, predicted, positive):
    columns = [name for name in predicted.columns if name.startswith("p(")]
    probabilities = predicted[columns].astype(float).set_axis([name[2:-1] for name in columns], axis="columns")
    place = probabilities.columns.get_indexer(truth)
    # A class that training never saw has no column, and no probability.
    of_truth = numpy.where(place < 0, 0.0, probabilities.to_numpy()[numpy.arange(len(truth)), place])
    # Nobody pays more for a probability of zero than for one that f32 can hold beside one.
    least = numpy.finfo(numpy.float32).eps
    scores = {
        "accuracy": metrics.accuracy_score(truth, predicted["prediction"]),
        "error_rate": 1 - metrics.accuracy_score(truth, predicted["prediction"]),
        "log_loss": -numpy.log(of_truth.clip(least, 1)).mean(),
        # As `backpass evaluate` has it.
        "exact_log_loss": -numpy.log(of_truth.clip(1e-15, 1)).mean(),
    }
    if positive is not None:
        hit = truth == positive
        scores["roc_auc"] = metrics.roc_auc_score(hit, probabilities[positive])
        scores["average_precision"] = metrics.average_precision_score(hit, probabilities[positive])
    return scores


def main(predictions, test, target, task, positive=None):
    _, truth = read(test, target, task)
    # Every name of a class is a text, also one of digits.
    predicted = pandas.read_csv(predictions, dtype=str, keep_default_na=False)
    assert len(predicted) == len(truth), "a row has no prediction"
    scores = regression(truth, predicted) if task == "regression" else classification(truth, predicted, positive)
    json.dump({name: float(value) for name, value in scores.items()}, sys.stdout)


main(*sys.argv[1:])
