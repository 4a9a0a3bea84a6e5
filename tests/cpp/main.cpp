#include <exception>
#include <iostream>
#include <utility>
#include <vector>

#include "cpp/check.hpp"

namespace mpsnn::test {
namespace {

using Entry = std::pair<std::string_view, void (*)()>;

std::vector<Entry>& entries() {
  static std::vector<Entry> all;
  return all;
}

bool passes(const Entry& entry) {
  try {
    entry.second();
    std::cout << "ok    " << entry.first << std::endl;
    return true;
  } catch (const std::exception& error) {
    std::cout << "FAIL  " << entry.first << "\n      " << error.what() << std::endl;
    return false;
  }
}

}  // namespace

bool add(std::string_view name, void (*body)()) {
  entries().emplace_back(name, body);
  return true;
}

/// Runs the tests whose name contains `filter`.
int run(std::string_view filter) {
  int passed = 0, failed = 0;
  for (const Entry& entry : entries()) {
    if (entry.first.find(filter) == std::string_view::npos) continue;
    ++(passes(entry) ? passed : failed);
  }
  std::cout << passed << " passed, " << failed << " failed" << std::endl;
  return failed != 0 || passed == 0;
}

}  // namespace mpsnn::test

int main(int argc, char** argv) { return mpsnn::test::run(argc > 1 ? argv[1] : ""); }
