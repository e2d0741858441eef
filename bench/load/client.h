/* One kept-alive HTTP/1.1 connection of a pod, with one request at a time; it is opened again by the next request when it broke. */
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HOST_MAX = 128, ANSWER_MAX = 4096, DUE_MAX = 2048, WISH_MAX = 128 };

/* What its requests are for. */
enum purpose { REST, ONCE, BURST, PROBE, WATCH, BACKGROUND };

struct answer {
  int status;
  char served_by[64];
  char rule[64];
};

struct client {
  int fd; /* -1: closed */
  int index;
  int pod; /* descriptor of its network namespace */
  struct sockaddr_in to;
  enum purpose purpose;
  bool connecting, busy;
  char host[HOST_MAX];
  double began; /* what the latency of the request in flight counts from */
  double next;  /* when the next is due; 0: at once */
  int left;     /* of a burst */
  bool want_rule;
  char wish[WISH_MAX]; /* what a watcher waits for: a rule's value, or some addresses */
  double due[DUE_MAX];
  int due_first, due_count;
  int used;
  char buffer[ANSWER_MAX];
};

static inline void enter(int namespace) {
  if (setns(namespace, CLONE_NEWNET) < 0) {
    perror("setns");
    exit(1);
  }
}

static inline void close_client(struct client* client) {
  if (client->fd >= 0) close(client->fd);
  client->fd = -1;
  client->busy = client->connecting = false;
  client->used = 0;
}

static inline bool connect_client(struct client* client, int poll_fd) {
  int one = 1;
  enter(client->pod);
  client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u64 = (uint64_t)client->index};
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, client->fd, &event);
  client->connecting = true;
  if (connect(client->fd, (struct sockaddr*)&client->to, sizeof client->to) == 0 || errno == EINPROGRESS) return true;
  close_client(client);
  return false;
}

static inline bool write_request(struct client* client) {
  char request[512];
  int length =
      snprintf(request, sizeof request, "GET /api/items HTTP/1.1\r\nhost: %s\r\nuser-agent: bench\r\naccept: */*\r\n\r\n", client->host);
  return send(client->fd, request, (size_t)length, MSG_NOSIGNAL) == length;
}

/* False when it could not even start; the client is closed then. */
static inline bool start_request(struct client* client, int poll_fd, double began) {
  client->began = began;
  client->busy = true;
  client->used = 0;
  if (client->fd < 0) {
    if (connect_client(client, poll_fd)) return client->busy = true;
    client->busy = false;
    return false;
  }
  if (client->connecting || write_request(client)) return true;
  close_client(client);
  return false;
}

static inline void copy_field(const char* head, const char* name, char* value, size_t room) {
  value[0] = '\0';
  const char* found = strcasestr(head, name);
  if (found == NULL) return;
  found += strlen(name);
  size_t length = strcspn(found, "\r");
  if (length >= room) length = room - 1;
  memcpy(value, found, length);
  value[length] = '\0';
}

enum progress { NOT_YET, ANSWERED, BROKEN };

/* Reads what is there, to the end of one answer. */
static inline enum progress read_answer(struct client* client, struct answer* answer) {
  for (;;) {
    if (client->used == ANSWER_MAX - 1) return BROKEN;
    ssize_t got = recv(client->fd, client->buffer + client->used, (size_t)(ANSWER_MAX - 1 - client->used), 0);
    if (got < 0) return errno == EAGAIN ? NOT_YET : BROKEN;
    if (got == 0 || !client->busy) return BROKEN;
    client->used += (int)got;
    client->buffer[client->used] = '\0';
    char* end = strstr(client->buffer, "\r\n\r\n");
    if (end == NULL) continue;
    char length[16];
    *end = '\0';
    copy_field(client->buffer, "\r\ncontent-length: ", length, sizeof length);
    copy_field(client->buffer, "\r\nx-served-by: ", answer->served_by, sizeof answer->served_by);
    copy_field(client->buffer, "\r\nx-rule: ", answer->rule, sizeof answer->rule);
    *end = '\r';
    if (client->used < end + 4 - client->buffer + atoi(length)) continue;
    answer->status = atoi(client->buffer + 9);
    client->busy = false;
    return ANSWERED;
  }
}
