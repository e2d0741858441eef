#ifndef NODEWAY_NATIVE_TRANSPORT_STARTUP_PAGES_H_
#define NODEWAY_NATIVE_TRANSPORT_STARTUP_PAGES_H_

#include <cstddef>

namespace nodeway::transport {

// Gives back the resident pages of the program's own read-only file mappings. Node touches most of its 100 MB of code and
// tables while it starts and few of them afterwards; those that are needed come back from the page cache one fault at a time.
// Gives back what malloc keeps of freed memory, too (malloc_trim(3)).
// Returns how many bytes the mappings span, 0 without /proc.
std::size_t releaseStartupPages();

}  // namespace nodeway::transport

#endif  // NODEWAY_NATIVE_TRANSPORT_STARTUP_PAGES_H_
