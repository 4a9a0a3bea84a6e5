#include <algorithm>
#include <random>
#include <ranges>

#include "cpp/check.hpp"
#include "cpp/nets.hpp"
#include "mpsnn/mpsnn.hpp"
#include "ops/op_spec.hpp"
#include "passes/place_concats.hpp"
#include "passes/plan_memory.hpp"

using namespace mpsnn;

namespace {

/// A training graph of random ops over images of one shape, so that all fit together.
struct RandomGraph {
  explicit RandomGraph(unsigned seed) : rng(seed) {
    std::vector<ValueId> values = {g.add(Input{shape})};
    const int layers = 1 + static_cast<int>(rng() % 12);
    for (int i = 0; i < layers; ++i) values.push_back(layer(values));
    const ValueId labels = g.add(Labels{{3}});
    const ValueId weight = g.add(Parameter{{3, shape.size()}}, {}, "head");
    ValueId sum = values.back();
    if (rng() % 2 != 0) sum = g.add(Add{}, {sum, pick(values)});
    loss = g.add(Loss{}, {g.add(Dense{}, {sum, weight}), labels, g.producer(labels).outputs[1]});
    g = training_graph(g, loss, Adam{}).graph;
  }

  ValueId pick(const std::vector<ValueId>& values) { return values[rng() % values.size()]; }

  ValueId layer(const std::vector<ValueId>& values) {
    const ValueId x = pick(values);
    switch (rng() % 6) {
      case 0:
        return g.add(Neuron{}, {x});
      case 1:
        return g.add(Dropout{0.5f, static_cast<std::uint32_t>(values.size())}, {x});
      case 2:
        return g.add(Add{}, {x, pick(values)});
      case 3:
        return g.add(Reshape{shape}, {g.add(Reshape{{shape.size()}}, {x})});
      case 4: {  // a branch each, side by side
        const ValueId both =
            g.add(Concat{}, {g.add(Neuron{}, {x}), g.add(Dropout{}, {pick(values)})});
        return g.add(Conv2d{}, {both, parameter({2, 1, 1, 4}, values.size())});
      }
      default:
        return g.add(Conv2d{}, {x, parameter({2, 3, 3, 2}, values.size())});
    }
  }

  ValueId parameter(const Shape& weight, std::size_t n) {
    return g.add(Parameter{weight}, {}, str("w", n));
  }

  std::mt19937 rng;
  Shape shape{4, 4, 2};
  Graph g;
  ValueId loss;
};

MemoryRequest request(const Graph& g, ValueId loss, std::mt19937& rng) {
  MemoryRequest out{std::vector<std::size_t>(g.value_count()),
                    std::vector<std::size_t>(g.nodes().size()),
                    {loss}};
  for (std::size_t i = 0; i < g.nodes().size(); ++i) {
    const Node& node = g.nodes()[i];
    if (std::holds_alternative<Parameter>(node.op) || std::holds_alternative<State>(node.op))
      continue;
    for (ValueId v : node.outputs) {
      if (v) out.bytes[v.index] = g.desc(v).elements(4) * size_of(g.desc(v).dtype);
    }
    if (rng() % 4 == 0) out.scratch[i] = 1 + rng() % 3000;
  }
  return out;
}

struct Use {
  int written = -1, read = -1;  // by node index
};

std::vector<Use> uses(const Graph& g, const MemoryRequest& request) {
  std::vector<Use> out(g.value_count());
  const int end = static_cast<int>(g.nodes().size());
  for (int i = 0; i < end; ++i) {
    for (ValueId v : g.nodes()[i].inputs) {
      if (v) out[v.index].read = i;
    }
    for (ValueId v : g.nodes()[i].outputs) {
      if (v) out[v.index].written = out[v.index].read = i;
    }
  }
  for (ValueId v : request.keep) out[v.index].read = end;
  // A part lives in its whole, from when its first part is written.
  for (int v = 0; v < g.value_count(); ++v) {
    const Part* part = g.part({v});
    if (!part || out[v].written < 0) continue;
    Use& whole = out[part->whole.index];
    whole = {std::min(whole.written, out[v].written), std::max(whole.read, out[v].read)};
    out[v] = {};
  }
  return out;
}

/// Whether the later of two values is a node's first output over an input that dies
/// there, or a chain of reshapes: where sharing memory is no mistake.
bool may_share(const Graph& g, const std::vector<Use>& use, ValueId earlier, ValueId later) {
  if (g.root(earlier) == g.root(later)) return true;  // names of one value
  for (ValueId v = later; v;) {
    const Node& node = g.producer(v);
    const OpSpec& s = spec(node.op);
    const std::vector<int>& in_place = node.gradient_of ? s.gradient_in_place : s.in_place;
    const bool view = s.view;
    if (node.outputs[0] != v) return false;
    ValueId before;
    for (int i : in_place) {
      const ValueId x = node.inputs[i];
      if (x && (view || use[x.index].read == use[v.index].written)) before = x;
      if (x && x == earlier) return view || use[x.index].read <= use[v.index].written;
    }
    v = before;
  }
  return false;
}

bool overlap(const PlannedBuffer& a, const PlannedBuffer& b) {
  return a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}

void check_plan(const Graph& g, const MemoryRequest& r) {
  const MemoryPlan plan = plan_memory(g, r);
  const std::vector<Use> use = uses(g, r);
  for (const PlannedBuffer& b : plan.buffers) CHECK(b.offset + b.bytes <= plan.bytes);
  CHECK(plan.bytes <= plan.unshared);
  for (int a = 0; a < g.value_count(); ++a) {
    if (r.bytes[a] == 0 || use[a].written < 0) continue;
    const PlannedBuffer& first = plan.buffers[plan.value[a]];
    CHECK(first.bytes >= r.bytes[a]);
    CHECK(first.first <= use[a].written && use[a].read <= first.last);
    for (int b = a + 1; b < g.value_count(); ++b) {
      if (r.bytes[b] == 0 || use[b].written < 0) continue;
      const bool together = use[a].written <= use[b].read && use[b].written <= use[a].read;
      if (!together || !overlap(first, plan.buffers[plan.value[b]])) continue;
      const bool in_order = use[a].written <= use[b].written;
      const ValueId earlier{in_order ? a : b}, later{in_order ? b : a};
      if (!may_share(g, use, earlier, later))
        test::fail(__FILE__, __LINE__, str('%', a, " and %", b, " overlap in\n", g.print()));
    }
    for (std::size_t n = 0; n < r.scratch.size(); ++n) {
      const bool needed =
          use[a].written <= static_cast<int>(n) && static_cast<int>(n) <= use[a].read;
      if (r.scratch[n] > 0 && needed) CHECK(!overlap(first, plan.buffers[plan.scratch[n]]));
    }
  }
}

TEST(no_two_live_values_overlap_in_random_graphs) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    RandomGraph random(seed);
    check_plan(random.g, request(random.g, random.loss, random.rng));
    const Graph fused = fuse(random.g, std::array{random.loss});
    check_plan(fused, request(fused, random.loss, random.rng));
    const Graph placed =
        place_concats(fused, std::array{random.loss}, [](const Node&) { return true; });
    check_plan(placed, request(placed, random.loss, random.rng));
  }
}

TEST(a_kept_value_is_not_overwritten) {
  Graph g;
  const ValueId x = g.add(Input{{4}}), y = g.add(Neuron{}, {x}), z = g.add(Neuron{}, {y});
  MemoryRequest r{std::vector<std::size_t>(3, 64), std::vector<std::size_t>(3), {y, z}};
  const MemoryPlan plan = plan_memory(g, r);
  CHECK_EQUAL(plan.value[x.index], plan.value[y.index]);
  CHECK(plan.value[y.index] != plan.value[z.index]);
  CHECK_EQUAL(plan.bytes, 128u);
  CHECK_EQUAL(plan.unshared, 192u);
}

}  // namespace
