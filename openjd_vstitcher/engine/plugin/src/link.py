"""The connection to the supervisor. When it closes, the engine ends: nobody is left to work for."""

import collections
import json
import os
import socket
import sys
import threading

BEAT_S = 1.0
ORPHANED = 70


class Link(object):
    """Receives on a thread of its own, so that cancelation and the end are noticed while the engine works.

    `canceled` is the id of the request that was withdrawn last.
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
        """Report the calls of an Api with each heartbeat."""
        self._api = api

    def connect(self, greeting):
        """Connect and say who we are."""
        with open(self._file, encoding="utf-8") as file:
            connection = json.load(file)
        self._socket = socket.create_connection((connection["host"], connection["port"]), 10)
        self._socket.settimeout(BEAT_S)
        hello = {"key": connection["key"], "role": "engine", "pid": os.getpid()}
        hello["python"] = "%d.%d.%d" % sys.version_info[:3]
        hello.update(greeting)
        self.send(hello)
        thread = threading.Thread(target=self._receive, name="openjd-link")
        thread.daemon = True
        thread.start()

    def send(self, message):
        """Send one message; without a supervisor, end the engine."""
        line = json.dumps(message).encode("ascii") + b"\n"
        try:
            with self._sending:
                self._socket.settimeout(None)
                try:
                    self._socket.sendall(line)
                finally:
                    self._socket.settimeout(BEAT_S)
        except OSError:
            os._exit(ORPHANED)

    def waiting(self):
        """Whether a request waits."""
        return bool(self._queue)

    def next(self):
        """The next request, as soon as there is one."""
        self.wait_for_request()
        with self._arrived:
            request = self._queue.popleft()
            self._arrived.notify_all()
        return request

    def wait_for_request(self):
        """Return when a request waits."""
        with self._arrived:
            while not self._queue:
                self._arrived.wait()

    def wait_until_taken(self, seconds):
        """Return when no request waits, or after some seconds."""
        with self._arrived:
            if self._queue:
                self._arrived.wait(seconds)

    def _receive(self):
        buffer = b""
        while True:
            try:
                data = self._socket.recv(65536)
            except socket.timeout:
                self._beat()
                continue
            except OSError:
                data = b""
            if not data:
                os._exit(ORPHANED)
            lines = (buffer + data).split(b"\n")
            buffer = lines.pop()
            for line in lines:
                self._take(json.loads(line.decode("utf-8")))

    def _take(self, message):
        if message.get("request") == "cancel":
            self.canceled = message.get("id")
            return
        with self._arrived:
            self._queue.append(message)
            self._arrived.notify_all()

    def _beat(self):
        self.send({"type": "heartbeat", "calls": self._api.calls, "call": self._api.current})
