"""
A receiver of OTLP made from the official protobuf definitions: by gRPC, and by HTTP at /v1/traces and /v1/logs. GET /heard answers what
came, as JSON: a list of objects with `wire` (http or grpc) and `request`, the message with bytes in base64.

otlp-receiver.py HTTP_PORT GRPC_PORT
"""
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs, logs_service_pb2_grpc as logs_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces, trace_service_pb2_grpc as traces_grpc

heard = []
MESSAGES = {"/v1/traces": traces.ExportTraceServiceRequest, "/v1/logs": logs.ExportLogsServiceRequest}
ANSWERS = {"/v1/traces": traces.ExportTraceServiceResponse, "/v1/logs": logs.ExportLogsServiceResponse}


def hear(wire, message):
    heard.append({"wire": wire, "request": MessageToDict(message)})


class Traces(traces_grpc.TraceServiceServicer):
    def Export(self, request, context):
        hear("grpc", request)
        return traces.ExportTraceServiceResponse()


class Logs(logs_grpc.LogsServiceServicer):
    def Export(self, request, context):
        hear("grpc", request)
        return logs.ExportLogsServiceResponse()


class Http(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200, "application/json", json.dumps(heard).encode())

    def do_POST(self):
        body = self.body()
        if self.path not in MESSAGES or self.headers["content-type"] != "application/x-protobuf":
            return self.answer(415, "text/plain", b"")
        hear("http", MESSAGES[self.path].FromString(body))
        self.answer(200, "application/x-protobuf", ANSWERS[self.path]().SerializeToString())

    def body(self):
        if self.headers["transfer-encoding"] != "chunked":
            return self.rfile.read(int(self.headers["content-length"]))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


http_port, grpc_port = (int(word) for word in sys.argv[1:3])
server = grpc.server(ThreadPoolExecutor(max_workers=2))
traces_grpc.add_TraceServiceServicer_to_server(Traces(), server)
logs_grpc.add_LogsServiceServicer_to_server(Logs(), server)
server.add_insecure_port(f"127.0.0.1:{grpc_port}")
server.start()
ThreadingHTTPServer(("127.0.0.1", http_port), Http).serve_forever()
