"""How the system deals clients out to two listeners of one port (SO_REUSEPORT, Linux).

    python3 tests/course/measure/balance.py
"""

import socket

ROUNDS = 200


def accepted(listener):
    count = 0
    while True:
        try:
            listener.accept()[0].close()
            count += 1
        except BlockingIOError:
            return count


def fuller_of_two(clients):
    listeners, port = [], 0
    for _ in range(2):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", port))
        port = listener.getsockname()[1]
        listener.listen(512)
        listener.setblocking(False)
        listeners.append(listener)
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(clients)]
    most = max(accepted(listener) for listener in listeners)
    for open_socket in connections + listeners:
        open_socket.close()
    return most


print("              the fuller one has   in one of twenty times   at the most")
for clients in (16, 128):
    most = sorted(fuller_of_two(clients) for _ in range(ROUNDS))
    row = (most[ROUNDS // 2], most[ROUNDS * 19 // 20], most[-1])
    print(f"{clients:3} clients {row[0]:20} {row[1]:24} {row[2]:13}")
