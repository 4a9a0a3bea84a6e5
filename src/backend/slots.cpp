#include "backend/slots.hpp"

namespace mpsnn {

bool Slots::try_take() {
  const std::lock_guard lock(mutex_);
  if (free_ == 0) return false;
  --free_;
  return true;
}

void Slots::wait(const std::function<void()>& use) {
  Waiter waiter{use};
  std::unique_lock lock(mutex_);
  waiting_.push_back(&waiter);
  if (free_ > 0) {  // it came back meanwhile
    --free_;
    lock.unlock();
    give_back();
    lock.lock();
  }
  changed_.wait(lock, [&] { return waiter.done; });
  if (waiter.error) std::rethrow_exception(waiter.error);
}

void Slots::give_back() {
  for (;;) {
    Waiter* next = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) {
        ++free_;
        return;
      }
      next = waiting_.front();
      waiting_.pop_front();
    }
    try {
      next->use();
    } catch (...) {
      next->error = std::current_exception();
    }
    const bool taken = !next->error;
    {
      const std::lock_guard lock(mutex_);
      next->done = true;  // and the waiter goes as soon as it sees it
    }
    changed_.notify_all();
    if (taken) return;  // else the place is for the next one
  }
}

}  // namespace mpsnn
