"""How an answer reaches the socket."""

from __future__ import annotations

import asyncio

from assay.server.http import JoiningTransport

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class _Wire(asyncio.Transport):
    """Keeps what was written, write by write."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.is_closed
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def get_write_buffer_size(self) -> int:
        return 7


def test_head_and_body_of_an_answer_are_one_write() -> None:
    """The client is woken once, and nothing is written again when the loop turns."""

    async def answer_twice() -> list[bytes]:
        wire = _Wire()
        joining = JoiningTransport(wire, asyncio.get_running_loop())
        for _ in range(2):
            joining.write(HEAD)
            joining.write(b"{}")
        await asyncio.sleep(0)
        return wire.written

    assert asyncio.run(answer_twice()) == [HEAD + b"{}"] * 2


def test_a_head_whose_body_takes_time_does_not_wait_for_it() -> None:
    """What streams begins at once, and later pieces are written as they come."""

    async def stream() -> list[bytes]:
        wire = _Wire()
        joining = JoiningTransport(wire, asyncio.get_running_loop())
        joining.write(HEAD)
        await asyncio.sleep(0)
        assert wire.written == [HEAD]
        joining.write(b"{")
        joining.write(memoryview(b"}"))
        return wire.written

    assert asyncio.run(stream()) == [HEAD, b"{", b"}"]


def test_nothing_is_lost_when_a_connection_closes_after_a_head() -> None:
    """An answer without a body is written before the end, and nothing after it."""

    async def close() -> list[bytes]:
        wire = _Wire()
        joining = JoiningTransport(wire, asyncio.get_running_loop())
        joining.write(HEAD)
        joining.close()
        await asyncio.sleep(0)
        assert joining.is_closing()
        assert joining.get_write_buffer_size() == 7
        return wire.written

    assert asyncio.run(close()) == [HEAD]


def test_a_head_for_a_connection_that_is_gone_is_dropped() -> None:
    """The client left between the head and the turn of the loop."""

    async def leave() -> list[bytes]:
        wire = _Wire()
        joining = JoiningTransport(wire, asyncio.get_running_loop())
        joining.write(HEAD)
        wire.close()
        await asyncio.sleep(0)
        return wire.written

    assert asyncio.run(leave()) == []
