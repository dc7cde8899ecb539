"""An OPC UA server of asyncua, told by lines of JSON what its variables say. What it was told is in a journal, so that it has a history
when it was killed and started again."""

import argparse
import asyncio
import datetime as dt
import json
import logging
import os
import sys
import threading

# The standard's address space is large; a busy machine takes its time with it, and the test is told so.
ready = threading.Event()
# One line at a time, and none that says "not yet" after the one that says "ready".
line = threading.Lock()


def starting():
    while not ready.wait(5):
        with line:
            if not ready.is_set():
                print(json.dumps({"ready": False}), flush=True)


threading.Thread(target=starting, daemon=True).start()

from asyncua import Server, ua
from asyncua.common.utils import ServiceError
from asyncua.server.history import HistoryDict
from asyncua.server.internal_subscription import InternalSubscription
from asyncua.server.uaprocessor import UaProcessor
from asyncua.server.user_managers import UserManager
from asyncua.crypto.permission_rules import SimpleRoleRuleset, User, UserRole



def republish(subscription, number):
    """As the standard has it: a message is kept until it is acknowledged. asyncua forgets it as soon as it was asked for again."""
    if fate["refuse"] > 0:
        fate["refuse"] -= 1
        raise ServiceError(ua.StatusCodes.BadOutOfMemory)
    held = subscription._not_acknowledged_results.get(number)
    if held is None or number in fate["gone"]:
        raise ServiceError(ua.StatusCodes.BadMessageNotAvailable)
    return held.NotificationMessage


InternalSubscription.republish = republish
# What becomes of the next messages, one word each: "gone" (lost, and not kept), "kept" (lost, but kept). And how many requests for one of
# them are refused.
fate = {"next": [], "gone": set(), "refuse": 0}
forward = UaProcessor.forward_publish_response


async def forward_or_lose(self, result, request):
    message = result.NotificationMessage
    if fate["next"] and message.NotificationData:
        if fate["next"].pop(0) == "gone":
            fate["gone"].add(message.SequenceNumber)
        return
    await forward(self, result, request)


UaProcessor.forward_publish_response = forward_or_lose
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
URI = "urn:plant"
# Name, type, unit, whether it has a history.
VARIABLES = [
    ("ActivePower", ua.VariantType.Double, "kW", True),
    ("WindSpeed", ua.VariantType.Float, "m/s", True),
    ("Temperature", ua.VariantType.Int16, "°C", False),
    ("RotorSpeed", ua.VariantType.Double, "rpm", False),
    ("DoorOpen", ua.VariantType.Boolean, None, False),
    ("Serial", ua.VariantType.String, None, False),
]
FIRST = {ua.VariantType.Boolean: False, ua.VariantType.String: "SN-1"}


def at(micros):
    return EPOCH + dt.timedelta(microseconds=micros)


class Users(UserManager):
    """`--user name:password`; nobody else, except anonymous where that is allowed."""

    def __init__(self, wanted):
        self.wanted = wanted

    def get_user(self, iserver, username=None, password=None, certificate=None):
        if self.wanted is None or (username, password) == tuple(self.wanted.split(":")):
            return User(role=UserRole.User)
        return None


class Plant:
    def __init__(self, options):
        self.options = options
        self.nodes, self.kinds = {}, {}
        self.history = HistoryDict(options.page)
        self.condition = None
        self.journal = None

    async def start(self):
        options = self.options
        server = self.server = Server(user_manager=Users(options.user))
        await server.init()
        server.set_endpoint(f"opc.tcp://127.0.0.1:{options.port}/plant")
        server.set_server_name("Plant of the test")
        await server.set_build_info("urn:product", "Maker", "Plant server", "1.2.3", "7", dt.datetime(2026, 1, 1))
        if options.secure:
            await self.secure(server)
        if options.user:
            server.set_identity_tokens([ua.UserNameIdentityToken])
        for number in range(options.before):
            await server.register_namespace(f"urn:before:{number}")
        index = await server.register_namespace(URI)
        server.iserver.history_manager.set_storage(self.history)
        self.turbine = await server.nodes.objects.add_object(ua.NodeId("WTG01", index), ua.QualifiedName("WTG01", index))
        if not options.bare:
            for name, kind, unit, has_history in VARIABLES:
                await self.variable(index, name, kind, unit, has_history)
        for number in range(options.many):
            await self.variable(index, f"Many{number}", ua.VariantType.Double, None, False)
        self.events = await server.get_event_generator(ua.ObjectIds.BaseEventType, self.turbine)
        self.alarms = await server.get_event_generator(ua.ObjectIds.AlarmConditionType, self.turbine)
        self.alarms.event.NodeId = ua.NodeId("Condition", index)
        self.alarms.event.ConditionName = "Gearbox"
        self.replay()
        for name, node in self.nodes.items():
            held = self.history._datachanges.get(node.nodeid) or self.last.get(name)
            if held:
                await node.write_value(held[-1])
        await server.start()

    async def secure(self, server):
        """Certificates of this server, made at first use, and trust in the client's."""
        from opcua_certificate import application_certificate
        from cryptography.hazmat.primitives.serialization import Encoding
        from pathlib import Path

        folder = Path(self.options.secure)
        certificate, key = application_certificate(folder, "urn:plant:server")
        await server.set_application_uri("urn:plant:server")
        await server.load_certificate(str(certificate))
        await server.load_private_key(str(key))
        server.set_security_policy(
            [
                ua.SecurityPolicyType.NoSecurity,
                ua.SecurityPolicyType.Basic256Sha256_Sign,
                ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
                ua.SecurityPolicyType.Aes128Sha256RsaOaep_SignAndEncrypt,
                ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt,
            ]
        )
        clients = folder / "clients"
        clients.mkdir(exist_ok=True)

        async def is_trusted(certificate, description):
            held = [path.read_bytes() for path in clients.iterdir()]
            if certificate.public_bytes(Encoding.DER) not in held:
                raise ServiceError(ua.StatusCodes.BadCertificateUntrusted)

        server.set_certificate_validator(is_trusted)

    async def variable(self, index, name, kind, unit, has_history):
        first = ua.Variant(FIRST.get(kind, 0), kind)
        node = await self.turbine.add_variable(ua.NodeId(f"WTG01.{name}", index), ua.QualifiedName(name, index), first)
        self.nodes[name], self.kinds[name] = node, kind
        waiting = ua.StatusCode(ua.StatusCodes.BadWaitingForInitialData)
        if kind != ua.VariantType.String:
            await node.write_value(ua.DataValue(ua.Variant(None), waiting, at(1_000_000_000_000_000)))
        if unit:
            information = ua.EUInformation("http://www.opcfoundation.org/UA/units/un/cefact", 0, ua.LocalizedText(unit), ua.LocalizedText(unit))
            await node.add_property(0, "EngineeringUnits", information)
        if has_history:
            bits = ua.AccessLevel.CurrentRead.mask | ua.AccessLevel.HistoryRead.mask
            for attribute in (ua.AttributeIds.AccessLevel, ua.AttributeIds.UserAccessLevel):
                await node.write_attribute(attribute, ua.DataValue(ua.Variant(bits, ua.VariantType.Byte)))
            await self.history.new_historized_node(node.nodeid, None)

    def value(self, order):
        kind = self.kinds[order["node"]]
        status = ua.StatusCode(getattr(ua.StatusCodes, order.get("status", "Good")))
        value = order.get("value")
        variant = ua.Variant(None) if value is None else ua.Variant(value, kind)
        return ua.DataValue(variant, status, at(order["time"]), dt.datetime.now(dt.timezone.utc))

    def replay(self):
        """What the server was told before it was killed."""
        self.last = {}
        if not self.options.journal:
            return
        if os.path.exists(self.options.journal):
            for line in open(self.options.journal, encoding="utf-8"):
                self.keep(json.loads(line))
        self.journal = open(self.options.journal, "a", encoding="utf-8")

    def keep(self, order):
        node = self.nodes[order["node"]].nodeid
        if node in self.history._datachanges:
            self.history._datachanges[node].append(self.value(order))
        else:
            self.last[order["node"]] = [self.value(order)]

    async def write(self, orders, publish=True):
        for order in orders:
            if self.journal:
                self.journal.write(json.dumps(order) + "\n")
                self.journal.flush()
            self.keep(order)
            if publish:
                await self.nodes[order["node"]].write_value(self.value(order))

    async def order(self, order):
        match order["do"]:
            case "write":
                await self.write(order["values"], order.get("publish", True))
            case "stream":
                # Values one after the other, some ms apart, as a plant gives them.
                asyncio.create_task(self.stream(order))
            case "event":
                self.events.event.Severity = 500
                await self.events.trigger(at(order["time"]), order["message"])
            case "alarm":
                self.alarms.event.Severity = 700
                setattr(self.alarms.event, "ActiveState/Id", order["active"])
                await self.alarms.trigger(at(order["time"]), order["message"])
            case "forget":
                # Subscriptions die without a word.
                service = self.server.iserver.subscription_service
                client = [number for number, one in service.subscriptions.items() if one.pub_request_callback]
                await service.delete_subscriptions(client)
                return {"forgotten": len(client)}
            case "lose":
                fate.update(next=list(order["messages"]), refuse=order.get("refuse", 0))
            case "losing":
                return {"left": len(fate["next"])}
            case "sessions":
                return {"sessions": len(self.server.iserver._external_sessions)}
            case "burst":
                # As fast as it can: `rounds` times all of Many.
                return await self.burst(order["rounds"])
        return {"done": True}

    async def stream(self, order):
        for value in order["values"]:
            await self.write([value])
            await asyncio.sleep(order["every_ms"] / 1000)

    async def burst(self, rounds):
        names = [name for name in self.nodes if name.startswith("Many")]
        begin = int(dt.datetime.now(dt.timezone.utc).timestamp() * 1e6)
        for number in range(rounds):
            for name in names:
                order = {"node": name, "value": float(number), "time": begin + number * 1000}
                await self.nodes[name].write_value(self.value(order))
            await asyncio.sleep(0)
        return {"written": rounds * len(names)}


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--journal")
    parser.add_argument("--secure")
    parser.add_argument("--user")
    parser.add_argument("--before", type=int, default=0, help="namespaces registered before the plant's")
    parser.add_argument("--page", type=int, default=10000, help="values per answer of history")
    parser.add_argument("--many", type=int, default=0)
    parser.add_argument("--bare", action="store_true")
    plant = Plant(parser.parse_args())
    logging.disable(logging.CRITICAL)
    await plant.start()
    with line:
        ready.set()
        print(json.dumps({"ready": True}), flush=True)
    loop = asyncio.get_running_loop()
    while text := await loop.run_in_executor(None, sys.stdin.readline):
        try:
            answer = await plant.order(json.loads(text))
        except Exception as error:
            answer = {"error": repr(error)}
        print(json.dumps(answer), flush=True)


asyncio.run(main())
