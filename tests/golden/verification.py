"""Writes verification.csv: a small example scored by the bench's score.py, for engine/src/evaluate/verification/tests.rs.

    python3 tests/golden/verification.py ../shared/bench/forecast/score.py > tests/golden/verification.csv

Rows: `step`, end of the lead in hours, truth, mean, persistence, the nine deciles; or `score`, end of the bucket in hours (0: all), name,
value. `other` rows are the same with the quantiles 0.05, 0.2, 0.6, 0.95 in the last columns, so that 0.1, 0.25, 0.5 are between.
"""

import importlib.util
import sys

import numpy as np

DECILES, ODD = np.arange(1, 10) / 10, np.array([0.05, 0.2, 0.6, 0.95])


def main():
    spec = importlib.util.spec_from_file_location("score", sys.argv[1])
    score = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(score)
    print("# score.py of the bench; held to 2e-7; written by verification.py")
    rng = np.random.default_rng(7)
    origins, steps = 6, 8
    truth = 100 + 30 * rng.normal(size=(1, origins, steps))
    truth[0, 2, 3] = np.nan
    middle = 100 + 25 * rng.normal(size=truth.shape)
    mean, persistence = middle + 3 * rng.normal(size=truth.shape), 100 + 40 * rng.normal(size=truth.shape)
    ends = np.arange(1, steps + 1)
    for kind, total, taus in (("step", "score", DECILES), ("other", "other_score", ODD)):
        rows = np.sort(middle[..., None] + 30 * rng.normal(size=(*truth.shape, len(taus))), axis=-1)
        for o in range(origins):
            for k in range(steps):
                cells = [ends[k], truth[0, o, k], mean[0, o, k], persistence[0, o, k], *rows[0, o, k]]
                print(kind, *(repr(float(cell)) for cell in cells), sep=",")
        for after, until in ((0, 2), (2, 6), (0, 0)):
            mask = (ends > after) & ((ends <= until) | (until == 0)) & np.ones(truth.shape, bool)
            made = score.measure(truth, rows, taus, np.array([1.0]), mean, mask)
            rival = score.measure(truth, persistence[..., None], np.array([0.5]), np.array([1.0]), None, mask)
            made["skill_mae"] = 1 - made["mae"] / rival["mae"]
            for name in "n mae nrmse nrmse_mean bias pinball crps wape coverage_50 coverage_80 width_80 skill_mae".split():
                print(total, until, name, repr(float(made[name])), sep=",")


if __name__ == "__main__":
    main()
