"""Waiting for a program to answer has an end."""

import asyncio

import httpx2


async def until(url: str, *, seconds: float = 30.0) -> None:
    """Until `url` answers 200; TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds), httpx2.AsyncClient(trust_env=False, timeout=2) as http:
        while True:
            try:
                if (await http.get(url)).status_code == httpx2.codes.OK:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.1)
