"""A server of JSON over HTTP, told what to say by lines of JSON on its standard input.

In: a port, a file that keeps its values over a restart, perhaps a PEM file with certificate and key for TLS. Out: answers in the documented shapes of PI Web API 2023 (StreamSet
GetRecordedAdHoc, Point GetByPath, Attribute GetByPath, DataServer List and GetPoints), of Open-Meteo's forecast, and of rows of an interface
of no one in particular. Every request is kept as it came. Written against the reference, not recorded from a server.
"""

import json
import os
import ssl
import sys
import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

PORT, KEEP = int(sys.argv[1]), sys.argv[2]
LOCK = threading.Lock()
STATE = {"streams": {}, "token": None, "unknown": []}
TROUBLE = []
REQUESTS = []
LIMITS = {"max": 150000}

if os.path.exists(KEEP):
    with open(KEEP) as kept:
        STATE = json.load(kept)


def instant(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def micros(text):
    delta = instant(text) - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds


def iso(value):
    seconds, rest = divmod(value, 1_000_000)
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:06d}0Z"


def stream(web_id, first, last, most):
    held = STATE["streams"].get(web_id, {})
    rows = sorted((int(time), row) for time, row in held.get("rows", {}).items() if first <= int(time) <= last)[:most]
    items = []
    for time, row in rows:
        item = {"Timestamp": iso(time), "UnitsAbbreviation": held.get("unit", ""), "Good": True, "Questionable": False,
                "Substituted": False, "Annotated": False}
        item.update(row)
        items.append(item)
    return {"WebId": web_id, "Name": held.get("name", web_id), "Path": "\\\\SRV\\" + held.get("name", web_id), "Links": {},
            "Items": items, "UnitsAbbreviation": held.get("unit", "")}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, status, body, kind="application/json; charset=utf-8", headers=()):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def other(self):
        with LOCK:
            REQUESTS.append(f"{self.command} {self.path}")
        self.say(405, {"Message": "no"})

    do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = other

    def do_GET(self):
        with LOCK:
            REQUESTS.append(f"GET {self.path}")
            trouble = TROUBLE.pop(0) if TROUBLE else None
        wanted = STATE["token"]
        if wanted and self.headers.get("Authorization") != wanted:
            return self.say(401, {"Message": "Authorization has been denied for this request."}, headers=[("WWW-Authenticate", "Bearer")])
        if trouble:
            return self.trouble(trouble)
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        with LOCK:
            return self.route(unquote(url.path), query)

    def trouble(self, what):
        if isinstance(what, int):
            return self.say(what, {"Errors": ["as told"]}, headers=[("Retry-After", "1")] if what in (429, 503) else [])
        if what == "truncated":
            return self.say(200, b'{"Items": [{"WebId": "A", "Items": [{"Timest')
        if what == "garbage":
            return self.say(200, bytes(range(256)) * 16)
        if what == "html":
            return self.say(200, b"<html>Sign in</html>", "text/html")
        if what == "deep":
            return self.say(200, b"[" * 100000)
        if what == "wrong":
            return self.say(200, {"Items": [{"WebId": "A", "Items": [{"Timestamp": 5, "Value": {}}, None, 7]}, None, "x"]})
        if what == "broken":
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"Items": [')
            self.close_connection = True
            return None
        if what == "huge":
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.close_connection = True
            block = b" " * (1 << 20)
            try:
                for _ in range(80):
                    self.wfile.write(block)
            except OSError:
                pass
        return None

    def route(self, path, query):
        if path == "/piwebapi/streamsets/recorded":
            ids = query.get("webId", [])
            if any(web_id in STATE["unknown"] for web_id in ids):
                return self.say(404, {"Errors": ["Unknown or invalid WebID."]})
            most = int(query["maxCount"][0])
            if most > LIMITS["max"]:
                return self.say(400, {"Errors": [f"maxCount above {LIMITS['max']}"]})
            first, last = micros(query["startTime"][0]), micros(query["endTime"][0])
            return self.say(200, {"Links": {}, "Items": [stream(web_id, first, last, most) for web_id in ids]})
        if path in ("/piwebapi/points", "/piwebapi/attributes"):
            for web_id, held in STATE["streams"].items():
                if query["path"][0].endswith(held.get("name", web_id)):
                    return self.say(200, {"WebId": web_id, "Name": held.get("name", web_id)})
            return self.say(404, {"Errors": ["Resource not found."]})
        if path == "/piwebapi/dataservers":
            return self.say(200, {"Items": [{"WebId": "S0", "Name": "SRV"}]})
        if path == "/piwebapi/dataservers/S0/points":
            first, most = int(query["startIndex"][0]), int(query["maxCount"][0])
            items = [{"WebId": web_id, "Name": held.get("name", web_id), "EngineeringUnits": held.get("unit", ""),
                      "Descriptor": held.get("says", ""), "PointType": held.get("type", "Float32")}
                     for web_id, held in sorted(STATE["streams"].items())]
            return self.say(200, {"Items": items[first:first + most]})
        if path.startswith("/rows"):
            first, last = micros(query["from"][0]), micros(query["to"][0])
            device = query.get("device", [None])[0]
            rows = []
            for web_id, held in STATE["streams"].items():
                if device in (None, web_id):
                    for time, row in held.get("rows", {}).items():
                        if first <= int(time) <= last:
                            rows.append({"turbine": web_id, "at": iso(int(time)), "m": {"power": row.get("Value")}})
            return self.say(200, {"data": {"items": rows}})
        if path == "/current":
            return self.say(200, {"power": 5.5, "state": {"ok": True}})
        if path == "/v1/forecast":
            return self.say(200, STATE["weather"])
        if path == "/data/icon/static/meta.json":
            return self.say(200, STATE["meta"])
        return self.say(404, {"Errors": ["no such address"]})


def orders():
    for line in sys.stdin:
        order = json.loads(line)
        answer = {"ok": True}
        with LOCK:
            for web_id, held in order.get("streams", {}).items():
                known = STATE["streams"].setdefault(web_id, {"rows": {}})
                known.setdefault("rows", {}).update(held.pop("rows", {}))
                known.update(held)
            for key in ("token", "unknown", "weather", "meta"):
                if key in order:
                    STATE[key] = order[key]
            if "trouble" in order:
                TROUBLE[:] = order["trouble"]
            if "max" in order:
                LIMITS["max"] = order["max"]
            if order.get("requests"):
                answer["requests"] = REQUESTS
            answer["trouble"] = len(TROUBLE)
            with open(KEEP + ".new", "w") as kept:
                json.dump(STATE, kept)
            os.replace(KEEP + ".new", KEEP)
        print(json.dumps(answer), flush=True)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        # Whoever asked went away in the middle, as the tests want it.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


server = Server(("127.0.0.1", PORT), Handler)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps({"ready": True}), flush=True)
orders()
