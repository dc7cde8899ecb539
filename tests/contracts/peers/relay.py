"""Carries bytes between two addresses: a station in a network of its own.

In: where to listen, where to carry to. Out: a port in the first line, then nothing. Not here: the network, which the test makes and cuts.
"""

import asyncio
import json
import sys

HOST, TO_HOST, TO_PORT = sys.argv[1], sys.argv[2], int(sys.argv[3])


async def carry(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def connected(reader, writer):
    try:
        far_reader, far_writer = await asyncio.open_connection(TO_HOST, TO_PORT)
    except OSError:
        writer.close()
        return
    await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer), return_exceptions=True)


async def main():
    server = await asyncio.start_server(connected, HOST, 0)
    print(json.dumps({"ready": True, "port": server.sockets[0].getsockname()[1]}), flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())
