"""As much of a Redis as a publish needs, on loopback, whose connections a test can cut."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from contextlib import contextmanager

ANSWERS = {
    b"HELLO": b"%1\r\n$5\r\nproto\r\n:3\r\n",
    b"PING": b"+PONG\r\n",
    b"SADD": b":1\r\n",
    b"LPUSH": b":1\r\n",
    b"SMEMBERS": b"*1\r\n$16\r\ncelery\x06\x16\x06\x16celery\r\n",
}


class _Conversation(socketserver.StreamRequestHandler):
    queued = -1  # how many commands of a transaction there are

    def handle(self):
        self.server.open.append(self.connection)
        try:
            while line := self.rfile.readline():
                words = [self._word() for _ in range(int(line[1:]))]
                self.wfile.write(self._answer(words[0].upper(), words))
        except OSError:
            pass  # cut by the test

    def _answer(self, command, words):
        if command == b"LPUSH":
            self.server.messages.append(words[2])
        if command == b"EXEC":
            count, self.queued = self.queued, -1
            return b"*%d\r\n" % count + b":1\r\n" * count
        if command == b"MULTI" or self.queued >= 0:
            self.queued += 1
            return b"+OK\r\n" if command == b"MULTI" else b"+QUEUED\r\n"
        return self.server.answers.get(command, b"+OK\r\n")

    def _word(self):
        return self.rfile.read(int(self.rfile.readline()[1:]) + 2)[:-2]


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.open, self.messages, self.answers = [], [], dict(ANSWERS)
        self.url = f"redis://user:topsecret@127.0.0.1:{self.server_address[1]}/0"

    def cut(self, manner):
        """Close all connections: politely ("fin") or with a reset ("rst")."""
        for connection in self.open:
            if manner == "rst":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.shutdown(socket.SHUT_RD)
            else:
                connection.shutdown(socket.SHUT_RDWR)
        self.open.clear()


@contextmanager
def redis_server():
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
