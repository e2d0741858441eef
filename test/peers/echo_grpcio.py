"""The same as echo-grpc-js.ts on grpcio: `server PORT`, `client HOST PORT`."""

import sys
import threading
import time
from concurrent import futures

import grpc

SERVICE = "nodeway.peers.Echo"
LONG_S = 30
DEADLINE_S = 0.3
DETAIL = bytes([0, 1, 254, 255])
MESSAGE = "not now: ü % 100%"
TIMED_OUT = "upstream request timeout"


class Service:
    def __init__(self):
        self.cancelled = 0

    def unary(self, request, _context):
        return request

    def download(self, request, _context):
        for index in range(int(request)):
            yield str(index).encode()

    def upload(self, requests, _context):
        messages, size = 0, 0
        for message in requests:
            messages += 1
            size += len(message)
        return f"{messages} {size}".encode()

    def both(self, requests, _context):
        yield from requests

    def fail(self, _request, context):
        context.set_trailing_metadata((("detail-bin", DETAIL),))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, MESSAGE)

    def wait(self, request, context):
        ended = threading.Event()
        context.add_callback(ended.set)
        if ended.wait(LONG_S):
            self.cancelled += 1
        return request

    def count(self, _request, _context):
        return str(self.cancelled).encode()

    def metadata(self, request, context):
        given = [(name, value) for name, value in context.invocation_metadata() if name in ("plain", "bytes-bin")]
        context.send_initial_metadata(given)
        context.set_trailing_metadata((("end", "reached"),))
        return request


def serve(port):
    service = Service()
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(service.unary),
        "Download": grpc.unary_stream_rpc_method_handler(service.download),
        "Upload": grpc.stream_unary_rpc_method_handler(service.upload),
        "Both": grpc.stream_stream_rpc_method_handler(service.both),
        "Fail": grpc.unary_unary_rpc_method_handler(service.fail),
        "Wait": grpc.unary_unary_rpc_method_handler(service.wait),
        "Cancelled": grpc.unary_unary_rpc_method_handler(service.count),
        "Metadata": grpc.unary_unary_rpc_method_handler(service.metadata),
    }
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=32))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    server.add_insecure_port(f"0.0.0.0:{port}")
    server.start()
    server.wait_for_termination()


class Client:
    def __init__(self, target):
        self.channel = grpc.insecure_channel(target)

    def path(self, name):
        return f"/{SERVICE}/{name}"

    def call(self, name, request=b"", **options):
        return self.channel.unary_unary(self.path(name)).with_call(request, **options)

    def cancelled(self):
        return int(self.call("Cancelled")[0])

    def noticed_by(self, count):
        while self.cancelled() < count:
            time.sleep(0.05)

    def unary(self):
        for size in (0, 1, 70_000, 3_000_000):
            assert len(self.call("Unary", b"a" * size)[0]) == size

    def download(self):
        messages = list(self.channel.unary_stream(self.path("Download"))(b"1000"))
        assert messages == [str(index).encode() for index in range(1000)]

    def upload(self):
        answer = self.channel.stream_unary(self.path("Upload"))(bytes(1000) for _ in range(1000))
        assert answer == b"1000 1000000", answer

    def ping_pong(self):
        turn = threading.Semaphore(1)

        def messages():
            for round_ in range(100):
                turn.acquire()
                yield f"round {round_}".encode()

        answered = 0
        for message in self.channel.stream_stream(self.path("Both"))(messages()):
            assert message == f"round {answered}".encode()
            answered += 1
            turn.release()
        assert answered == 100, answered

    def failure(self):
        try:
            self.call("Fail")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.FAILED_PRECONDITION and error.details() == MESSAGE, error
            assert ("detail-bin", DETAIL) in error.trailing_metadata(), error.trailing_metadata()
        else:
            raise AssertionError("no error")

    def metadata(self):
        _, call = self.call("Metadata", b"x", metadata=(("plain", "text"), ("bytes-bin", DETAIL)))
        given = list(call.initial_metadata())
        assert ("plain", "text") in given and ("bytes-bin", DETAIL) in given, given
        assert ("end", "reached") in call.trailing_metadata()

    def fails_with(self, code, name, or_with=None, **options):
        try:
            self.call(name, **options)
        except grpc.RpcError as error:
            assert error.code() == code or (error.code(), error.details()) == or_with, error
        else:
            raise AssertionError("no error")

    def unknown(self):
        self.fails_with(grpc.StatusCode.UNIMPLEMENTED, "Nothing")

    def deadline(self):
        before = self.cancelled()
        # Client and agent keep it. Where a busy client is the later one, it hears what Envoy says, too.
        agents = (grpc.StatusCode.UNAVAILABLE, TIMED_OUT)
        self.fails_with(grpc.StatusCode.DEADLINE_EXCEEDED, "Wait", or_with=agents, timeout=DEADLINE_S)
        self.noticed_by(before + 1)

    def given_up(self):
        before = self.cancelled()
        call = self.channel.unary_unary(self.path("Wait")).future(b"")
        time.sleep(DEADLINE_S)
        call.cancel()
        assert call.cancelled()
        self.noticed_by(before + 1)

    def many(self):
        unary = self.channel.unary_unary(self.path("Unary"))
        calls = [unary.future(f"call {index}".encode()) for index in range(100)]
        assert [call.result() for call in calls] == [f"call {index}".encode() for index in range(100)]


def ask(host, port):
    client = Client(f"{host}:{port}")
    cases = {
        "unary calls of any size": client.unary,
        "a thousand messages from the server": client.download,
        "a thousand messages to the server": client.upload,
        "messages in turn": client.ping_pong,
        "an error with its message and metadata": client.failure,
        "metadata both ways, and trailers": client.metadata,
        "a method that nobody has": client.unknown,
        "a deadline": client.deadline,
        "a call that is given up": client.given_up,
        "a hundred calls at a time": client.many,
    }
    for name, check in cases.items():
        check()
        print(name, flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "server":
        serve(int(sys.argv[2]))
    else:
        ask(sys.argv[2], sys.argv[3])
