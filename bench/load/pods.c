/*
 * Client pods and their backends in one thread, as network namespaces: `pods PORT BACKEND_NAMESPACE POD_NAMESPACE…`. Sockets are made
 * inside the namespaces, so all that leaves a pod is captured as the traffic of any program there.
 *
 * Commands come on stdin, one a line; C is the number of a client connection, P of a pod, from 0:
 *
 *   open C P IP PORT HOST       a connection that the next request opens; closes what C was
 *   host C HOST                 what it asks for from now on
 *   ask C                       one request        → answer C us status served-by rule
 *   burst C N                   N requests, half a millisecond between   → burst C
 *   probe C                     a request each millisecond, until it is told something else
 *   hosts HOST…                 more of those that the background asks for
 *   background RATE FROM TO     so many requests a second, at random times, over the connections FROM to TO - 1; 0: none
 *   watch C rule|address VALUE  a request each 2 ms until the answer is of that rule, or from one of these addresses → seen C ns
 *   rest C                      no more requests of its own
 *   report                      → report {…} of background and probes since the last one
 *
 * A connection that breaks → lost C; a request that got no answer → failed C. Latencies of background requests count from when they were
 * due. Times of `seen` are nanoseconds of CLOCK_MONOTONIC.
 */
#define _GNU_SOURCE
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include "backends.h"
#include "client.h"
#include "samples.h"

enum { CLIENTS_MAX = 1024, PODS_MAX = 256, BACKGROUND_HOSTS_MAX = 1024, EVENTS = 256 };
static const double PROBE_US = 1000, WATCH_US = 2000, BURST_US = 500, CONNECT_AGAIN_US = 20000;
static const uint64_t STDIN = UINT64_MAX, LISTENER = UINT64_MAX - 1;

static struct client clients[CLIENTS_MAX];
static int pods[PODS_MAX], pod_count, opened, poll_fd, listener;
static char background_hosts[BACKGROUND_HOSTS_MAX][HOST_MAX];
static int background_host_count, background_from, background_to;
static double background_rate, background_next;
static struct samples background, probes[CLIENTS_MAX];
static double latest_wake; /* how late this thread woke up, at worst: the measuring end's own share of a latency */

static double now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void broken(struct client* client, double now) {
  bool waited = client->busy;
  close_client(client);
  client->next = now + CONNECT_AGAIN_US;
  printf("lost %d\n", client->index);
  if (!waited) return;
  if (client->purpose == BACKGROUND) background.failed++;
  if (client->purpose == PROBE) probes[client->index].failed++;
  if (client->purpose != ONCE) return;
  client->purpose = REST;
  printf("failed %d\n", client->index);
}

static void request(struct client* client, double now, double began) {
  if (!start_request(client, poll_fd, began)) {
    client->busy = true;
    broken(client, now);
  }
}

static bool wished(const struct client* client, const struct answer* answer) {
  if (answer->status != 200) return false;
  if (client->want_rule) return strcmp(answer->rule, client->wish) == 0;
  return answer->served_by[0] != '\0' && strstr(client->wish, answer->served_by) != NULL;
}

static void answered(struct client* client, const struct answer* answer, double now) {
  double latency = now - client->began;
  switch (client->purpose) {
    case REST:
      break;
    case ONCE:
      client->purpose = REST;
      printf("answer %d %.0f %d %s %s\n", client->index, latency, answer->status, answer->served_by[0] ? answer->served_by : "-",
             answer->rule[0] ? answer->rule : "-");
      break;
    case BURST:
      client->next = now + BURST_US;
      if (--client->left > 0) break;
      client->purpose = REST;
      printf("burst %d\n", client->index);
      break;
    case PROBE:
      add_sample(&probes[client->index], latency);
      client->next = fmax(now, client->began + PROBE_US);
      if (answer->status != 200) probes[client->index].failed++;
      break;
    case WATCH:
      client->next = fmax(now, client->began + WATCH_US);
      if (!wished(client, answer)) break;
      client->purpose = REST;
      printf("seen %d %.0f\n", client->index, now * 1000);
      break;
    case BACKGROUND:
      add_sample(&background, latency);
      if (answer->status != 200) background.failed++;
      client->next = 0;
      break;
  }
}

static void on_client(struct client* client, uint32_t events) {
  double now = now_us();
  if (client->fd < 0) return;
  if (client->connecting) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return broken(client, now);
    if ((events & EPOLLOUT) == 0) return;
    client->connecting = false;
    if (client->busy && !write_request(client)) return broken(client, now);
  }
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
  struct answer answer;
  switch (read_answer(client, &answer)) {
    case NOT_YET:
      return;
    case BROKEN:
      return broken(client, now);
    case ANSWERED:
      return answered(client, &answer, now);
  }
}

/* Requests that are due find a free connection, or wait at one. */
static void add_background(double now) {
  for (; background_rate > 0 && background_next <= now; background_next -= log(1 - drand48()) * 1e6 / background_rate) {
    struct client* client = &clients[background_from + lrand48() % (background_to - background_from)];
    if (client->due_count == DUE_MAX) {
      background.failed++;
      continue;
    }
    client->due[(client->due_first + client->due_count++) % DUE_MAX] = background_next;
  }
}

static void send_background(struct client* client, double now) {
  if (client->due_count == 0) return;
  double due = client->due[client->due_first];
  client->due_first = (client->due_first + 1) % DUE_MAX;
  client->due_count--;
  memcpy(client->host, background_hosts[lrand48() % background_host_count], HOST_MAX);
  request(client, now, due);
}

/* Sends what is due; returns when the next is. */
static double send_due(double now) {
  double next = now + 1e6;
  add_background(now);
  if (background_rate > 0) next = fmin(next, background_next);
  for (int index = 0; index < opened; index++) {
    struct client* client = &clients[index];
    if (client->busy || client->purpose == REST) continue;
    if (client->purpose == BACKGROUND && client->due_count == 0) continue;
    if (client->next > now) {
      next = fmin(next, client->next);
    } else if (client->purpose == BACKGROUND) {
      send_background(client, now);
    } else {
      request(client, now, now);
    }
  }
  return next;
}

static void report(void) {
  printf("report {\"background\":");
  flush_samples(&background);
  printf(",\"latestWakeUs\":%.0f,\"probes\":{", latest_wake);
  latest_wake = 0;
  const char* separator = "";
  for (int index = 0; index < opened; index++) {
    if (probes[index].count + (size_t)probes[index].failed == 0) continue;
    printf("%s\"%d\":", separator, index);
    flush_samples(&probes[index]);
    separator = ",";
  }
  printf("}}\n");
}

static void open_client(int index, int pod, const char* ip, int port, const char* host) {
  struct client* client = &clients[index];
  if (index < opened) close_client(client);
  for (; opened <= index; opened++) clients[opened] = (struct client){.fd = -1, .index = opened};
  client->pod = pods[pod];
  client->purpose = REST;
  client->next = 0;
  client->due_count = 0;
  client->to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  inet_pton(AF_INET, ip, &client->to.sin_addr);
  snprintf(client->host, sizeof client->host, "%s", host);
}

static void give(int index, enum purpose purpose, double next) {
  clients[index].purpose = purpose;
  clients[index].next = next;
}

static void set_background(double rate, int from, int to) {
  background_rate = rate;
  background_from = from;
  background_to = to;
  background_next = now_us();
  for (int index = from; index < to; index++) give(index, rate > 0 ? BACKGROUND : REST, 0);
  for (int index = from; index < to; index++) clients[index].due_count = 0;
}

static void add_hosts(char* words) {
  for (char* host = strtok(words, " "); host != NULL && background_host_count < BACKGROUND_HOSTS_MAX; host = strtok(NULL, " ")) {
    snprintf(background_hosts[background_host_count++], HOST_MAX, "%s", host);
  }
}

static void obey(char* line) {
  int c = 0, a = 0, b = 0;
  double rate;
  char word[HOST_MAX], text[HOST_MAX];
  if (sscanf(line, "open %d %d %63s %d %127s", &c, &a, word, &b, text) == 5) return open_client(c, a, word, b, text);
  if (sscanf(line, "host %d %127s", &c, text) == 2) {
    snprintf(clients[c].host, HOST_MAX, "%s", text);
    return;
  }
  if (sscanf(line, "ask %d", &c) == 1) return give(c, ONCE, 0);
  if (sscanf(line, "burst %d %d", &c, &a) == 2) {
    clients[c].left = a;
    return give(c, BURST, 0);
  }
  if (sscanf(line, "probe %d", &c) == 1) return give(c, PROBE, 0);
  if (sscanf(line, "rest %d", &c) == 1) return give(c, REST, 0);
  if (sscanf(line, "background %lf %d %d", &rate, &a, &b) == 3) return set_background(rate, a, b);
  if (sscanf(line, "watch %d %15s %127s", &c, word, text) == 3) {
    clients[c].want_rule = strcmp(word, "rule") == 0;
    snprintf(clients[c].wish, WISH_MAX, "%s", text);
    return give(c, WATCH, 0);
  }
  if (strncmp(line, "hosts ", 6) == 0) return add_hosts(line + 6);
  if (strcmp(line, "report") == 0) return report();
  printf("unknown %s\n", line);
}

/* False at the end of stdin. */
static bool read_commands(void) {
  static char text[1 << 16];
  static size_t used;
  ssize_t got = read(0, text + used, sizeof text - 1 - used);
  if (got <= 0) return got < 0 && errno == EAGAIN;
  used += (size_t)got;
  text[used] = '\0';
  char *line = text, *end;
  for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
    *end = '\0';
    obey(line);
  }
  used -= (size_t)(line - text);
  memmove(text, line, used);
  return true;
}

static void accept_all(void) {
  for (struct backend* backend; (backend = accept_backend(listener)) != NULL;) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = backend};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, backend->fd, &event);
  }
}

/* False at the end. */
static bool turn(void) {
  struct epoll_event events[EVENTS];
  double now = now_us(), next = send_due(now);
  fflush(stdout);
  double pause = fmax(0, next - now_us());
  struct timespec timeout = {.tv_sec = (time_t)(pause / 1e6), .tv_nsec = (long)(fmod(pause, 1e6) * 1e3)};
  int count = epoll_pwait2(poll_fd, events, EVENTS, &timeout, NULL);
  if (count == 0) latest_wake = fmax(latest_wake, now_us() - next);
  for (int at = 0; at < count; at++) {
    uint64_t who = events[at].data.u64;
    if (who == STDIN) {
      if (!read_commands()) return false;
    } else if (who == LISTENER) {
      accept_all();
    } else if (who < CLIENTS_MAX) {
      on_client(&clients[who], events[at].events);
    } else {
      serve_backend(events[at].data.ptr);
    }
  }
  return true;
}

static int namespace_at(const char* path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd >= 0) return fd;
  perror(path);
  exit(1);
}

int main(int count, char** words) {
  if (count < 4 || count - 3 > PODS_MAX) return fprintf(stderr, "usage: pods PORT BACKEND_NAMESPACE POD_NAMESPACE…\n"), 2;
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  signal(SIGPIPE, SIG_IGN);
  poll_fd = epoll_create1(EPOLL_CLOEXEC);
  enter(namespace_at(words[2]));
  listener = listen_at(atoi(words[1]));
  for (int word = 3; word < count; word++) pods[pod_count++] = namespace_at(words[word]);
  fcntl(0, F_SETFL, O_NONBLOCK);
  struct epoll_event commands = {.events = EPOLLIN, .data.u64 = STDIN}, accepts = {.events = EPOLLIN, .data.u64 = LISTENER};
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, 0, &commands);
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &accepts);
  printf("ready\n");
  while (turn()) continue;
  return 0;
}
