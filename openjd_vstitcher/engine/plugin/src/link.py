"""The connection to the supervisor. The engine exits when it closes."""

import collections
import json
import os
import socket
import sys
import threading

HEARTBEAT_S = 1.0
ORPHANED = 70
"""The exit code of an engine whose supervisor is gone."""


class Link(object):
    """Receives on a separate thread, so that a cancelation or a closed connection is noticed while the engine is busy.

    `canceled` is the id of the last canceled request.
    """

    def __init__(self, connection_file):
        self._file = connection_file
        self._queue = collections.deque()
        self._arrived = threading.Condition()
        self._sending = threading.Lock()
        self._socket = None
        self._api = None
        self.canceled = None

    def watch(self, api):
        """Report the calls of an Api in heartbeats."""
        self._api = api

    def connect(self, greeting):
        """Connect and send the first message: the key, the process, and `greeting`."""
        with open(self._file, encoding="utf-8") as file:
            connection = json.load(file)
        self._socket = socket.create_connection((connection["host"], connection["port"]), 10)
        self._socket.settimeout(HEARTBEAT_S)
        hello = {"key": connection["key"], "role": "engine", "pid": os.getpid()}
        hello["python"] = "%d.%d.%d" % sys.version_info[:3]
        hello.update(greeting)
        self.send(hello)
        thread = threading.Thread(target=self._receive, name="openjd-link")
        thread.daemon = True
        thread.start()

    def send(self, message):
        """Send a message. Exits the engine if the supervisor is gone."""
        line = json.dumps(message).encode("ascii") + b"\n"
        try:
            with self._sending:
                self._socket.settimeout(None)
                try:
                    self._socket.sendall(line)
                finally:
                    self._socket.settimeout(HEARTBEAT_S)
        except OSError:
            os._exit(ORPHANED)

    def waiting(self):
        """True if a request is waiting."""
        return bool(self._queue)

    def next(self):
        """Wait for the next request and return it."""
        self.wait_for_request()
        with self._arrived:
            request = self._queue.popleft()
            self._arrived.notify_all()
        return request

    def wait_for_request(self):
        """Wait until a request is waiting."""
        with self._arrived:
            while not self._queue:
                self._arrived.wait()

    def wait_until_empty(self, seconds):
        """Wait until no request is waiting, or for some seconds."""
        with self._arrived:
            if self._queue:
                self._arrived.wait(seconds)

    def _receive(self):
        buffer = b""
        while True:
            try:
                data = self._socket.recv(65536)
            except socket.timeout:
                self._send_heartbeat()
                continue
            except OSError:
                data = b""
            if not data:
                os._exit(ORPHANED)
            lines = (buffer + data).split(b"\n")
            buffer = lines.pop()
            for line in lines:
                self._handle(json.loads(line.decode("utf-8")))

    def _handle(self, message):
        if message.get("request") == "cancel":
            self.canceled = message.get("id")
            return
        with self._arrived:
            self._queue.append(message)
            self._arrived.notify_all()

    def _send_heartbeat(self):
        self.send({"type": "heartbeat", "calls": self._api.calls, "call": self._api.current})
