#include "backend/queue.hpp"

#include <exception>

#include "backend/process.hpp"
#include "backend/waiting.hpp"
#include "mpsnn/errors.hpp"

namespace mpsnn {

Queue::Queue(std::function<void()> start)
    : jobs_(std::make_unique<Jobs>()), process_(process_id()) {
  jobs_->thread = std::thread([this, start = std::move(start)] {
    if (start) start();
    loop();
  });
}

Queue::~Queue() {
  if (process_ != process_id()) {
    // A forked child has no such thread, and destroying what it waits on would wait for it.
    (void)jobs_.release();
    return;
  }
  {
    const std::lock_guard lock(jobs_->mutex);
    jobs_->stop = jobs_->any = true;
  }
  jobs_->wake.notify_one();
  jobs_->thread.join();
}

void Queue::check_process() const { mpsnn::check_process(process_); }

void Queue::post(std::function<void()> job) {
  check_process();
  {
    const std::lock_guard lock(jobs_->mutex);
    jobs_->waiting.push_back(std::move(job));
    jobs_->any = true;
  }
  jobs_->wake.notify_one();
}

bool Queue::post_if_idle(std::function<void()> job) {
  check_process();
  {
    const std::lock_guard lock(jobs_->mutex);
    if (jobs_->busy || !jobs_->waiting.empty()) return false;
    jobs_->waiting.push_back(std::move(job));
    jobs_->any = true;
  }
  jobs_->wake.notify_one();
  return true;
}

void Queue::run(const std::function<void()>& job) {
  if (on_thread()) return job();
  std::exception_ptr error;
  std::mutex mutex;
  std::condition_variable ended;
  bool done = false;
  post([&] {
    try {
      job();
    } catch (...) {
      error = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    done = true;
    ended.notify_one();  // under the lock: `ended` dies as soon as the waiter sees `done`
  });
  std::unique_lock lock(mutex);
  ended.wait(lock, [&] { return done; });
  if (error) std::rethrow_exception(error);
}

void Queue::loop() {
  std::unique_lock lock(jobs_->mutex);
  for (;;) {
    jobs_->wake.wait(lock, [&] { return jobs_->stop || !jobs_->waiting.empty(); });
    if (jobs_->waiting.empty()) return;
    std::function<void()> job = std::move(jobs_->waiting.front());
    jobs_->waiting.pop_front();
    jobs_->any = jobs_->stop || !jobs_->waiting.empty();
    jobs_->busy = true;
    lock.unlock();
    job();
    job = nullptr;  // before anyone hears that it has ended
    lock.lock();
    jobs_->busy = false;
    lock.unlock();
    look_for([&] { return jobs_->any.load(); });
    lock.lock();
  }
}

}  // namespace mpsnn
