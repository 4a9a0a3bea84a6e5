#include "passes/plan_memory.hpp"

#include <algorithm>
#include <numeric>

#include "ops/op_spec.hpp"

namespace mpsnn {
namespace {

std::size_t aligned(std::size_t n) { return (n + 63) / 64 * 64; }

/// Gives every planned value a buffer, shared where that is safe.
class Aliasing {
 public:
  Aliasing(const Graph& graph, const MemoryRequest& request)
      : graph_(graph), request_(request), last_(graph.value_count(), -1) {
    const int end = static_cast<int>(graph.nodes().size());
    for (int i = 0; i < end; ++i) {
      for (ValueId v : graph.nodes()[i].outputs) note(v, i);
      for (ValueId v : graph.nodes()[i].inputs) note(v, i);
    }
    for (ValueId v : request.keep) last_[v.index] = end;
    plan_.value.assign(graph.value_count(), MemoryPlan::unplanned);
    plan_.scratch.assign(end, MemoryPlan::unplanned);
  }

  MemoryPlan run() {
    for (int i = 0; i < static_cast<int>(graph_.nodes().size()); ++i) {
      const Node& node = graph_.nodes()[i];
      for (std::size_t o = 0; o < node.outputs.size(); ++o) {
        const ValueId y = node.outputs[o];
        if (!y || request_.bytes[y.index] == 0) continue;
        assign(node, i, o == 0, y);
        PlannedBuffer& b = plan_.buffers[plan_.value[y.index]];
        b.last = std::max(b.last, last_[y.index]);
        plan_.unshared += aligned(request_.bytes[y.index]);
      }
      if (request_.scratch[i] > 0) {
        plan_.scratch[i] = add(request_.scratch[i], i);
        plan_.unshared += aligned(request_.scratch[i]);
      }
    }
    return std::move(plan_);
  }

 private:
  void note(ValueId v, int node) {
    if (v) last_[v.index] = std::max(last_[v.index], node);
  }
  int add(std::size_t bytes, int node) {
    plan_.buffers.push_back({bytes, node, node, 0});
    return static_cast<int>(plan_.buffers.size()) - 1;
  }

  /// Gives output `y` of node `i` a buffer: of the value it is a part of, of an input that it
  /// may overwrite, or a new one.
  void assign(const Node& node, int i, bool first, ValueId y) {
    int& buffer = plan_.value[y.index];
    if (buffer != MemoryPlan::unplanned) return;  // its first part was here before
    if (const Part* part = graph_.part(y)) {
      int& whole = plan_.value[part->whole.index];
      if (whole == MemoryPlan::unplanned) {
        whole = add(request_.bytes[part->whole.index], i);
        plan_.buffers[whole].last = std::max(i, last_[part->whole.index]);
      }
      buffer = whole;
    } else {
      const int shared = first ? reusable(node, i) : MemoryPlan::unplanned;
      buffer = shared == MemoryPlan::unplanned ? add(request_.bytes[y.index], i) : shared;
    }
  }

  /// The buffer of an input that the first output of node `i` may take over.
  int reusable(const Node& node, int i) const {
    const OpSpec& s = spec(node.op);
    for (int input : node.gradient_of ? s.gradient_in_place : s.in_place) {
      const ValueId x = node.inputs[input];
      const int b = x ? plan_.value[x.index] : MemoryPlan::unplanned;
      if (b == MemoryPlan::unplanned || graph_.part(x)) continue;
      const bool same = request_.bytes[x.index] == request_.bytes[node.outputs[0].index];
      if (same && (s.view || plan_.buffers[b].last == i)) return b;
    }
    return MemoryPlan::unplanned;
  }

  const Graph& graph_;
  const MemoryRequest& request_;
  std::vector<int> last_;  // by value index
  MemoryPlan plan_;
};

void place(MemoryPlan& plan) {
  std::vector<PlannedBuffer>& all = plan.buffers;
  std::vector<int> order(all.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](int a, int b) { return all[a].bytes > all[b].bytes; });
  std::vector<int> placed;  // sorted by offset
  for (int v : order) {
    std::size_t at = 0;
    for (int u : placed) {
      if (all[u].last < all[v].first || all[v].last < all[u].first) continue;
      if (at + aligned(all[v].bytes) <= all[u].offset) break;
      at = std::max(at, all[u].offset + aligned(all[u].bytes));
    }
    all[v].offset = at;
    plan.bytes = std::max(plan.bytes, at + aligned(all[v].bytes));
    placed.insert(std::ranges::upper_bound(placed, at, {}, [&](int u) { return all[u].offset; }),
                  v);
  }
}

}  // namespace

MemoryPlan plan_memory(const Graph& graph, const MemoryRequest& request) {
  MemoryPlan plan = Aliasing(graph, request).run();
  place(plan);
  return plan;
}

}  // namespace mpsnn
