"""The mixed load of a fleet on one server: rows in, readings and SQL out, for minutes; or more rows than it can take (--overload).

In: the binary and the example `load` (cargo build --workspace --bin chergui --examples). Out: one JSON line: p50/p99 by kind of request
from the moment each was due, errors, resident memory every few seconds with its slope after a warm-up, CPU of the server, and
whether every acknowledged row can be read back once. Everything runs on this machine and shares its cores.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

from served import Served


def slope(points):
    """Least squares, MB per hour, and its standard error."""
    if len(points) < 3:
        return None, None
    n = len(points)
    mean_t, mean_m = sum(t for t, _ in points) / n, sum(m for _, m in points) / n
    spread = sum((t - mean_t) ** 2 for t, _ in points)
    rise = sum((t - mean_t) * (m - mean_m) for t, m in points) / spread
    left = sum((m - mean_m - rise * (t - mean_t)) ** 2 for t, m in points)
    return round(3600 * rise, 2), round(3600 * (left / (n - 2) / spread) ** 0.5, 2)


def run(server, load, seconds, every, settings):
    """One load: what the client saw, and memory by second."""
    command = [load, server.address, server.key, str(seconds), *(f"{name}={value}" for name, value in settings.items())]
    client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    began, memory = time.monotonic(), []
    try:
        while client.poll() is None:
            memory.append((round(time.monotonic() - began, 1), round(server.memory_mb(), 1)))
            time.sleep(every)
    finally:
        client.kill()
    said = client.stdout.read()
    if client.returncode != 0:
        sys.exit(f"{command} ended with {client.returncode}")
    return json.loads(said), memory


def errors(kind, allowed):
    return sum(count for status, count in kind["statuses"].items() if int(status) not in allowed)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--chergui", required=True, type=pathlib.Path, help="the binary")
    arguments.add_argument("--load", type=pathlib.Path, help="the example; default beside the binary")
    arguments.add_argument("--minutes", type=float, default=30.0)
    arguments.add_argument("--warm-up", type=float, help="seconds; default a fifth of the run")
    arguments.add_argument("--rows", type=int, default=100_000, help="rows per second")
    arguments.add_argument("--batch", type=int, default=5000, help="rows per request, one per asset")
    arguments.add_argument("--gets", type=int, default=500, help="GET per second")
    arguments.add_argument("--sqls", type=float, default=5, help="SQL statements per second")
    arguments.add_argument("--overload", type=float, help="measure what it takes, then send this many times as much")
    arguments.add_argument("--work", type=pathlib.Path, help="an empty directory; default a temporary one")
    given = arguments.parse_args()
    load = given.load or given.chergui.parent / "examples/load"
    seconds = 60 * given.minutes
    warm_up = seconds / 5 if given.warm_up is None else given.warm_up
    if given.work:
        given.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=given.work) as work:
        server = Served(given.chergui, work, [f"L{number:05}" for number in range(given.batch)])
        ready = server.start()
        try:
            # Twenty times real time goes by; it must not run into the future.
            first = int(time.time() - 40 * seconds - 36_000)
            settings = {"batch": given.batch, "first": first, "warm_up": warm_up, "rows_per_s": given.rows, "gets_per_s": given.gets,
                        "sqls_per_s": given.sqls}
            sent = acknowledged = 0
            if given.overload:
                trial, _ = run(server, load, 15, 1, settings | {"rows_per_s": 1e9, "gets_per_s": 0, "sqls_per_s": 0, "warm_up": 0})
                capacity = trial["rows_acknowledged"] / trial["seconds"]
                sent, acknowledged = given.batch * trial["batches"], trial["rows_acknowledged"]
                # More senders, too: each waits for its answer.
                settings |= {"rows_per_s": given.overload * capacity, "first": first + trial["batches"], "writers": 24}
            cpu, began = server.cpu_s(), time.monotonic()
            seen, memory = run(server, load, seconds, max(1, seconds / 360), settings)
            cpu, wall = server.cpu_s() - cpu, time.monotonic() - began
            sent += given.batch * seen["batches"]
            acknowledged += seen["rows_acknowledged"]
            count, keys = server.sql("SELECT count(*), count(DISTINCT time) FROM wind_turbine")[0]
            peak = server.memory_mb("VmHWM")
        finally:
            server.kill()
        restart = server.start()
        again = server.sql("SELECT count(*) FROM wind_turbine")[0][0]
        server.kill()
    warm = [(t, m) for t, m in memory if t >= warm_up]
    rise, error = slope(warm)
    line = {"job": "overload" if given.overload else "mixed", "minutes": given.minutes, **seen, "rows_sent": sent, "rows_found": count,
            "rows_lost": max(0, acknowledged - min(count, again)), "rows_too_many": max(0, count - given.batch * keys),
            "errors": {"write": errors(seen["write"], (200, 204, 429, 503) if given.overload else (200, 204)),
                       "get": errors(seen["get"], (200,)), "sql": errors(seen["sql"], (200,))},
            "rss_mb_max": round(peak, 1), "rss_mb_first": warm[0][1] if warm else None, "rss_mb_last": memory[-1][1],
            "rss_mb_per_hour": rise, "rss_mb_per_hour_error": error, "rss_mb": memory[:: max(1, len(memory) // 60)],
            "server_cores": round(cpu / wall, 2), "ready_s": round(ready, 2), "ready_after_kill_s": round(restart, 2)}
    if given.overload:
        line |= {"rows_per_s_alone": round(capacity), "rows_per_s_offered": round(given.overload * capacity)}
    print(json.dumps(line))


if __name__ == "__main__":
    main()
