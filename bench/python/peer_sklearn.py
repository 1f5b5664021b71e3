"""scikit-learn: `peer_sklearn.py VARIANT THREADS MODELS`; a run is a step inside a pass over several batches, with the
shuffling and gathering that belong to it."""

import sys
import warnings

from sklearn.neural_network import MLPClassifier, MLPRegressor
from threadpoolctl import threadpool_limits

from serve import BATCHES, inputs, serve, targets

warnings.filterwarnings("ignore")
threadpool_limits(int(sys.argv[2]))


def training(case):
    # A pass over 16 of the largest batches would take many seconds.
    batches = 1 if case["rows"] * case["layers"][0] > 500_000 else BATCHES
    x = inputs(case, batches).reshape(-1, case["layers"][0])
    y = targets(case, batches).reshape(-1)
    kind = MLPRegressor if case["loss"] == "squared" else MLPClassifier

    def work(count):
        passes = -(-count // batches)
        hidden = tuple(case["layers"][1:-1])
        options = dict(batch_size=case["rows"], learning_rate_init=1e-6, max_iter=passes, alpha=0, tol=0)
        kind(hidden_layer_sizes=hidden, n_iter_no_change=10**9, random_state=1, **options).fit(x, y)

    return work


serve(training)
