#include "backend/run_state.hpp"

namespace mpsnn {

void Run::wait() const { state_->wait(); }

bool Run::done() const { return state_->is_done(); }

}  // namespace mpsnn
