"""A compressed session with the echo example, by a client that nobody here wrote.

    compressed_echo.py ws://127.0.0.1:8080
"""

import asyncio
import sys

from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

PATIENCE_S = 30


async def session(base, offer):
    client = await connect(f"{base}/", extensions=[offer], open_timeout=PATIENCE_S, max_size=None)
    agreed = [extension.name for extension in client.protocol.extensions]
    assert agreed == ["permessage-deflate"], agreed
    messages = ["", "short", "x" * 1_000_000, "Grüße, " * 5_000, bytes(range(256)) * 500]
    for message in messages * 2:
        await client.send(message)
        assert await client.recv() == message
    await client.close()
    assert client.close_code == 1000


async def main(base):
    for bits in [9, 12, 15]:
        for takeover in [False, True]:
            await session(
                base,
                ClientPerMessageDeflateFactory(
                    server_no_context_takeover=takeover,
                    client_no_context_takeover=takeover,
                    server_max_window_bits=bits,
                    client_max_window_bits=bits,
                ),
            )


asyncio.run(asyncio.wait_for(main(sys.argv[1]), PATIENCE_S * 2))
