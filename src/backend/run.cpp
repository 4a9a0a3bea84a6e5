#include "backend/run_state.hpp"

namespace mpsnn {

void Run::wait() const { state_->wait(); }

bool Run::skipped() const {
  state_->wait();
  return state_->skipped;
}

bool Run::done() const { return state_->is_done(); }

}  // namespace mpsnn
