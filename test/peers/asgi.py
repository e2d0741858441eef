"""Hypercorn and HTTPX, without TLS: `server PORT`, or `client HOST PORT http1|http2`.

The client asks for many answers at once, sends a long body in pieces, and reads a long answer that it gives up half way.
"""
import asyncio
import logging
import sys

ITEMS = 300
PIECE = b"x" * 10_000
PIECES = 100


async def app(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    path = scope["path"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    if path == "/long":
        for _ in range(PIECES):
            await send({"type": "http.response.body", "body": PIECE, "more_body": True})
    body = str(size) if path == "/size" else path
    await send({"type": "http.response.body", "body": body.encode()})


def serve(port):
    from hypercorn.asyncio import serve as hypercorn
    from hypercorn.config import Config

    # It complains of what it writes to a client that has given up.
    logging.disable(logging.CRITICAL)
    config = Config()
    config.bind = [f"0.0.0.0:{port}"]
    asyncio.run(hypercorn(app, config))


async def pieces():
    for _ in range(PIECES):
        yield PIECE


async def ask(base, http2):
    import httpx

    limits = httpx.Limits(max_connections=20)
    async with httpx.AsyncClient(base_url=base, http1=not http2, http2=http2, limits=limits, timeout=30) as client:
        answers = await asyncio.gather(*(client.get(f"/item/{i}") for i in range(ITEMS)))
        assert [answer.text for answer in answers] == [f"/item/{i}" for i in range(ITEMS)]
        wanted = "HTTP/2" if http2 else "HTTP/1.1"
        assert {answer.http_version for answer in answers} == {wanted}
        assert (await client.post("/size", content=pieces())).text == str(PIECES * len(PIECE))
        assert len((await client.get("/long")).content) == PIECES * len(PIECE) + len("/long")
        async with client.stream("GET", "/long") as answer:
            async for _ in answer.aiter_bytes():
                break
        assert (await client.get("/after")).text == "/after"
    print("answered")


if __name__ == "__main__":
    if sys.argv[1] == "server":
        serve(int(sys.argv[2]))
    else:
        asyncio.run(ask(f"http://{sys.argv[2]}:{sys.argv[3]}", sys.argv[4] == "http2"))
