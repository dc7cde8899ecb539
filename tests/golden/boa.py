#!/usr/bin/env python3
"""Bernstein online aggregation, from Wintenberger (2017), section 3 (multiple adaptive learning rates), with the gradient trick on
the pinball loss and sleeping experts. Prints the weights that engine/src/models/experts/tests.rs holds as golden numbers."""
import numpy as np

K, T, TAU = 3, 40, 0.3


def stream(t):
    """Truth, what the experts say, who is awake."""
    y = np.sin(0.7 * t) + 0.3 * np.cos(2.3 * t)
    x = np.array([np.sin(0.7 * t) - 0.1, 0.5 * np.sin(0.7 * t) + 0.2, 0.9 - 0.01 * t])
    awake = np.array([True, t % 7 != 3, t % 5 != 1])
    return y, x, awake


def bound(largest):
    """E of the paper: 2^(k+1), k the least integer with max |loss| <= 2^k."""
    return 2.0 ** (np.ceil(np.log2(largest)) + 1)


def main():
    pi0 = np.full(K, 1 / K)
    L, V, M = np.zeros(K), np.zeros(K), np.zeros(K)
    eta = np.full(K, np.inf)
    for t in range(T + 1):
        y, x, awake = stream(t)
        # An expert without a record has L = 0; its rate only scales it, take the largest of the others.
        finite = eta[np.isfinite(eta)]
        rate = np.where(np.isfinite(eta), eta, finite.max() if finite.size else 1.0)
        w = pi0 * rate * np.exp(-rate * L) * awake
        w /= w.sum()
        if t in (1, 5, 20, T):
            print(t, *(f"{v:.12f}" for v in w))
        aggregate = w @ x
        slope = 0.0 if aggregate == y else float(y < aggregate) - TAU
        loss = np.where(awake, slope * (x - aggregate), 0.0)
        for k in np.flatnonzero(awake):
            M[k] = max(M[k], abs(loss[k]))
            V[k] += loss[k] ** 2
            new = min(1 / bound(M[k]), np.sqrt(-np.log(pi0[k]) / V[k]))
            used = eta[k] if np.isfinite(eta[k]) else new
            L[k] += 0.5 * (loss[k] * (1 + used * loss[k]) + bound(M[k]) * (used * loss[k] > 0.5))
            eta[k] = new


if __name__ == "__main__":
    main()
