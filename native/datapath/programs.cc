#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <memory>

#include "addon.h"
#include "inbound.skel.h"
#include "outbound.skel.h"
#include "signals_held.h"

namespace nodeway {
namespace {
constexpr size_t kMostSaid = 2000;
// What libbpf printed during one call. Of a refusal by the verifier only the end is kept, which has the reason.
thread_local std::string said;

int keepSaid(libbpf_print_level level, const char* format, va_list values) {
  if (level != LIBBPF_WARN) return 0;
  char line[4096];
  int size = vsnprintf(line, sizeof(line), format, values);
  said.append(line);
  if (said.size() > kMostSaid) said.erase(0, said.size() - kMostSaid);
  return size;
}

[[noreturn]] void refuse(Napi::Env env, int error, const std::string& what) {
  while (!said.empty() && said.back() == '\n') said.pop_back();
  throwErrno(env, error, said.empty() ? what : what + " (" + said + ")");
}

// Zero or a negative errno.
template <typename Skeleton>
int loadUndisturbed(Skeleton* skeleton, int (*load)(Skeleton*)) {
  const SignalsHeld held;
  return load(skeleton);
}

void pinMaps(bpf_object* object, const std::string& directory) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (!bpf_map__is_internal(map)) bpf_map__set_pin_path(map, (directory + "/" + bpf_map__name(map)).c_str());
  }
}

// A cgroup's id is its inode. An agent with another cgroup than its predecessor must not adopt the predecessor's links.
bool attachedElsewhere(const bpf_link* link, uint64_t cgroup) {
  bpf_link_info info{};
  uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(bpf_link__fd(link), &info, &size)) return true;
  return info.type == BPF_LINK_TYPE_CGROUP && info.cgroup.cgroup_id != cgroup;
}

// Takes over a pinned link with this build's program, or attaches and pins a new one. Zero or a negative errno.
// `cgroup` is the id of the cgroup to attach to; unused for other hooks.
template <typename Attach>
int hold(bpf_program* program, const std::string& pin, uint64_t cgroup, Attach attach) {
  if (bpf_link* old = access(pin.c_str(), F_OK) == 0 ? bpf_link__open(pin.c_str()) : nullptr) {
    bool adopted = !attachedElsewhere(old, cgroup) && bpf_link__update_program(old, program) == 0;
    bpf_link__destroy(old);
    if (adopted) return 0;
  }
  unlink(pin.c_str());
  bpf_link* link = attach();
  if (!link) return -errno;
  int error = bpf_link__pin(link, pin.c_str());
  bpf_link__destroy(link);
  return error;
}

using Outbound = std::unique_ptr<outbound_bpf, decltype(&outbound_bpf__destroy)>;

// Empty, with errno and what libbpf said, where it does not load.
Outbound loadedOutbound(const std::string& directory, bool findsMultipath) {
  said.clear();
  Outbound skeleton(outbound_bpf__open(), outbound_bpf__destroy);
  if (!skeleton) return skeleton;
  // nw_inbound is not used by these programs; declared so that one load pins all.
  pinMaps(skeleton->obj, directory);
  skeleton->rodata->finds_multipath = findsMultipath;
  if (const int error = loadUndisturbed(skeleton.get(), outbound_bpf__load)) {
    skeleton.reset();
    errno = -error;
  }
  return skeleton;
}

// (directory, cgroup path) → descriptors of the maps by name.
Napi::Value loadOutbound(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "loadOutbound");
  const std::string directory = arguments.text("directory");
  const std::string cgroup = arguments.text("cgroup");
  Outbound skeleton = loadedOutbound(directory, true);
  // The verifier of a kernel that does not tell the Multipath TCP socket of a subflow refuses the question.
  if (!skeleton) skeleton = loadedOutbound(directory, false);
  if (!skeleton) refuse(info.Env(), errno, "load the outbound programs");
  int group = open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  struct stat at{};
  if (group < 0 || fstat(group, &at)) refuse(info.Env(), errno, cgroup);
  int error = 0;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton->obj) {
    std::string pin = directory + "/link_" + bpf_program__name(program);
    if (!error) error = hold(program, pin, at.st_ino, [&] { return bpf_program__attach_cgroup(program, group); });
  }
  close(group);
  if (error) refuse(info.Env(), -error, "attach to " + cgroup);
  auto maps = Napi::Object::New(info.Env());
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton->obj) {
    if (!bpf_map__is_internal(map)) maps.Set(bpf_map__name(map), fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 3));
  }
  return maps;
}

// (directory, netns, cookie)
void loadInbound(const Napi::CallbackInfo& info) {
  said.clear();
  Arguments arguments(info, "loadInbound");
  const std::string directory = arguments.text("directory");
  const int netns = arguments.integer("netns");
  const uint64_t cookieNumber = arguments.decimal("cookie");
  const std::string cookie = std::to_string(cookieNumber);
  std::unique_ptr<inbound_bpf, decltype(&inbound_bpf__destroy)> skeleton(inbound_bpf__open(), inbound_bpf__destroy);
  if (!skeleton) refuse(info.Env(), errno, "open the inbound program");
  pinMaps(skeleton->obj, directory);
  skeleton->rodata->pod_cookie = cookieNumber;
  if (int error = loadUndisturbed(skeleton.get(), inbound_bpf__load)) refuse(info.Env(), -error, "load the inbound program");
  auto* program = skeleton->progs.nw_sk_lookup;
  int error = hold(program, directory + "/pod_" + cookie, 0, [&] { return bpf_program__attach_netns(program, netns); });
  if (error) refuse(info.Env(), -error, "attach to the pod's network namespace");
}

void mountBpffs(const Napi::CallbackInfo& info) {
  if (mount("bpffs", "/sys/fs/bpf", "bpf", 0, "mode=0700")) throwErrno(info.Env(), errno, "mount /sys/fs/bpf");
}

void unmountBpffs(const Napi::CallbackInfo& info) {
  if (umount("/sys/fs/bpf")) throwErrno(info.Env(), errno, "unmount /sys/fs/bpf");
}
}  // namespace

void exportPrograms(Napi::Env env, Napi::Object exports) {
  libbpf_set_print(keepSaid);
  exports["abi"] = Napi::String::New(env, ABI_HASH);
  exports["possibleCpus"] = Napi::Number::New(env, libbpf_num_possible_cpus());
  exports["loadOutbound"] = Napi::Function::New(env, loadOutbound);
  exports["loadInbound"] = Napi::Function::New(env, loadInbound);
  exports["mountBpffs"] = Napi::Function::New(env, mountBpffs);
  exports["unmountBpffs"] = Napi::Function::New(env, unmountBpffs);
}
}  // namespace nodeway
