"""peer.py PEER TRAIN TEST TARGET TASK SEED THREADS PREDICTIONS: trains a peer with its defaults and writes its
predictions as `backpass predict --probabilities` does; prints the seconds of reading and training as JSON.

Each gets its inputs as its documentation asks: boosted trees take missing numbers and categories as they are, the
forest filled-in numbers and one-hot categories, and the network of scikit-learn scaled numbers besides and, for
regression, a scaled target.
"""

import json
import sys
import time
import warnings

import numpy
import pandas
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from xgboost import XGBClassifier, XGBRegressor

from tables import read

# The most levels that HistGradientBoosting takes.
LEVELS = 255


def columns(numbers, categories, of_numbers, of_categories, **options):
    return ColumnTransformer([("numbers", of_numbers, numbers), ("categories", of_categories, categories)], **options)


def estimator(peer, regression, numbers, categories, seed, threads):
    one_hot = make_pipeline(SimpleImputer(strategy="constant", fill_value=""), OneHotEncoder(handle_unknown="ignore"))
    match peer:
        case "mlp":
            net = MLPRegressor(random_state=seed) if regression else MLPClassifier(random_state=seed)
            scaled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
            whole = make_pipeline(columns(numbers, categories, scaled, one_hot), net)
            return TransformedTargetRegressor(whole, transformer=StandardScaler()) if regression else whole
        case "random_forest":
            kind = RandomForestRegressor if regression else RandomForestClassifier
            forest = kind(random_state=seed, n_jobs=threads)
            return make_pipeline(columns(numbers, categories, SimpleImputer(strategy="median"), one_hot), forest)
        case "hist_gradient_boosting":
            kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
            nan = numpy.nan
            ordinal = OrdinalEncoder(
                handle_unknown="use_encoded_value", unknown_value=nan, encoded_missing_value=nan, max_categories=LEVELS)
            places = range(len(numbers), len(numbers) + len(categories))
            boosting = kind(random_state=seed, categorical_features=list(places))
            return make_pipeline(columns(numbers, categories, "passthrough", ordinal), boosting)
        case "xgboost":
            kind = XGBRegressor if regression else XGBClassifier
            return kind(random_state=seed, n_jobs=threads, enable_categorical=True)
        case "lightgbm":
            kind = LGBMRegressor if regression else LGBMClassifier
            return kind(random_state=seed, n_jobs=threads, verbose=-1)
    raise SystemExit(f"there is no peer `{peer}`")


def kinds_of(inputs):
    """None for each column of numbers, the levels for each of categories, by place."""
    kinds = {}
    for place, name in enumerate(inputs.columns):
        column = inputs[name]
        number = pandas.api.types.is_numeric_dtype(column)
        kinds[f"c{place}"] = None if number else pandas.CategoricalDtype(sorted(set(column.dropna().astype(str))))
    return kinds


def prepared(inputs, kinds, native):
    """Columns of the kinds that training saw; categories as such, or as texts."""
    inputs = inputs.set_axis(list(kinds), axis="columns")
    ready = {}
    for name, kind in kinds.items():
        column = inputs[name]
        if kind is None:
            ready[name] = pandas.to_numeric(column, errors="coerce")
        elif native:
            ready[name] = column.where(column.isin(kind.categories)).astype(kind)
        else:
            ready[name] = column.astype(object).where(column.notna(), numpy.nan)
    return pandas.DataFrame(ready)


def main(peer, train, test, target, task, seed, threads, predictions):
    regression = task == "regression"
    # The defaults are measured, also where they stop too soon.
    warnings.simplefilter("ignore", ConvergenceWarning)
    start = time.perf_counter()
    inputs, truth = read(train, target, task)
    kinds = kinds_of(inputs)
    numbers = [name for name, kind in kinds.items() if kind is None]
    categories = [name for name, kind in kinds.items() if kind is not None]
    native = peer in ("xgboost", "lightgbm")
    inputs = prepared(inputs, kinds, native)
    classes, codes = (None, truth) if regression else numpy.unique(truth, return_inverse=True)
    model = estimator(peer, regression, numbers, categories, int(seed), int(threads)).fit(inputs, codes)
    seconds = time.perf_counter() - start

    inputs = prepared(read(test, target, task)[0], kinds, native)
    if regression:
        result = pandas.DataFrame({"prediction": model.predict(inputs)})
    else:
        probabilities = model.predict_proba(inputs)
        result = pandas.DataFrame(probabilities, columns=[f"p({name})" for name in classes])
        result.insert(0, "prediction", classes[probabilities.argmax(axis=1)])
    result.to_csv(predictions, index=False)
    json.dump({"seconds": seconds}, sys.stdout)


main(*sys.argv[1:])
