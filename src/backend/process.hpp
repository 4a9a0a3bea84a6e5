#pragma once

#ifndef _WIN32
#include <unistd.h>
#endif

#include "mpsnn/errors.hpp"

namespace mpsnn {

/// Tells a forked child, which has the memory of its parent but none of its threads.
inline int process_id() {
#ifdef _WIN32
  return 0;
#else
  return static_cast<int>(getpid());
#endif
}

/// @throws Error unless this is the process that made an engine's thread.
inline void check_process(int process) {
  if (process != process_id())
    throw Error(
        "this process is a fork of the one that made the trainer, whose engine thread it does "
        "not have: make the trainer in the child, or start it with 'spawn'");
}

}  // namespace mpsnn
