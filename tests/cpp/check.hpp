#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "mpsnn/errors.hpp"

/// A test runner in one header. A test is a function whose CHECKs throw.
namespace mpsnn::test {

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Puts a test on the list that `main` runs.
bool add(std::string_view name, void (*body)());

[[noreturn]] inline void fail(const char* file, int line, const std::string& what) {
  throw Failure(str(file, ':', line, ": ", what));
}

template <class A, class B>
void equal(const A& a, const B& b, const char* text, const char* file, int line) {
  if (!(a == b)) fail(file, line, str(text, ", got ", a, " and ", b));
}

/// The text of the E that `call` must throw.
template <class E, class F>
std::string error_text(F&& call, const char* text, const char* file, int line) {
  try {
    call();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    fail(file, line, str(text, " threw another exception: ", error.what()));
  }
  fail(file, line, str(text, " did not throw"));
}

inline void contains(std::string_view text, std::string_view part, const char* file, int line) {
  if (text.find(part) == std::string_view::npos)
    fail(file, line, str('"', text, "\" does not contain \"", part, '"'));
}

}  // namespace mpsnn::test

#define TEST(name)                                                                       \
  static void name();                                                                    \
  [[maybe_unused]] static const bool name##_is_added = mpsnn::test::add(#name, &(name)); \
  static void name()

#define CHECK(condition) \
  if (!(condition)) mpsnn::test::fail(__FILE__, __LINE__, #condition)

#define CHECK_EQUAL(a, b) mpsnn::test::equal((a), (b), #a " == " #b, __FILE__, __LINE__)

#define CHECK_CONTAINS(text, part) mpsnn::test::contains((text), (part), __FILE__, __LINE__)

/// That `call` throws an `E` whose text contains `part`.
#define CHECK_THROWS(E, part, call)                                                         \
  mpsnn::test::contains(                                                                    \
      mpsnn::test::error_text<E>([&] { (void)(call); }, #call, __FILE__, __LINE__), (part), \
      __FILE__, __LINE__)
