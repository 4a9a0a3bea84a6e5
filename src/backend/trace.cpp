#include "mpsnn/trace.hpp"

#include <iomanip>
#include <sstream>

namespace mpsnn {
namespace {

void write_text(std::ostream& out, std::string_view text) {
  out << '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out << '\\';
    if (static_cast<unsigned char>(c) >= 0x20)
      out << c;
    else
      out << ' ';
  }
  out << '"';
}

/// Microseconds, to the nanosecond.
void write_time(std::ostream& out, Trace::Clock::duration time) {
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(time).count();
  out << ns / 1000 << '.' << std::setw(3) << std::setfill('0') << ns % 1000;
}

void write_row(std::ostream& out, std::string_view kind, int row, std::string_view name) {
  out << "{\"ph\":\"M\",\"pid\":1,\"tid\":" << row << ",\"name\":\"" << kind
      << "\",\"args\":{\"name\":";
  write_text(out, name);
  out << "}}";
}

}  // namespace

void Trace::add(std::string_view row, std::string_view name, std::int64_t number, Time begin,
                Time end) noexcept {
  const std::lock_guard lock(mutex_);
  if (events_.size() >= most_) {
    ++dropped_;
    return;
  }
  try {
    const int next = static_cast<int>(rows_.size()) + 1;
    const int id =
        rows_.try_emplace({std::string(row), std::this_thread::get_id()}, next).first->second;
    events_.push_back({id, std::string(name), number, begin, end});
  } catch (const std::bad_alloc&) {
    ++dropped_;
  }
}

std::size_t Trace::size() const {
  const std::lock_guard lock(mutex_);
  return events_.size();
}

std::size_t Trace::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

std::string Trace::json() const {
  const std::lock_guard lock(mutex_);
  std::ostringstream out;
  out.imbue(std::locale::classic());
  out << "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"dropped\":" << dropped_
      << "},\"traceEvents\":[\n";
  write_row(out, "process_name", 0, "mpsnn");
  for (const auto& [row, id] : rows_) {
    out << ",\n";
    write_row(out, "thread_name", id, row.first);
  }
  for (const Event& event : events_) {
    out << ",\n{\"ph\":\"X\",\"pid\":1,\"tid\":" << event.row << ",\"ts\":";
    write_time(out, event.begin - start_);
    out << ",\"dur\":";
    write_time(out, event.end - event.begin);
    out << ",\"name\":";
    write_text(out,
               event.number < 0 ? event.name : event.name + ' ' + std::to_string(event.number));
    out << '}';
  }
  out << "\n]}\n";
  return std::move(out).str();
}

}  // namespace mpsnn
