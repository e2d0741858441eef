"""Opens listening sockets that share a port, and becomes the command given, which inherits them: COUNT COMMAND..."""
import os
import socket
import sys

listeners = []
port = 0
for _ in range(int(sys.argv[1])):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(4096)
    listener.setblocking(False)
    port = listener.getsockname()[1]
    listener.set_inheritable(True)
    listeners.append(listener)
os.environ["NODEWAY_TEST_LISTENERS"] = ",".join(str(listener.fileno()) for listener in listeners)
os.environ["NODEWAY_TEST_PORT"] = str(port)
os.execvp(sys.argv[2], sys.argv[2:])
