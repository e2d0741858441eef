/*
 * All backends of the configuration suite: one listener in a network namespace to which a whole range of addresses is local. Every
 * answer names the address that was asked, so a client sees which endpoint it got.
 */
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_MAX = 8192 };

struct backend {
  int fd;
  int used;
  int answer_length;
  char answer[128];
  char request[REQUEST_MAX];
};

static inline int listen_at(int port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (fd < 0 || bind(fd, (struct sockaddr*)&any, sizeof any) < 0 || listen(fd, 4096) < 0) {
    perror("the backends' listener");
    exit(1);
  }
  return fd;
}

/* Null when nobody is waiting. */
static inline struct backend* accept_backend(int listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
  if (fd < 0) return NULL;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct backend* backend = calloc(1, sizeof *backend);
  struct sockaddr_in own;
  socklen_t length = sizeof own;
  char address[INET_ADDRSTRLEN];
  getsockname(fd, (struct sockaddr*)&own, &length);
  inet_ntop(AF_INET, &own.sin_addr, address, sizeof address);
  backend->fd = fd;
  backend->answer_length =
      snprintf(backend->answer, sizeof backend->answer, "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nx-served-by: %s\r\n\r\nok\n", address);
  return backend;
}

static inline void close_backend(struct backend* backend) {
  close(backend->fd);
  free(backend);
}

/* Requests have no body. Answers are small, and at most one is unread: the socket takes them at once. */
static inline void serve_backend(struct backend* backend) {
  ssize_t got = recv(backend->fd, backend->request + backend->used, (size_t)(REQUEST_MAX - 1 - backend->used), 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) return close_backend(backend);
  backend->used += (int)got;
  backend->request[backend->used] = '\0';
  char *next = backend->request, *end;
  while ((end = strstr(next, "\r\n\r\n")) != NULL) {
    if (send(backend->fd, backend->answer, (size_t)backend->answer_length, MSG_NOSIGNAL) != backend->answer_length)
      return close_backend(backend);
    next = end + 4;
  }
  backend->used -= (int)(next - backend->request);
  memmove(backend->request, next, (size_t)backend->used);
}
