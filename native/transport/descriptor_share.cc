#include "descriptor_share.h"

#include <sys/resource.h>

#include <algorithm>
#include <limits>

namespace nodeway::transport {

namespace {

/** The client's socket and the one to its server. */
constexpr size_t kPerConnection = 2;
/** Files, pipes, the API server, metrics: what the process needs besides, whatever its limit is. */
constexpr rlim_t kLeastKept = 64;
constexpr rlim_t kKeptShare = 16;

int ceilingOf(rlim_t limit) {
  const rlim_t most = std::min<rlim_t>(limit, std::numeric_limits<int>::max());
  return static_cast<int>(most - std::min(std::max(kLeastKept, most / kKeptShare), most / 2));
}

int ceilingNow() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? ceilingOf(limit.rlim_cur) : std::numeric_limits<int>::max();
}

}  // namespace

DescriptorShare::DescriptorShare(int sharers)
    : ceiling_(ceilingNow()), perConnection_(kPerConnection * static_cast<size_t>(std::max(sharers, 1))) {}

}  // namespace nodeway::transport
