"""Requests at a steady rate against a running server: latency percentiles and errors.

In: base URL, key, path, rate, seconds. Out: one JSON line. Each thread keeps one connection; latency counts from the
moment a request was due, so a stall shows in all requests it delays. Only loopback addresses are taken.
"""

import argparse
import http.client
import ipaddress
import json
import threading
import time
import urllib.parse


def worker(host, port, path, key, begin, gap, count, answers):
    connection = http.client.HTTPConnection(host, port, timeout=10)
    for number in range(count):
        due = begin + number * gap
        time.sleep(max(0.0, due - time.monotonic()))
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
            answer = connection.getresponse()
            body = answer.read()
            answers.append((time.monotonic() - due, answer.status, len(body)))
        except OSError:
            connection.close()
            answers.append((time.monotonic() - due, 0, 0))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--url", default="http://127.0.0.1:8080")
    arguments.add_argument("--key", required=True)
    arguments.add_argument("--path", default="/api/v1/forecasts?asset_id=casablanca&quantity=load")
    arguments.add_argument("--rate", type=float, default=200.0, help="requests per second")
    arguments.add_argument("--seconds", type=float, default=30.0)
    arguments.add_argument("--threads", type=int, default=8)
    given = arguments.parse_args()
    address = urllib.parse.urlsplit(given.url)
    if not ipaddress.ip_address(address.hostname).is_loopback:
        arguments.error("only a loopback address, for example http://127.0.0.1:8080")
    answers, crew = [], []
    begin = time.monotonic() + 0.5
    count = round(given.rate * given.seconds / given.threads)
    for thread in range(given.threads):
        first = begin + thread / given.rate
        parts = (address.hostname, address.port, given.path, given.key, first, given.threads / given.rate, count, answers)
        crew.append(threading.Thread(target=worker, args=parts))
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    took = sorted(1000 * latency for latency, _, _ in answers)
    share = lambda p: round(took[min(len(took) - 1, int(p * len(took)))], 2)
    errors = sum(status != 200 for _, status, _ in answers)
    spent = time.monotonic() - begin
    print(json.dumps({"requests": len(took), "per_s": round(len(took) / spent, 1), "errors": errors, "bytes": answers[0][2],
                      "p50_ms": share(0.5), "p90_ms": share(0.9), "p99_ms": share(0.99), "max_ms": share(1.0)}))


if __name__ == "__main__":
    main()
