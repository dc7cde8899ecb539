"""Writes reconcile.csv: what hierarchicalforecast makes of two small hierarchies, for engine/src/models/reconcile/tests.rs.

    python3 -m venv peers && peers/bin/pip install hierarchicalforecast==1.5.3 pandas==2.3.3
    peers/bin/python tests/golden/reconcile.py > tests/golden/reconcile.csv

Rows: case, kind, then one value per node. kind `sum`: row of the summing matrix of the node in the last column (first columns: bottom
nodes); `error`: truth - forecast of a past step; `base`: incoherent forecast; else the method whose reconciled forecast follows.
"""

import sys

import numpy as np
from hierarchicalforecast.methods import MinTrace

# Sums first, then bottom nodes. `nation`: two regions of two and three plants. `net`: net load = load - wind - solar, wind of two plants.
CASES = {
    "nation": np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 1, 1, 1]], float),
    "net": np.array([[1, -1, -1, -1], [0, 1, 1, 0]], float),
}
METHODS = {"nation": ["ols", "wls_struct", "wls_var", "mint_shrink"], "net": ["ols", "wls_var", "mint_shrink"]}


def main():
    out = sys.stdout
    out.write("# hierarchicalforecast 1.5.3, MinTrace; held to 1e-5; written by reconcile.py\n")
    rng = np.random.default_rng(20261122)
    row = lambda case, kind, values: out.write(",".join([case, kind] + [repr(float(v)) for v in values]) + "\n")
    for case, sums in CASES.items():
        bottoms = sums.shape[1]
        S = np.vstack([sums, np.eye(bottoms)])
        for values in S:
            row(case, "sum", values)
        n, past, steps = len(S), 60, 4
        common = rng.normal(size=(1, past))
        truth = S @ (100 + 20 * rng.random((bottoms, past)))
        errors = (8 * rng.random((n, 1)) + 2) * (0.6 * common + rng.normal(size=(n, past)))
        base = S @ (100 + 20 * rng.random((bottoms, steps))) + 10 * rng.normal(size=(n, steps))
        for values in errors.T:
            row(case, "error", values)
        for values in base.T:
            row(case, "base", values)
        for method in METHODS[case]:
            made = MinTrace(method).fit_predict(
                S=S, y_hat=base, y_insample=truth, y_hat_insample=truth - errors
            )
            for values in made["mean"].T:
                row(case, method, values)


if __name__ == "__main__":
    main()
