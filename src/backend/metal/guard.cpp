#include "backend/metal/guard.hpp"

namespace mpsnn::metal {

void capture(void (*f)(void*), void* context, std::exception_ptr& error) {
  try {
    f(context);
  } catch (const std::exception&) {
    error = std::current_exception();
  }
}

}  // namespace mpsnn::metal
