"""Durability beside the databases one would otherwise buy: acknowledged rows that are gone after kill -9, in one run.

In: the binary; with --beside, the script of the peers and their names. Out: one JSON line each, the peers' keys. Each round writes
numbered rows in batches over one connection until a random moment, then SIGKILL, restart, count. SIGKILL leaves the page cache, so
this tests the process, not the disk. tests/trust/kill9.rs does the same with four writers and compares values.
"""

import argparse
import http.client
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time

from served import Served

START = 1767225600


def write(server, number, batch):
    """Sends batches until the server is gone; rows acknowledged, and the next number."""
    acknowledged = 0
    connection = http.client.HTTPConnection(server.address, timeout=30)
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
    try:
        while True:
            time.sleep(0.002)
            moment = lambda i: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(START + i))
            rows = [{"asset_id": "K", "time": moment(i), "active_power": i % 1000} for i in range(number, number + batch)]
            number += batch
            connection.request("POST", "/api/v1/readings", json.dumps({"readings": rows}), headers)
            answer = connection.getresponse()
            answer.read()
            acknowledged += batch if answer.status == 200 else 0
    except (OSError, http.client.HTTPException):
        return acknowledged, number


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--chergui", required=True, type=pathlib.Path, help="the binary")
    arguments.add_argument("--kills", type=int, default=10)
    arguments.add_argument("--batch", type=int, default=100)
    arguments.add_argument("--seed", type=int, default=3)
    arguments.add_argument("--beside", nargs="+", metavar=("SCRIPT", "PEER"), help="kill9_peer.py and the peers it shall run")
    given = arguments.parse_args()
    chance = random.Random(given.seed)
    number = acknowledged = lost = doubled = rounds_with_loss = 0
    ready = []
    with tempfile.TemporaryDirectory() as work:
        server = Served(given.chergui, work, ["K"])
        server.start()
        try:
            for _ in range(given.kills):
                before = server.sql("SELECT count(*) FROM wind_turbine")[0][0]
                timer = threading.Timer(chance.uniform(0.3, 2.0), server.kill)
                timer.start()
                done, number = write(server, number, given.batch)
                timer.join()
                ready.append(server.start())
                count, distinct = server.sql("SELECT count(*), count(DISTINCT time) FROM wind_turbine")[0]
                gone = max(0, done - (count - before))
                acknowledged, lost, doubled = acknowledged + done, lost + gone, doubled + count - distinct
                rounds_with_loss += gone > 0
        finally:
            server.kill()
    print(json.dumps({"job": "kill9", "peer": "chergui", "kills": given.kills, "acked": acknowledged, "lost": lost, "doubled": doubled,
                      "rounds_with_loss": rounds_with_loss, "restart_s_max": round(max(ready), 2)}), flush=True)
    script, *peers = given.beside or [None]
    for peer in peers:
        with tempfile.TemporaryDirectory() as work:
            command = [sys.executable, script, "--peer", peer, "--work", f"{work}/{peer}", "--kills", str(given.kills),
                       "--batch", str(given.batch), "--seed", str(given.seed)]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
