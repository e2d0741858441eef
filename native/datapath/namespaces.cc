#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "addon.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

namespace nodeway {
namespace {
// Runs on a thread of its own, so that the namespace is left when the thread ends. Returns a descriptor or a negative errno.
int socketIn(int netns, int family) {
  int fd = -1;
  std::thread([&] {
    if (netns >= 0 && setns(netns, CLONE_NEWNET) != 0)
      fd = -errno;
    else if ((fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0)
      fd = -errno;
  }).join();
  return fd;
}

Napi::Value openNamespace(const Napi::CallbackInfo& info) {
  std::string path = Arguments(info, "openNamespace").text("path");
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throwErrno(info.Env(), errno, path);
  return Napi::Number::New(info.Env(), fd);
}

Napi::Value namespaceCookie(const Napi::CallbackInfo& info) {
  int fd = socketIn(Arguments(info, "namespaceCookie").integer("netns"), AF_INET);
  if (fd < 0) throwErrno(info.Env(), -fd, "enter the network namespace");
  uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  int error = getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) ? errno : 0;
  close(fd);
  if (error) throwErrno(info.Env(), error, "SO_NETNS_COOKIE");
  return Napi::String::New(info.Env(), std::to_string(cookie));
}

socklen_t parse(const std::string& ip, uint16_t port, sockaddr_storage* out) {
  auto* four = reinterpret_cast<sockaddr_in*>(out);
  auto* six = reinterpret_cast<sockaddr_in6*>(out);
  if (inet_pton(AF_INET, ip.c_str(), &four->sin_addr) == 1) return four->sin_family = AF_INET, four->sin_port = htons(port), sizeof(*four);
  if (inet_pton(AF_INET6, ip.c_str(), &six->sin6_addr) == 1) return six->sin6_family = AF_INET6, six->sin6_port = htons(port), sizeof(*six);
  return 0;
}

int prepare(int fd, const sockaddr_storage& at, socklen_t size, int mark, int backlog) {
  int one = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)))
    return errno;
  if (at.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one))) return errno;
  if (mark && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark))) return errno;
  if (bind(fd, reinterpret_cast<const sockaddr*>(&at), size) || listen(fd, backlog)) return errno;
  return 0;
}

Napi::Value listenIn(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "listenIn");
  const int netns = arguments.integer("netns");
  const std::string ip = arguments.text("address");
  const uint16_t port = arguments.port("port");
  const int mark = arguments.integer("mark");
  const int backlog = arguments.integer("backlog");
  sockaddr_storage at{};
  socklen_t size = parse(ip, port, &at);
  if (!size) throwErrno(info.Env(), EINVAL, ip);
  int fd = socketIn(netns, at.ss_family);
  if (fd < 0) throwErrno(info.Env(), -fd, "open a socket in the network namespace");
  int error = prepare(fd, at, size, mark, backlog);
  if (error) close(fd), throwErrno(info.Env(), error, "listen at " + ip);
  return Napi::Number::New(info.Env(), fd);
}

void closeFd(const Napi::CallbackInfo& info) { close(Arguments(info, "closeFd").integer("fd")); }

// kernfs's file handle is the id that bpf_get_current_cgroup_id gives, and the inode on 64-bit machines.
Napi::Value cgroupId(const Napi::CallbackInfo& info) {
  std::string path = Arguments(info, "cgroupId").text("path");
  struct stat found{};
  if (stat(path.c_str(), &found)) throwErrno(info.Env(), errno, path);
  return Napi::BigInt::New(info.Env(), static_cast<uint64_t>(found.st_ino));
}

// Whether the path still leads to this file: `nodeway cleanup` removes it while it holds the lock.
bool isAt(int fd, const std::string& path) {
  struct stat opened{}, found{};
  return fstat(fd, &opened) == 0 && stat(path.c_str(), &found) == 0 && opened.st_ino == found.st_ino && opened.st_dev == found.st_dev;
}

// The descriptor that holds the lock; -1: another process does.
Napi::Value lock(const Napi::CallbackInfo& info) {
  std::string path = Arguments(info, "lock").text("path");
  for (;;) {
    int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) throwErrno(info.Env(), errno, path);
    bool held = flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (held && isAt(fd, path)) return Napi::Number::New(info.Env(), fd);
    close(fd);
    if (!held) return Napi::Number::New(info.Env(), -1);
  }
}
}  // namespace

void exportNamespaces(Napi::Env env, Napi::Object exports) {
  exports["openNamespace"] = Napi::Function::New(env, openNamespace);
  exports["namespaceCookie"] = Napi::Function::New(env, namespaceCookie);
  exports["listenIn"] = Napi::Function::New(env, listenIn);
  exports["closeFd"] = Napi::Function::New(env, closeFd);
  exports["cgroupId"] = Napi::Function::New(env, cgroupId);
  exports["lock"] = Napi::Function::New(env, lock);
}
}  // namespace nodeway
