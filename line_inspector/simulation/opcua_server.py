"""An OPC UA server of the simulation's (asyncua)."""

import asyncio
import logging

from asyncua import Server, ua

LOOK_AGAIN_S = 0.05

logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)


async def build_server(endpoint: str, namespace: str, index: int) -> Server:
    """A server that does not listen yet, whose namespaces go up to `index`, those of ours named after `namespace`."""
    server = Server()
    await server.init()
    server.set_endpoint(endpoint)
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    number = 0
    while await server.register_namespace(f"{namespace}:{number}") < index:
        number += 1
    return server


async def stop_server(server: Server) -> None:
    """Ends it and every connection.

    asyncua ends the connections that there are, then stops listening, and then waits for all to end: for one that has
    come in between, as that of a client whose last one has just ended, it would wait until that client goes.
    """
    stopping = asyncio.ensure_future(server.stop())
    while not stopping.done():
        await asyncio.wait([stopping], timeout=LOOK_AGAIN_S)
        for transport in list(server.iserver.asyncio_transports):
            transport.abort()
    stopping.result()
