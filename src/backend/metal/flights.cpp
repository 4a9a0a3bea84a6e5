#include "backend/metal/flights.hpp"

#include "mpsnn/errors.hpp"

namespace mpsnn::metal {

void Flight::land(const std::string& error) {
  const std::lock_guard lock(mutex_);
  landed_ = true;
  error_ = error;
  changed_.notify_all();
}

bool Flight::landed() const {
  const std::lock_guard lock(mutex_);
  return landed_;
}

void Flight::wait() const {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return landed_; });
}

std::exception_ptr Flights::try_start(Flight& flight) {
  try {
    {
      const std::lock_guard lock(flight.mutex_);
      flight.landed_ = false;
    }
    flight.start();
    return nullptr;
  } catch (const std::bad_alloc&) {
    return std::make_exception_ptr(DeviceError("not enough memory to run this step"));
  } catch (...) {
    return std::current_exception();
  }
}

void Flights::start(const std::shared_ptr<Flight>& flight) {
  if (const std::exception_ptr failure = try_start(*flight)) {
    settle();
    flight->end(failure);
    return;
  }
  flying_.push_back(flight);
}

void Flights::collect() {
  while (!flying_.empty() && flying_.front()->landed()) end_first();
}

void Flights::settle() {
  while (!flying_.empty()) end_first();
}

void Flights::end_first() {
  const std::shared_ptr<Flight> first = flying_.front();
  flying_.pop_front();
  first->wait();
  std::exception_ptr failure;
  if (!first->error().empty())
    failure = std::make_exception_ptr(DeviceError(first->error()));
  else
    failure = first->check();
  if (failure) {
    // What is behind it has started from what it left.
    for (const auto& flight : flying_) flight->wait();
    first->undo();
    start_again();
  }
  first->end(failure);
}

void Flights::start_again() {
  std::deque<std::shared_ptr<Flight>> behind;
  behind.swap(flying_);
  for (const auto& flight : behind) {
    if (const std::exception_ptr failure = try_start(*flight))
      flight->end(failure);
    else
      flying_.push_back(flight);
  }
}

}  // namespace mpsnn::metal
