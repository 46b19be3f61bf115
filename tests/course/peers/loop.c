/* A bare loop, for comparison: it looks for the ends of heads, and answers each with the
   same bytes. It knows no limits, no half-written answers and no end, so it is no server;
   what it costs is what the system costs.

       cc -O2 -o target/peers/loop tests/course/peers/loop.c
       target/peers/loop 127.0.0.1:8080 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char answer[] =
    "HTTP/1.1 200 OK\r\n"
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    "Content-Type: text/html; charset=utf-8\r\n"
    "Content-Length: 21\r\n"
    "\r\n"
    "<h1>Hello, User!</h1>";

static int listen_on(const char *address)
{
    const char *colon = strrchr(address, ':');
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;
    struct sockaddr_in here = {.sin_family = AF_INET};
    here.sin_port = htons(atoi(colon ? colon + 1 : address));
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 4096)) {
        perror(address);
        exit(1);
    }
    socklen_t length = sizeof here;
    getsockname(listener, (struct sockaddr *)&here, &length);
    printf("Listening on port %d...\n", ntohs(here.sin_port));
    fflush(stdout);
    return listener;
}

static void answer_all(int client)
{
    static char received[65536], answers[1 << 20];
    ssize_t length = recv(client, received, sizeof received, 0);
    if (length <= 0) {
        if (length == 0 || errno != EAGAIN)
            close(client);
        return;
    }
    size_t filled = 0;
    char *rest = received, *end = received + length;
    while ((rest = memmem(rest, end - rest, "\r\n\r\n", 4))) {
        rest += 4;
        if (filled + sizeof answer <= sizeof answers) {
            memcpy(answers + filled, answer, sizeof answer - 1);
            filled += sizeof answer - 1;
        }
    }
    if (filled)
        send(client, answers, filled, MSG_NOSIGNAL);
}

int main(int count, char **arguments)
{
    int listener = listen_on(count > 1 ? arguments[1] : "127.0.0.1:8080"), yes = 1;
    int events = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, came[256];
    epoll_ctl(events, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int number = epoll_wait(events, came, 256, -1);
        for (int i = 0; i < number; i++) {
            int client = came[i].data.fd;
            if (client != listener) {
                answer_all(client);
                continue;
            }
            while ((client = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0) {
                setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
                event.data.fd = client;
                epoll_ctl(events, EPOLL_CTL_ADD, client, &event);
            }
        }
    }
}
