"""A session with the chat example, by a WebSocket client that nobody here wrote.

    chat_session.py ws://127.0.0.1:8080

Ends with status 0 if everything is as it should be. When it has written
`waiting for the host to go down` it expects just that.
"""

import asyncio
import sys
import urllib.request

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, ConnectionClosedOK

PATIENCE_S = 30


async def enter(base, name, room="rust"):
    return await connect(f"{base}/chat/{room}?name={name}", open_timeout=PATIENCE_S)


async def hears(people, *lines):
    """Each of these people is told these lines, and nothing before them."""
    for line in lines:
        for person in people:
            async with asyncio.timeout(PATIENCE_S):
                heard = await person.recv()
            assert heard == line, f"{heard!r} came, not {line!r}"


async def is_closed(person, kind, code, reason=""):
    """The connection ends in this way, by the host."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            heard = await person.recv()
    except ConnectionClosed as closed:
        assert isinstance(closed, kind), repr(closed)
        assert closed.rcvd is not None, "no Close has come"
        assert (closed.rcvd.code, closed.rcvd.reason) == (code, reason), closed.rcvd
    else:
        raise AssertionError(f"{heard!r} came, not the end")


async def talk(ann, bob):
    both = [ann, bob]
    await ann.send("hello, Bob")
    await hears(both, "Ann: hello, Bob")
    await bob.send("✓ 𝄞 " * 10_000)
    await hears(both, "Bob: " + "✓ 𝄞 " * 10_000)
    await ann.send(["in ", "three ", "fragments"])
    await hears(both, "Ann: in three fragments")
    await ann.send("")
    await hears(both, "Ann: ")
    for number in range(100):
        await bob.send(str(number))
    await hears(both, *(f"Bob: {number}" for number in range(100)))
    async with asyncio.timeout(PATIENCE_S):
        await (await ann.ping(b"are you there"))


async def come_and_go(base, ann):
    """People leave in every way, and Ann is told of each."""
    cat = await enter(base, "Cat")
    await hears([ann, cat], "* Cat joined rust")
    await cat.close(4000, "must run")
    assert (cat.close_code, cat.close_reason) == (4000, "must run")
    await hears([ann], "* Cat left")

    dan = await enter(base, "Dan")
    await hears([ann, dan], "* Dan joined rust")
    await dan.send("x" * 1_000_001)
    await is_closed(dan, ConnectionClosedError, 1009)
    await hears([ann], "* Dan left")

    eve = await enter(base, "Eve")
    await hears([ann, eve], "* Eve joined rust")
    eve.transport.abort()
    await hears([ann], "* Eve left")

    fay = await enter(base, "Fay", room="another")
    await hears([fay], "* Fay joined another")
    await fay.close()


def gets_the_page(base):
    url = base.replace("ws://", "http://") + "/chat/rust"
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as response:
        assert response.status == 200
        assert response.headers.get_content_type() == "text/html"
        assert b"WebSocket" in response.read()


async def session(base):
    ann = await enter(base, "Ann")
    await hears([ann], "* Ann joined rust")
    bob = await enter(base, "Bob")
    await hears([ann, bob], "* Bob joined rust")
    await talk(ann, bob)
    await bob.send("/quit")
    await is_closed(bob, ConnectionClosedOK, 1000)
    await hears([ann], "* Bob left")
    await come_and_go(base, ann)
    await asyncio.to_thread(gets_the_page, base)
    print("waiting for the host to go down", flush=True)
    await is_closed(ann, ConnectionClosedOK, 1001)


if __name__ == "__main__":
    asyncio.run(session(sys.argv[1]))
