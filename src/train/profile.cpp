#include "mpsnn/profile.hpp"

#include <map>

namespace mpsnn {
namespace {

using Time = std::chrono::steady_clock::time_point;

double seconds(Time begin, Time end) { return std::chrono::duration<double>(end - begin).count(); }

/// Times by node, and of whole runs.
struct Clocks {
  std::vector<std::vector<double>> nodes;
  std::vector<double> runs{};
  int last = -1;  ///< The node before; one that is not behind it is the first of a run.
  Time first_begin{};

  void add(int node, Time begin, Time end) {
    if (runs.empty() || node <= last) {
      first_begin = begin;
      runs.push_back(0);
    }
    runs.back() = seconds(first_begin, end);
    nodes[node].push_back(seconds(begin, end));
    last = node;
  }
};

/// What a reader knows the node by.
std::string label(const Graph& graph, const Node& node) {
  const bool named = !node.label.empty() || !node.gradient_of || !graph.has(node.gradient_of);
  return named ? node.label : graph.producer(node.gradient_of).label;
}

}  // namespace

Profile profile(Executable& executable, const Bindings& bindings, int batch, int runs) {
  const Graph& graph = executable.graph();
  Clocks clocks{std::vector<std::vector<double>>(graph.nodes().size())};
  executable.rehearse(bindings, runs,
                      [&](int node, Time begin, Time end) { clocks.add(node, begin, end); });
  std::map<std::string, std::string> implementations;
  for (Implementation& i : executable.implementations())
    implementations[std::move(i.node)] = std::move(i.name);
  Profile out{{}, std::move(clocks.runs)};
  for (std::size_t i = 0; i < clocks.nodes.size(); ++i) {
    if (clocks.nodes[i].empty()) continue;
    const Node& node = graph.nodes()[i];
    const std::string text = graph.print(node);
    const std::string op = std::string(name(node.op)) + (node.gradient_of ? "_gradient" : "");
    out.nodes.push_back({text, op, label(graph, node), implementations[text],
                         std::move(clocks.nodes[i]),
                         work(graph, node, batch, executable.session()->floating())});
  }
  return out;
}

}  // namespace mpsnn
