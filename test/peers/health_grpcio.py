"""gRPC's health service by grpcio's own: `server PORT`, `client HOST PORT`. The client asks, and watches a change."""

import sys
from concurrent import futures

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
TIMEOUT_S = 30


class Changing(health.HealthServicer):
    """A check of `leaving` is the last one that finds it serving."""

    def Check(self, request, context):
        answer = super().Check(request, context)
        if request.service == "leaving":
            self.set("leaving", NOT_SERVING)
        return answer


def serve(port):
    servicer = Changing()
    servicer.set("", SERVING)
    servicer.set("leaving", SERVING)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    server.add_insecure_port(f"0.0.0.0:{port}")
    server.start()
    server.wait_for_termination()


def ask(host, port):
    stub = health_pb2_grpc.HealthStub(grpc.insecure_channel(f"{host}:{port}"))
    request = health_pb2.HealthCheckRequest
    assert stub.Check(request(), timeout=TIMEOUT_S).status == SERVING
    try:
        stub.Check(request(service="nobody"), timeout=TIMEOUT_S)
        raise AssertionError("a service that nobody has is known")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND, error
    watch = stub.Watch(request(service="leaving"), timeout=TIMEOUT_S)
    assert next(watch).status == SERVING
    assert stub.Check(request(service="leaving"), timeout=TIMEOUT_S).status == SERVING
    assert next(watch).status == NOT_SERVING
    watch.cancel()
    print("healthy")


if sys.argv[1] == "server":
    serve(int(sys.argv[2]))
else:
    ask(sys.argv[2], sys.argv[3])
