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
int SocketIn(int netns, int family) {
  int fd = -1;
  std::thread([&] {
    if (netns >= 0 && setns(netns, CLONE_NEWNET) != 0)
      fd = -errno;
    else if ((fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0)
      fd = -errno;
  }).join();
  return fd;
}

Napi::Value Open(const Napi::CallbackInfo& info) {
  std::string path = info[0].As<Napi::String>();
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) Throw(info.Env(), errno, path);
  return Napi::Number::New(info.Env(), fd);
}

Napi::Value Cookie(const Napi::CallbackInfo& info) {
  int fd = SocketIn(info[0].As<Napi::Number>(), AF_INET);
  if (fd < 0) Throw(info.Env(), -fd, "enter the network namespace");
  uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  int error = getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) ? errno : 0;
  close(fd);
  if (error) Throw(info.Env(), error, "SO_NETNS_COOKIE");
  return Napi::String::New(info.Env(), std::to_string(cookie));
}

socklen_t Parse(const std::string& ip, uint16_t port, sockaddr_storage* out) {
  auto* four = reinterpret_cast<sockaddr_in*>(out);
  auto* six = reinterpret_cast<sockaddr_in6*>(out);
  if (inet_pton(AF_INET, ip.c_str(), &four->sin_addr) == 1) return four->sin_family = AF_INET, four->sin_port = htons(port), sizeof(*four);
  if (inet_pton(AF_INET6, ip.c_str(), &six->sin6_addr) == 1) return six->sin6_family = AF_INET6, six->sin6_port = htons(port), sizeof(*six);
  return 0;
}

int Prepare(int fd, const sockaddr_storage& at, socklen_t size, int mark, int backlog) {
  int one = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)))
    return errno;
  if (at.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one))) return errno;
  if (mark && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark))) return errno;
  if (bind(fd, reinterpret_cast<const sockaddr*>(&at), size) || listen(fd, backlog)) return errno;
  return 0;
}

Napi::Value Listen(const Napi::CallbackInfo& info) {
  std::string ip = info[1].As<Napi::String>();
  sockaddr_storage at{};
  socklen_t size = Parse(ip, static_cast<uint16_t>(info[2].As<Napi::Number>().Uint32Value()), &at);
  if (!size) Throw(info.Env(), EINVAL, ip);
  int fd = SocketIn(info[0].As<Napi::Number>(), at.ss_family);
  if (fd < 0) Throw(info.Env(), -fd, "open a socket in the network namespace");
  int error = Prepare(fd, at, size, info[3].As<Napi::Number>(), info[4].As<Napi::Number>());
  if (error) close(fd), Throw(info.Env(), error, "listen at " + ip);
  return Napi::Number::New(info.Env(), fd);
}

void Close(const Napi::CallbackInfo& info) { close(info[0].As<Napi::Number>()); }

// kernfs's file handle is the id that bpf_get_current_cgroup_id gives, and the inode on 64-bit machines.
Napi::Value CgroupId(const Napi::CallbackInfo& info) {
  std::string path = info[0].As<Napi::String>();
  struct stat found{};
  if (stat(path.c_str(), &found)) Throw(info.Env(), errno, path);
  return Napi::BigInt::New(info.Env(), static_cast<uint64_t>(found.st_ino));
}

// Whether the path still leads to this file: `nodeway cleanup` removes it while it holds the lock.
bool IsAt(int fd, const std::string& path) {
  struct stat opened{}, found{};
  return fstat(fd, &opened) == 0 && stat(path.c_str(), &found) == 0 && opened.st_ino == found.st_ino && opened.st_dev == found.st_dev;
}

// The descriptor that holds the lock; -1: another process does.
Napi::Value Lock(const Napi::CallbackInfo& info) {
  std::string path = info[0].As<Napi::String>();
  for (;;) {
    int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) Throw(info.Env(), errno, path);
    bool held = flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (held && IsAt(fd, path)) return Napi::Number::New(info.Env(), fd);
    close(fd);
    if (!held) return Napi::Number::New(info.Env(), -1);
  }
}
}  // namespace

void ExportNamespaces(Napi::Env env, Napi::Object exports) {
  exports["openNamespace"] = Napi::Function::New(env, Open);
  exports["namespaceCookie"] = Napi::Function::New(env, Cookie);
  exports["listenIn"] = Napi::Function::New(env, Listen);
  exports["closeFd"] = Napi::Function::New(env, Close);
  exports["cgroupId"] = Napi::Function::New(env, CgroupId);
  exports["lock"] = Napi::Function::New(env, Lock);
}
}  // namespace nodeway
