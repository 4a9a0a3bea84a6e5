#pragma once

#ifndef _WIN32
#include <unistd.h>
#endif

namespace mpsnn {

/// Tells a forked child, which has the memory of its parent but none of its threads.
inline int process_id() {
#ifdef _WIN32
  return 0;
#else
  return static_cast<int>(getpid());
#endif
}

}  // namespace mpsnn
