"""A Kafka broker for tests: librdkafka's own mock cluster, which speaks the real protocol, behind a port that stays the same.

In: `port journal` as arguments; one order per line, JSON: {"publish": [[topic, key or null, value or null, partition, time in ms], ...]},
{"advertise": port} (brokers send clients there; a proxy in front of us needs it). Out: one answer per line.

The mock keeps records in memory. What was published is also written to the journal, and published again, in the same order and so at the same
offsets, when we start: that is the disk a broker would have.
"""

import json
import os
import socket
import struct
import sys
import threading

from confluent_kafka import Producer

PORT, JOURNAL = int(sys.argv[1]), sys.argv[2]
advertised = PORT
producer = Producer({"test.mock.num.brokers": 1, "linger.ms": 0, "acks": "all"})
broker = next(iter(producer.list_topics(timeout=20).brokers.values()))


def publish(records):
    failed = []
    for topic, key, value, partition, time in records:
        told = lambda error, message: failed.append(str(error)) if error else None
        producer.produce(topic, value, key, partition, told, timestamp=time)
        # One at a time: offsets are the order of the journal.
        if producer.flush(20):
            failed.append("not delivered in 20 s")
    if failed:
        raise RuntimeError(failed[0])


def pipe(source, target, old=None):
    """Copies; `old` is the port in metadata that must become the advertised one: the host's text, then four bytes of port."""
    try:
        while data := source.recv(65536):
            if old is not None:
                host = b"127.0.0.1"
                data = data.replace(host + struct.pack(">i", old), host + struct.pack(">i", advertised))
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(listener):
    while True:
        near, _ = listener.accept()
        try:
            far = socket.create_connection((broker.host, broker.port))
        except OSError:
            near.close()
            continue
        for each in (near, far):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=pipe, args=(near, far), daemon=True).start()
        threading.Thread(target=pipe, args=(far, near, broker.port), daemon=True).start()


if os.path.exists(JOURNAL):
    with open(JOURNAL) as kept:
        publish([json.loads(line) for line in kept])
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", PORT))
listener.listen(64)
threading.Thread(target=serve, args=(listener,), daemon=True).start()
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    order = json.loads(line)
    try:
        if "publish" in order:
            with open(JOURNAL, "a") as kept:
                kept.writelines(json.dumps(record) + "\n" for record in order["publish"])
                kept.flush()
                os.fsync(kept.fileno())
            publish(order["publish"])
        if "advertise" in order:
            advertised = order["advertise"]
        print(json.dumps({"done": True}), flush=True)
    except Exception as error:
        print(json.dumps({"error": repr(error)}), flush=True)
