#include "backend/metal/guard.hpp"

#import <Foundation/Foundation.h>

#include "mpsnn/errors.hpp"

namespace mpsnn::metal {
namespace {

/// What Objective-C raised, or nothing; C++ exceptions go to `error`.
std::string raised(void (*f)(void*), void* context, std::exception_ptr& error) {
  std::string what;
  @autoreleasepool {
    @try {
      capture(f, context, error);
    } @catch (NSException* exception) {
      what = str([[exception name] UTF8String], ": ", [[exception reason] UTF8String]);
    }
  }
  return what;
}

}  // namespace

void call_guarded(void (*f)(void*), void* context) {
  std::exception_ptr error;
  const std::string what = raised(f, context, error);
  if (error) std::rethrow_exception(error);
  if (!what.empty()) throw DeviceError(what);
}

}  // namespace mpsnn::metal
