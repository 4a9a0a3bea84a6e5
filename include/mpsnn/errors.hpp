#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace mpsnn {

/// Base of every exception this library throws on purpose.
class Error : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A shape, rank, dtype, layout or attribute that is not accepted. Python: ValueError.
class ShapeError : public Error {
  using Error::Error;
};

/// The chosen backend cannot run a node, or is not in this build. Python: NotImplementedError.
class UnsupportedError : public Error {
  using Error::Error;
};

/// An image, loss or gradient that is not finite, under NanPolicy::raise. Python: ArithmeticError.
class NumericError : public Error {
  using Error::Error;
};

/// The device failed, or ran out of memory, while a step ran.
class DeviceError : public Error {
  using Error::Error;
};

/// Joins its arguments into one message: str("expected ", want, ", got ", have).
template <class... Parts>
std::string str(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

}  // namespace mpsnn
