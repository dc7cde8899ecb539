//! Regret, sleep and the numbers of the paper's recursion.
