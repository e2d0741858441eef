#pragma once

#include <vector>

#include "descriptor.h"
#include "socket_address.h"

namespace nodeway::transport {

/**
 * What a worker that ended has left: connections that it had accepted and that nothing was read from or written to. They
 * wait, by the descriptor of the socket that they were accepted at, for whoever listens there next. One store for all
 * threads, which share descriptors as well. Whoever closes a listening descriptor forsakes what was left at it.
 */
namespace left_connections {

/** Whether nobody could tell that this connection was ever accepted. */
bool untouched(int socket);
void leave(int listener, Descriptor socket);
std::vector<Descriptor> claim(int listener);
std::vector<SocketAddress> peers(int listener);

}  // namespace left_connections

}  // namespace nodeway::transport
