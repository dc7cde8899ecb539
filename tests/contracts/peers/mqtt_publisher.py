"""Publishes what it is told, as meters and Sparkplug nodes would (paho-mqtt).

Usage: mqtt_publisher.py PORT [USER PASSWORD]
Lines: {"do": "publish", "topic": …, "text": …, "qos": 1, "retain": false}
       {"do": "series", "topic": …, "from": 0, "to": 100, "start_ms": …}: {"ts": …, "v": n} a second apart; answers at once
       {"do": "wait"}: until everything is acknowledged by the broker
       {"do": "many", "topic": …, "messages": n, "values": m, "start_ms": …, "qos": 1}: for speed
       {"do": "sparkplug", "topic": …, "seq": 0, "timestamp": …, "metrics": [{"name": …, "alias": …, "type": …, "value": …}]}
       {"do": "commands"}: NCMD topics heard so far, with the names of their metrics
"""

import json
import struct
import sys
import time

import paho.mqtt.client as mqtt

TYPES = {"Int8": 1, "Int16": 2, "Int32": 3, "Int64": 4, "UInt32": 7, "UInt64": 8, "Float": 9, "Double": 10, "Boolean": 11, "String": 12}


def varint(number):
    out = b""
    number &= (1 << 64) - 1
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(tag, kind, body):
    return varint(tag << 3 | kind) + body


def number(tag, value):
    return field(tag, 0, varint(int(value)))


def block(tag, body):
    return field(tag, 2, varint(len(body)) + body)


def metric(given):
    out = b""
    if "name" in given:
        out += block(1, given["name"].encode())
    if "alias" in given:
        out += number(2, given["alias"])
    if "timestamp" in given:
        out += number(3, given["timestamp"])
    kind = given.get("type")
    if kind and not given.get("no_type"):
        out += number(4, TYPES[kind])
    if given.get("historical"):
        out += number(5, 1)
    if given.get("null"):
        out += number(7, 1)
    properties = given.get("properties", {})
    if properties:
        body = b"".join(block(1, key.encode()) for key in properties)
        for value in properties.values():
            if isinstance(value, str):
                body += block(2, number(1, 12) + block(8, value.encode()))
            else:
                body += block(2, number(1, 3) + number(3, value & 0xFFFFFFFF))
        out += block(9, body)
    value = given.get("value")
    if value is not None:
        if kind in ("Int8", "Int16", "Int32"):
            out += number(10, value & 0xFFFFFFFF)
        elif kind == "UInt32":
            out += number(10, value)
        elif kind in ("Int64", "UInt64"):
            out += number(11, value)
        elif kind == "Float":
            out += field(12, 5, struct.pack("<f", value))
        elif kind == "Double":
            out += field(13, 1, struct.pack("<d", value))
        elif kind == "Boolean":
            out += number(14, value)
        else:
            out += block(15, value.encode())
    return out


def names(payload):
    """The metrics' names in a payload: enough of protocol buffers for that."""

    def walk(data):
        at = 0

        def take():
            nonlocal at
            result = shift = 0
            while True:
                byte = data[at]
                at += 1
                result |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    return result

        while at < len(data):
            key = take()
            tag, kind = key >> 3, key & 7
            if kind == 0:
                yield tag, take()
            elif kind == 2:
                size = take()
                yield tag, data[at : at + size]
                at += size
            else:
                size = 8 if kind == 1 else 4
                yield tag, data[at : at + size]
                at += size

    return [name.decode() for tag, body in walk(payload) if tag == 2 for inner, name in walk(body) if inner == 1]


port = int(sys.argv[1])
commands = []
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="publisher", clean_session=False)
if len(sys.argv) > 2:
    client.username_pw_set(sys.argv[2], sys.argv[3])
client.on_connect = lambda *_: client.subscribe("spBv1.0/+/NCMD/#", 1)
client.on_message = lambda _, __, message: commands.append({"topic": message.topic, "names": names(message.payload)})
client.max_inflight_messages_set(200)
client.max_queued_messages_set(0)
client.reconnect_delay_set(1, 1)
client.connect("127.0.0.1", port, keepalive=5)
client.loop_start()
while not client.is_connected():
    time.sleep(0.01)
print(json.dumps({"ready": True}))
waiting = []


def publish(topic, payload, qos=1, retain=False):
    waiting.append(client.publish(topic, payload, qos, retain))


def wait():
    # One more, twice: the broker has saved what it acknowledged before.
    for _ in range(2):
        publish("publisher/done", b"", 1)
        for message in waiting:
            while not message.is_published():
                time.sleep(0.002)
        waiting.clear()


for line in sys.stdin:
    order = json.loads(line)
    do = order["do"]
    answer = {}
    if do == "publish":
        publish(order["topic"], order["text"].encode(), order.get("qos", 1), order.get("retain", False))
        wait()
    elif do == "series":
        for n in range(order["from"], order["to"]):
            publish(order["topic"], json.dumps({"ts": order["start_ms"] + n * 1000, "v": n}).encode())
    elif do == "many":
        for n in range(order["messages"]):
            document = {"ts": order["start_ms"] + n * 1000}
            document.update({f"v{i}": n * 0.5 + i for i in range(order["values"])})
            publish(order["topic"], json.dumps(document).encode(), order.get("qos", 1))
        answer = {"bytes": len(json.dumps(document)) * order["messages"]}
    elif do == "wait":
        wait()
    elif do == "sparkplug":
        payload = b"".join(block(2, metric(given)) for given in order.get("metrics", []))
        if "timestamp" in order:
            payload = number(1, order["timestamp"]) + payload
        if "seq" in order:
            payload += number(3, order["seq"])
        publish(order["topic"], payload, order.get("qos", 0))
        wait()
    elif do == "commands":
        answer = {"commands": commands}
    print(json.dumps(answer or {"done": True}))
