/*
 * HTTP/1.1 load generator and upstream in one thread that never sleeps: neither end ever has to be woken, so a proxy between them is
 * charged for its own work only, and both ends need just one core. Arguments are KEY=VALUE:
 *
 *   target=IP:PORT  where clients connect            listen=IP:PORT  where the upstream answers
 *   conns=64        client connections               resp=100        bytes of body in every answer
 *   rate=0          requests per second, Poisson;    secs=2 warm=0.3 measured time, and time before it that is not
 *                   0: closed loop                   path= header=   of the request
 *   churn=0         1: a connection for each request hold=0          1: one request on each connection, then keep all of them
 *                                                                    open, say so on stdout, and wait for the end of stdin
 *
 * In an open loop a latency counts from when the request was due, not from when a connection was free to take it: a proxy that stalls
 * may not stop the clock. One line of JSON is printed at the end; times are microseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FDS = 65536, HEAD_MAX = 8192, EVENTS = 512, RECEIVE_MAX = 1 << 20, DUE_MAX = 1 << 20, HOLD_PARALLEL = 64 };
/* A quarter of a microsecond each, up to half a second; the last one takes what is longer. */
enum { BINS = 2000000, BINS_PER_US = 4 };
static const double GRACE_US = 500000;

enum role { CLOSED, CLIENT, UPSTREAM };

struct connection {
  enum role role;
  bool connecting;
  bool busy; /* a request is in flight */
  bool in_body;
  int64_t body_left;
  double due;     /* when its request should have been sent */
  int owed;       /* answers that are not completely written */
  size_t written; /* of the first of those */
  int head_length;
  char head[HEAD_MAX];
};

struct options {
  struct sockaddr_in target, listen;
  int conns;
  double rate, secs, warm;
  long resp;
  bool churn, hold;
  const char *path, *header;
};

static struct options options;
static struct connection* connections[MAX_FDS];
static int epoll_fd, listen_fd;
static char request[4096], *answer, *received;
static size_t request_length, answer_length;
static int *idle, idle_count, in_flight, opened;
static double* due;
static unsigned due_first, due_end;
static double window_start, window_end;
static bool stopping;

static uint32_t* histogram;
static long measured, total, failed, upstream_requests, upstream_connections;
static double latency_sum;

static double now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void die(const char* what) {
  perror(what);
  exit(2);
}

static void watch(int fd, uint32_t events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event)) die("epoll_ctl");
}

static struct connection* adopt(int fd, enum role role) {
  if (fd >= MAX_FDS) die("too many descriptors");
  if (!connections[fd]) connections[fd] = malloc(sizeof(struct connection));
  struct connection* c = connections[fd];
  memset(c, 0, offsetof(struct connection, head));
  c->role = role;
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return c;
}

static void drop(int fd, struct connection* c) {
  c->role = CLOSED;
  close(fd);
}

/* ---- upstream ---- */

static void flush_answers(int fd, struct connection* c) {
  while (c->owed) {
    const ssize_t n = send(fd, answer + c->written, answer_length - c->written, MSG_NOSIGNAL);
    if (n < 0) return;
    c->written += n;
    if (c->written < answer_length) continue;
    c->written = 0;
    c->owed--;
  }
}

static void take_requests(struct connection* c) {
  char *start = c->head, *end = c->head + c->head_length, *blank;
  while ((blank = memmem(start, end - start, "\r\n\r\n", 4))) {
    upstream_requests++;
    c->owed++;
    start = blank + 4;
  }
  memmove(c->head, start, end - start);
  c->head_length = end - start;
}

static void serve(int fd, struct connection* c, uint32_t events) {
  for (;;) {
    const int room = HEAD_MAX - c->head_length;
    const int n = recv(fd, c->head + c->head_length, room, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) return drop(fd, c);
    if (n < 0) break;
    c->head_length += n;
    take_requests(c);
    /* The socket is drained, unless its end has been announced as well. */
    if (n < room && !(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))) break;
  }
  flush_answers(fd, c);
}

static void accept_all(void) {
  int fd;
  while ((fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    adopt(fd, UPSTREAM);
    upstream_connections++;
    watch(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  }
}

/* ---- clients ---- */

static void send_request(int fd, struct connection* c, double when) {
  c->due = when;
  c->busy = true;
  c->head_length = 0;
  in_flight++;
  if (send(fd, request, request_length, MSG_NOSIGNAL) != (ssize_t)request_length) failed++;
}

static int open_client(bool blocking) {
  const int fd = socket(AF_INET, SOCK_STREAM | (blocking ? 0 : SOCK_NONBLOCK), 0);
  if (fd < 0) die("socket");
  if (connect(fd, (struct sockaddr*)&options.target, sizeof options.target) && errno != EINPROGRESS) die("connect");
  struct connection* c = adopt(fd, CLIENT);
  c->connecting = !blocking;
  watch(fd, EPOLLIN | (blocking ? 0 : EPOLLOUT) | EPOLLRDHUP | EPOLLET);
  opened++;
  return fd;
}

static void open_for_one_request(double when) {
  const int fd = open_client(false);
  connections[fd]->due = when;
  in_flight++;
}

static void finish_request(int fd, struct connection* c) {
  const double end = now_us();
  total++;
  if (end > window_start && end <= window_end) {
    const double latency = end - c->due;
    const int64_t bin = latency < 0 ? 0 : (int64_t)(latency * BINS_PER_US);
    histogram[bin < BINS ? bin : BINS - 1]++;
    latency_sum += latency;
    measured++;
  }
  c->busy = c->in_body = false;
  c->head_length = 0;
  in_flight--;
  if (!options.churn) idle[idle_count++] = fd;
}

static void forget_idle(int fd) {
  for (int i = 0; i < idle_count; i++) {
    if (idle[i] != fd) continue;
    idle[i] = idle[--idle_count];
    return;
  }
}

/* The proxy closed. That is the expected end of a connection for one request, once its answer is complete. */
static void client_ended(int fd, struct connection* c) {
  if (c->busy || !options.churn) failed++;
  if (c->busy) in_flight--;
  if (!c->busy && !options.churn) forget_idle(fd);
  drop(fd, c);
  if (!options.churn && !options.hold && !stopping) idle[idle_count++] = open_client(true);
}

/* Returns how many of the bytes belonged to the head. */
static int take_head(struct connection* c, const char* bytes, int length) {
  const int before = c->head_length, room = HEAD_MAX - 1 - before, taken = length < room ? length : room;
  memcpy(c->head + before, bytes, taken);
  c->head_length += taken;
  c->head[c->head_length] = 0;
  const char* end = memmem(c->head, c->head_length, "\r\n\r\n", 4);
  if (!end) return length;
  if (memcmp(c->head, "HTTP/1.1 200", 12)) failed++;
  const char* field = strcasestr(c->head, "\r\ncontent-length:");
  if (!field || field > end) failed++;
  c->body_left = field && field < end ? atol(field + 17) : 0;
  c->in_body = true;
  return end + 4 - c->head - before;
}

static void receive_answer(int fd, struct connection* c, uint32_t events) {
  if (c->connecting) {
    if (events & (EPOLLERR | EPOLLHUP)) {
      failed++;
      in_flight--;
      return drop(fd, c);
    }
    if (!(events & EPOLLOUT)) return;
    c->connecting = false;
    in_flight--;
    send_request(fd, c, c->due);
  }
  if (!(events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))) return;
  for (;;) {
    const int n = recv(fd, received, RECEIVE_MAX, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return client_ended(fd, c);
    const int head = c->in_body ? 0 : take_head(c, received, n);
    if (!c->in_body) continue;
    c->body_left -= n - head;
    if (c->body_left <= 0 && c->busy) finish_request(fd, c);
  }
}

/* ---- the loop ---- */

static void offer_open_loop(double t) {
  static double next;
  if (next == 0) next = t;
  for (; next <= t; next += -log(1 - drand48()) * 1e6 / options.rate) {
    if (due_end - due_first == DUE_MAX)
      failed++;
    else
      due[due_end++ % DUE_MAX] = next;
  }
  while (idle_count && due_first != due_end) {
    const int fd = idle[--idle_count];
    send_request(fd, connections[fd], due[due_first++ % DUE_MAX]);
  }
}

static void offer(double t) {
  if (options.hold) {
    while (opened < options.conns && in_flight < HOLD_PARALLEL) {
      const int fd = open_client(true);
      send_request(fd, connections[fd], t);
    }
  } else if (options.churn) {
    while (in_flight < options.conns) open_for_one_request(t);
  } else if (options.rate > 0) {
    offer_open_loop(t);
  } else {
    while (idle_count) {
      const int fd = idle[--idle_count];
      send_request(fd, connections[fd], t);
    }
  }
}

static bool finished(double t) {
  if (options.hold) return (opened == options.conns && in_flight == 0) || t > window_end;
  if (t <= window_end) return false;
  stopping = true;
  return in_flight == 0 || t > window_end + GRACE_US;
}

/* Returns the share of the time in which there was nothing to do: the generator's own head-room. */
static double run(void) {
  const double start = now_us();
  double empty = 0, t;
  struct epoll_event events[EVENTS];
  window_start = start + options.warm * 1e6;
  window_end = window_start + options.secs * 1e6;
  while (!finished(t = now_us())) {
    if (!stopping) offer(t);
    const int count = epoll_wait(epoll_fd, events, EVENTS, 0);
    if (count == 0) empty += now_us() - t;
    for (int i = 0; i < count; i++) {
      const int fd = events[i].data.fd;
      struct connection* c = connections[fd];
      if (fd == listen_fd)
        accept_all();
      else if (c->role == UPSTREAM)
        serve(fd, c, events[i].events);
      else if (c->role == CLIENT)
        receive_answer(fd, c, events[i].events);
    }
  }
  return empty / (t - start);
}

static void hold_until_stdin_ends(void) {
  printf("{\"held\":%d,\"failed\":%ld}\n", idle_count, failed);
  fflush(stdout);
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) continue;
  for (int i = 0; i < idle_count; i++)
    if (recv(idle[i], &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0) failed++;
}

/* ---- set-up and report ---- */

static struct sockaddr_in address(const char* text) {
  struct sockaddr_in a = {.sin_family = AF_INET};
  const char* colon = strrchr(text, ':');
  char host[64] = {0};
  if (!colon || colon - text >= (ptrdiff_t)sizeof host) errno = EINVAL, die(text);
  memcpy(host, text, colon - text);
  if (inet_pton(AF_INET, host, &a.sin_addr) != 1) errno = EINVAL, die(text);
  a.sin_port = htons(atoi(colon + 1));
  return a;
}

static const char* argument(char** argv, const char* name, const char* otherwise) {
  const size_t length = strlen(name);
  for (; *argv; argv++)
    if (!strncmp(*argv, name, length) && (*argv)[length] == '=') return *argv + length + 1;
  return otherwise;
}

static void read_options(char** argv) {
  options = (struct options){
      .target = address(argument(argv, "target", "127.0.0.1:8080")),
      .listen = address(argument(argv, "listen", "127.0.0.1:9000")),
      .conns = atoi(argument(argv, "conns", "64")),
      .rate = atof(argument(argv, "rate", "0")),
      .secs = atof(argument(argv, "secs", "2")),
      .warm = atof(argument(argv, "warm", "0.3")),
      .resp = atol(argument(argv, "resp", "100")),
      .churn = atoi(argument(argv, "churn", "0")),
      .hold = atoi(argument(argv, "hold", "0")),
      .path = argument(argv, "path", "/"),
      .header = argument(argv, "header", "accept: */*"),
  };
}

static void compose_messages(void) {
  request_length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: service\r\n%s\r\n%s\r\n", options.path, options.header,
                            options.churn ? "Connection: close\r\n" : "");
  answer = malloc(512 + options.resp);
  const int head = snprintf(answer, 512,
                            "HTTP/1.1 200 OK\r\nServer: upstream\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
                            "Content-Type: text/plain\r\nContent-Length: %ld\r\n\r\n",
                            options.resp);
  memset(answer + head, 'x', options.resp);
  answer_length = head + options.resp;
}

static void set_up(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  srand48(getpid());
  compose_messages();
  received = malloc(RECEIVE_MAX);
  idle = malloc(sizeof *idle * (options.conns + 1));
  due = malloc(sizeof *due * DUE_MAX);
  histogram = calloc(BINS, sizeof *histogram);
  epoll_fd = epoll_create1(0);
  listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listen_fd, (struct sockaddr*)&options.listen, sizeof options.listen) || listen(listen_fd, 4096)) die("listen");
  watch(listen_fd, EPOLLIN);
  if (!options.churn && !options.hold)
    for (int i = 0; i < options.conns; i++) idle[idle_count++] = open_client(true);
}

static double percentile(double share) {
  long seen = 0;
  for (int bin = 0; bin < BINS; bin++)
    if ((seen += histogram[bin]) >= measured * share) return (double)bin / BINS_PER_US;
  return 0;
}

static double cpu_seconds(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char** argv) {
  (void)argc;
  signal(SIGPIPE, SIG_IGN);
  read_options(argv + 1);
  set_up();
  const double idle_share = run();
  if (options.hold) hold_until_stdin_ends();
  printf("{\"total\":%ld,\"rps\":%.1f,\"mean\":%.2f,\"p50\":%.2f,\"p99\":%.2f,\"p999\":%.2f,\"failed\":%ld,\"unfinished\":%d,", total,
         measured / options.secs, measured ? latency_sum / measured : 0, percentile(.5), percentile(.99), percentile(.999), failed,
         in_flight);
  printf("\"upstreamRequests\":%ld,\"upstreamConnections\":%ld,\"idleShare\":%.3f,\"cpuSeconds\":%.4f}\n", upstream_requests,
         upstream_connections, idle_share, cpu_seconds());
  return 0;
}
