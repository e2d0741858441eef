#include "startup_pages.h"

#include <malloc.h>
#include <sys/mman.h>

#include <cstdio>

namespace nodeway::transport {

namespace {

// A mapping as /proc/self/smaps describes it.
struct Mapping {
  unsigned long start = 0;
  unsigned long end = 0;
  bool candidate = false;
};

// The head line: "start-end perms offset dev inode path". Private, unwritable mappings of a file come into question.
bool parseHead(const char* line, Mapping* mapping) {
  unsigned long inode = 0;
  char permissions[5] = {};
  unsigned long start = 0;
  unsigned long end = 0;
  if (std::sscanf(line, "%lx-%lx %4s %*x %*x:%*x %lu", &start, &end, permissions, &inode) != 4) return false;
  const bool unwritable = permissions[0] == 'r' && permissions[1] == '-' && permissions[3] == 'p';
  *mapping = {start, end, inode != 0 && unwritable};
  return true;
}

}  // namespace

std::size_t releaseStartupPages() {
  // What the start has freed in the midst of what is in use: glibc keeps it for allocations to come.
  malloc_trim(0);
  std::FILE* maps = std::fopen("/proc/self/smaps", "re");
  if (maps == nullptr) return 0;
  std::size_t released = 0;
  Mapping mapping;
  char line[1024];
  while (std::fgets(line, sizeof line, maps) != nullptr) {
    if (parseHead(line, &mapping)) continue;
    unsigned long kilobytes = 0;
    // Pages that were written before the mapping was sealed (relocations) exist nowhere else: such a mapping stays.
    if (std::sscanf(line, "Anonymous: %lu kB", &kilobytes) != 1) continue;
    if (!mapping.candidate || kilobytes != 0) continue;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): an address is what the kernel prints.
    if (madvise(reinterpret_cast<void*>(mapping.start), mapping.end - mapping.start, MADV_DONTNEED) == 0) {
      released += mapping.end - mapping.start;
    }
  }
  std::fclose(maps);
  return released;
}

}  // namespace nodeway::transport
