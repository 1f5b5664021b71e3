"""Trains with scikit-learn from a table to a saved model: `job_sklearn.py TABLE FILE`."""

import json
import pickle
import sys
import warnings

from sklearn.neural_network import MLPClassifier

from tables import read

warnings.filterwarnings("ignore")
x, y = read(sys.argv[1])
options = dict(batch_size=32, learning_rate_init=1e-2, max_iter=50, n_iter_no_change=1000, random_state=0)
model = MLPClassifier(hidden_layer_sizes=(16, 16), **options).fit(x, y)
pickle.dump(model, open(sys.argv[2], "wb"))
print(json.dumps({"metrics": {"accuracy": model.score(x, y)}}))
