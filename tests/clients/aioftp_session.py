"""Performs steps (JSON on standard input) with aioftp."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from pathlib import Path, PurePosixPath
from typing import Any

import aioftp

SECONDS = 15.0


async def session(link: dict[str, Any], steps: list[dict[str, str]]) -> None:
    """One login in which all steps are done."""
    context = ssl.create_default_context(cafile=link["authority"])
    client = aioftp.Client(
        encoding="utf-8", socket_timeout=SECONDS, connection_timeout=SECONDS,
        ssl=context if link["implicit"] else None,
    )
    try:
        await client.connect(link["host"], link["port"])
        if not link["implicit"]:
            await client.upgrade_to_tls(context)
        await client.login(link["user"], link["password"])
        for step in steps:
            remote, local = PurePosixPath(step["remote"]), Path(step["local"])
            await perform(client, step["verb"], remote, step["other"], local)
        await client.quit()
    finally:
        client.close()


async def perform(client: aioftp.Client, verb: str, remote: PurePosixPath, other: str, local: Path) -> None:
    """One step."""
    if verb == "list":
        names = [path.name for path, _ in await client.list(remote)]
        local.write_text("".join(f"{name}\n" for name in names))
    elif verb in ("get", "resume-get"):
        done = local.read_bytes() if verb == "resume-get" else b""
        async with client.download_stream(remote, offset=len(done)) as stream:
            local.write_bytes(done + b"".join([block async for block in stream.iter_by_block()]))
    elif verb in ("put", "resume-put"):
        there = int((await client.stat(remote))["size"]) if verb == "resume-put" else 0
        async with client.upload_stream(remote, offset=there) as stream:
            await stream.write(local.read_bytes()[there:])
    elif verb == "rename":
        await client.rename(remote, PurePosixPath(other))
    elif verb == "delete":
        await client.remove_file(remote)
    elif verb == "mkdir":
        await client.make_directory(remote)
    else:
        await client.remove_directory(remote)


if __name__ == "__main__":
    job = json.load(sys.stdin)
    asyncio.run(asyncio.wait_for(session(job["link"], job["steps"]), 45))
