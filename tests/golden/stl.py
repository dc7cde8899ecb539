"""STL of a short series by statsmodels, for the test that ours is the same: `python stl.py > stl.csv` (statsmodels 0.15.0)."""

import math

from statsmodels.tsa.seasonal import STL

PERIOD, LENGTH = 12, 151
series = [50 + 0.05 * t + 8 * math.sin(2 * math.pi * t / PERIOD) + 3 * math.cos(t * t * 0.37) + (t % 7) for t in range(LENGTH)]
fitted = STL(series, period=PERIOD, seasonal=7, seasonal_deg=0, trend_jump=3, low_pass_jump=2).fit(inner_iter=2, outer_iter=0)
print("value,trend,seasonal")
for value, trend, seasonal in zip(series, fitted.trend, fitted.seasonal):
    print(f"{value!r},{float(trend)!r},{float(seasonal)!r}")
