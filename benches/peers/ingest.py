"""Durable ingest beside InfluxDB 1 and VictoriaMetrics, in one run: rows per CPU-second of each server.

In: DIR/scada.parquet (columns time, asset_id, site, kind, status, power_kw, wind_speed, irradiance, temp_c), the common driver that starts
the peers and posts line protocol, our binary. Out: one JSON line per server and door, then the ratios. Ours is counted from ready to the end
of the process, so the background flush and the one at the end are in it; the peers' CPU is read when the last batch was answered.
InfluxDB syncs before it answers, VictoriaMetrics does not. Needs pyarrow; only loopback addresses are used.
"""

import argparse
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

CONFIG = """
bind = "127.0.0.1:{port}"
data_dir = "{data_dir}"
[auth]
required = false
[quantities]
status = "code"
[[line_protocol]]
measurement = "scada"
kind_tag = "kind"
parent_tag = "site"
register = true
kinds = {{ wind = "wind_turbine", solar = "pv_inverter" }}
[line_protocol.fields]
power_kw = {{ quantity = "active_power", unit = "kW" }}
temp_c = {{ quantity = "temp_air", unit = "degC" }}
irradiance = {{ quantity = "poa_global", unit = "W/m2" }}
"""
COLUMNS = {"power_kw": "active_power", "temp_c": "temp_air", "irradiance": "poa_global"}
ARROW = "application/vnd.apache.arrow.stream"


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def spent(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def post(port, path, body, headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status not in (200, 204):
        raise SystemExit(f"{path}: {answer.status} {text[:300]}")


class Ours:
    """Our server on a directory of its own, from ready to the end of the process."""

    def __init__(self, given):
        self.home = tempfile.TemporaryDirectory(dir=given.work)
        self.port = free_port()
        config = Path(self.home.name) / "chergui.toml"
        config.write_text(CONFIG.format(port=self.port, data_dir=f"{self.home.name}/data"))
        # Beside a log line per request the access log would be part of what is measured; the peers' are off too.
        environment = {**os.environ, "CHERGUI_LOG": "warn"}
        self.process = subprocess.Popen(
            [given.chergui, "serve", "--config", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
        )
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        time.sleep(0.5)
        self.before = spent(self.process.pid)

    def end(self):
        at_answer = spent(self.process.pid) - self.before
        self.process.send_signal(signal.SIGTERM)
        _, status, used = os.wait4(self.process.pid, 0)
        self.process.returncode = status
        if status != 0:
            raise SystemExit(f"our server ended with {status}")
        size = sum(path.stat().st_size for path in Path(self.home.name).rglob("*") if path.is_file())
        self.home.cleanup()
        return {
            "cpu_s": round(used.ru_utime + used.ru_stime - self.before, 3),
            "cpu_s_at_last_answer": round(at_answer, 3),
            "rss_peak_mib": round(used.ru_maxrss / 1024, 1),
            "disk_mb": round(size / 1e6, 1),
        }


def driver(given, *more):
    command = [sys.executable, given.driver, "--data", given.data, "--work", f"{given.work}/driver", "--rows", str(given.rows)]
    command += ["--batch", str(given.batch), "--conns", str(given.conns), *more]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output.strip().splitlines()[-1])


def by_lines(given):
    ours = Ours(given)
    sent = driver(given, "--peer", "url", "--url", f"http://127.0.0.1:{ours.port}/write?db=s")
    return {"peer": "chergui line protocol", **{k: sent[k] for k in ("wall_s", "p50_ms", "p99_ms")}, **ours.end()}


def register(ours, table):
    """One line per asset, from before the rows that are counted."""
    kinds = {"wind": "wind_speed", "solar": "irradiance"}
    assets = table.group_by(["asset_id", "site", "kind"]).aggregate([]).to_pylist()
    line = "scada,asset_id={asset_id},site={site},kind={kind} {field}=0 1000000000"
    body = "\n".join(line.format(**asset, field=kinds[asset["kind"]]) for asset in assets)
    post(ours.port, "/write?db=s", body, {})


def by_arrow(given):
    source = pq.ParquetFile(f"{given.data}/scada.parquet")
    groups, rows = [], 0
    for group in range(source.num_row_groups):
        groups.append(source.read_row_group(group))
        rows += groups[-1].num_rows
        if rows >= given.rows:
            break
    table = pa.concat_tables(groups).slice(0, given.rows)
    sent = table.drop(["site", "kind"]).rename_columns({**{n: n for n in table.column_names if n not in ("site", "kind")}, **COLUMNS})
    bodies = []
    for start in range(0, sent.num_rows, given.arrow_batch):
        sink = pa.BufferOutputStream()
        part = sent.slice(start, given.arrow_batch).combine_chunks()
        with pa.ipc.new_stream(sink, part.schema) as writer:
            writer.write_table(part)
        bodies.append(sink.getvalue().to_pybytes())
    ours = Ours(given)
    register(ours, table)
    ours.before = spent(ours.process.pid)
    latencies = []

    def go(part):
        for body in part:
            began = time.perf_counter()
            post(ours.port, "/api/v1/readings", body, {"Content-Type": ARROW})
            latencies.append(time.perf_counter() - began)

    began = time.perf_counter()
    with ThreadPoolExecutor(given.conns) as pool:
        list(pool.map(go, [bodies[i :: given.conns] for i in range(given.conns)]))
    wall = time.perf_counter() - began
    latencies.sort()
    tail = {"p50_ms": round(latencies[len(latencies) // 2] * 1e3, 2), "p99_ms": round(latencies[int(len(latencies) * 0.99)] * 1e3, 2)}
    return {"peer": "chergui arrow", "wall_s": round(wall, 3), **tail, **ours.end()}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--chergui", required=True, help="our binary")
    arguments.add_argument("--driver", required=True, help="ingest_peer.py")
    arguments.add_argument("--data", required=True, help="directory with scada.parquet")
    arguments.add_argument("--work", default=tempfile.gettempdir(), help="where servers may write")
    arguments.add_argument("--vm", help="the victoria-metrics binary; left out without it")
    arguments.add_argument("--rows", type=int, default=500_000)
    arguments.add_argument("--batch", type=int, default=5000)
    arguments.add_argument("--arrow-batch", type=int, default=50_000)
    arguments.add_argument("--conns", type=int, default=2)
    arguments.add_argument("--only-ours", action="store_true")
    given = arguments.parse_args()
    results = []
    if not given.only_ours:
        results.append(driver(given, "--peer", "influxdb1"))
        if given.vm:
            results.append(driver(given, "--peer", "victoria-metrics", "--vm", given.vm))
    results += [by_lines(given), by_arrow(given)]
    for result in results:
        result["rows_per_cpu_s"] = round(given.rows / result["cpu_s"])
        print(json.dumps({key: result.get(key) for key in ("peer", "rows_per_cpu_s", "cpu_s", "cpu_s_at_last_answer", "wall_s", "p50_ms", "p99_ms", "rss_peak_mib", "disk_mb")}))
    peers, ours = results[:-2], results[-2:]
    for own in ours:
        for peer in peers:
            print(f"{own['peer']} / {peer['peer']}: {own['rows_per_cpu_s'] / peer['rows_per_cpu_s']:.2f}")


main()
