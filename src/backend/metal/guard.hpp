#pragma once

#include <exception>
#include <type_traits>

/// The border between C++ and Objective-C. A .mm function can catch no C++ exception with GNU's
/// runtime, and a .cpp function none of Objective-C's: each side catches its own.
namespace mpsnn::metal {

/// Calls f(context); an exception of C++ goes to `error`, one of Objective-C passes. In guard.cpp.
void capture(void (*f)(void*), void* context, std::exception_ptr& error);
/// Calls f(context) in an autorelease pool. @throws DeviceError for an NSException, and what f
///     throws. In guard.mm.
void call_guarded(void (*f)(void*), void* context);

template <class F>
void guarded(F&& f) {
  using Callable = std::remove_reference_t<F>;
  call_guarded([](void* context) { (*static_cast<Callable*>(context))(); },
               const_cast<std::remove_const_t<Callable>*>(&f));
}

}  // namespace mpsnn::metal
