// What is attached where this agent's programs are or would be.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "addon.h"

namespace nodeway {
namespace {
constexpr uint32_t kMostPrograms = 64;  // BPF_CGROUP_MAX_PROGS

struct Hook {
  const char* name;
  bpf_attach_type type;
};
constexpr Hook kHooks[] = {
    {"nw_connect4", BPF_CGROUP_INET4_CONNECT},
    {"nw_connect6", BPF_CGROUP_INET6_CONNECT},
    {"nw_getpeername4", BPF_CGROUP_INET4_GETPEERNAME},
    {"nw_getpeername6", BPF_CGROUP_INET6_GETPEERNAME},
    {"nw_getsockname4", BPF_CGROUP_INET4_GETSOCKNAME},
    {"nw_getsockname6", BPF_CGROUP_INET6_GETSOCKNAME},
    {"nw_sockops", BPF_CGROUP_SOCK_OPS},
};

Napi::Object describeProgram(Napi::Env env, uint32_t id) {
  auto program = Napi::Object::New(env);
  bpf_prog_info info{};
  uint32_t size = sizeof(info);
  int fd = bpf_prog_get_fd_by_id(id);
  if (fd >= 0) {
    bpf_obj_get_info_by_fd(fd, &info, &size);
    close(fd);
  }
  program.Set("id", id);
  program.Set("name", std::string(info.name, strnlen(info.name, sizeof(info.name))));
  return program;
}

// What runs at the hook for the cgroup's own sockets, in order; null and an error if the kernel does not answer.
Napi::Object queryHook(Napi::Env env, const Hook& hook, int group) {
  auto found = Napi::Object::New(env);
  std::array<uint32_t, kMostPrograms> ids{};
  uint32_t count = kMostPrograms, flags = 0;
  int error = bpf_prog_query(group, hook.type, 0, &flags, ids.data(), &count) ? errno : 0;
  auto programs = Napi::Array::New(env);
  for (uint32_t at = 0; !error && at < count; at++) programs.Set(at, describeProgram(env, ids[at]));
  found.Set("hook", hook.name);
  found.Set("programs", programs);
  found.Set("exclusive", !error && count > 0 && !(flags & BPF_F_ALLOW_MULTI));
  found.Set("error", error ? strerror(error) : "");
  return found;
}

// (cgroup path)
Napi::Value queryHooks(const Napi::CallbackInfo& info) {
  std::string cgroup = Arguments(info, "queryHooks").text("cgroup");
  int group = open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (group < 0) throwErrno(info.Env(), errno, cgroup);
  auto hooks = Napi::Array::New(info.Env());
  uint32_t at = 0;
  for (const Hook& hook : kHooks) hooks.Set(at++, queryHook(info.Env(), hook, group));
  close(group);
  return hooks;
}

// Identifier of the program of a pinned link; 0: there is none.
Napi::Value pinnedProgram(const Napi::CallbackInfo& info) {
  std::string pin = Arguments(info, "pinnedProgram").text("pin");
  bpf_link_info link{};
  uint32_t size = sizeof(link);
  int fd = bpf_obj_get(pin.c_str());
  if (fd >= 0) {
    if (bpf_obj_get_info_by_fd(fd, &link, &size)) link.prog_id = 0;
    close(fd);
  }
  return Napi::Number::New(info.Env(), link.prog_id);
}

Napi::Value hasSocketLookup(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_SK_LOOKUP, nullptr) == 1);
}
}  // namespace

void exportHooks(Napi::Env env, Napi::Object exports) {
  exports["queryHooks"] = Napi::Function::New(env, queryHooks);
  exports["pinnedProgram"] = Napi::Function::New(env, pinnedProgram);
  exports["hasSocketLookup"] = Napi::Function::New(env, hasSocketLookup);
}
}  // namespace nodeway
