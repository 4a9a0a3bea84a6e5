#pragma once

#import <Foundation/Foundation.h>

#include <type_traits>
#include <utility>

/// For .mm files alone, which are compiled without ARC on every platform.
namespace mpsnn::metal {

/// A counted reference to an Objective-C object. An argument of a message converts by itself; to
/// send one, `[owned.get() length]`. Instance variables of this type need no -dealloc.
template <class T>
class Owned {
 public:
  Owned() = default;
  Owned(const Owned& other) : object_([other.object_ retain]) {}
  /// From a class to its base, and from NSArray* to NSArray<X*>*.
  template <class U>
    requires std::is_convertible_v<U, T>
  Owned(const Owned<U>& other) : object_([other.get() retain]) {}
  Owned(Owned&& other) noexcept : object_(std::exchange(other.object_, nil)) {}
  Owned& operator=(Owned other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Owned() { [object_ release]; }

  T get() const { return object_; }
  operator T() const& { return object_; }
  operator T() const&& = delete;  // the object would be gone
  explicit operator bool() const { return object_ != nil; }

 private:
  template <class U>
  friend Owned<U> adopt(U object);
  explicit Owned(T object) : object_(object) {}

  T object_ = nil;
};

/// Takes over what alloc, new, copy or create returned.
template <class T>
Owned<T> adopt(T object) {
  return Owned<T>(object);
}

/// Keeps what any other message returned.
template <class T>
Owned<T> keep(T object) {
  [object retain];
  return adopt(object);
}

}  // namespace mpsnn::metal
