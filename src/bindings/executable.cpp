#include "bindings/bindings.hpp"

using namespace mpsnn;

namespace {

using Arrays = std::vector<std::pair<ValueId, py::object>>;

std::vector<py::array> run(Executable& self, int images, const Arrays& inputs,
                           const std::vector<ValueId>& outputs) {
  Bindings bindings{images, {}, {}};
  for (const auto& [id, array] : inputs)
    bindings.inputs.emplace_back(id, view(array, str("value ", id.index)));
  std::vector<py::array> out;
  for (ValueId v : outputs) {
    const TensorDesc& d = self.graph().desc(v);
    const DType dtype = d.dtype == DType::float32 ? self.session()->floating() : d.dtype;
    if (images < 1) throw ShapeError(str("images: must be at least 1, got ", images));
    out.push_back(new_array(dtype, d.shape, d.batched ? images : 0));
    bindings.outputs.emplace_back(v, span_of(out.back()));
  }
  const py::gil_scoped_release release;
  self.submit(bindings).wait();
  return out;
}

}  // namespace

py::typing::Dict<py::str, std::size_t> memory_report(const std::function<MemoryReport()>& report) {
  MemoryReport r;
  {
    const py::gil_scoped_release release;
    r = report();
  }
  return py::dict("arena_bytes"_a = r.arena_bytes, "unshared_bytes"_a = r.unshared_bytes,
                  "scratch_bytes"_a = r.scratch_bytes, "staging_bytes"_a = r.staging_bytes,
                  "parameter_bytes"_a = r.parameter_bytes, "state_bytes"_a = r.state_bytes,
                  "packed_bytes"_a = r.packed_bytes);
}

void bind_executable(py::module_& m) {
  m.def(
      "backend_names",
      [] {
        std::vector<std::string> names;
        for (const Backend* b : backends()) names.emplace_back(b->name());
        return names;
      },
      "Backends in this build, fastest first.");
  m.def(
      "backend_status",
      [] {
        std::vector<std::tuple<std::string, bool, std::string>> out;
        for (const BackendStatus& s : backend_status())
          out.emplace_back(s.name, s.available, s.detail);
        return out;
      },
      "Every backend of the project: name, whether this build has it, and what or why not.");

  py::class_<Device>(m, "Device", "What a backend can run on.")
      .def_readonly("backend", &Device::backend)
      .def_readonly("name", &Device::name)
      .def_property_readonly(
          "kind",
          [](const Device& d) {
            constexpr const char* names[] = {"processor", "integrated", "discrete", "external"};
            return names[static_cast<int>(d.kind)];
          },
          "'processor', 'integrated', 'discrete' or 'external'.")
      .def_readonly("low_power", &Device::low_power)
      .def_readonly("headless", &Device::headless, "Whether it drives no display.")
      .def_readonly("id", &Device::id, "Of a GPU, as the system knows it.")
      .def_readonly("memory_bytes", &Device::memory_bytes,
                    "Of a GPU: what may be in use without slowing down. 0: unknown.")
      .def("__repr__", [](const Device& d) {
        return str("Device(backend='", d.backend, "', name='", d.name, "')");
      });
  m.def("devices", &devices,
        "What the backends of this build run on; of each the one it uses by itself comes first.");

  py::class_<Executable>(m, "Executable", "A compiled graph. For tests; users have Trainer.")
      .def("run", &run, "images"_a, "inputs"_a, "outputs"_a)
      .def_property_readonly("session", &Executable::session)
      .def_property_readonly("graph", [](const Executable& self) { return self.graph(); })
      .def("memory_report",
           [](const Executable& self) {
             return memory_report([&] { return self.memory_report(); });
           })
      .def("implementations", [](const Executable& self) {
        std::vector<std::pair<std::string, std::string>> out;
        for (const Implementation& i : self.implementations()) out.emplace_back(i.node, i.name);
        return out;
      });

  m.def(
      "compile",
      [](const Graph& graph, int batch, std::vector<ValueId> outputs, const std::string& name,
         std::uint64_t seed, bool optimize, const std::optional<Precision>& precision) {
        const py::gil_scoped_release release;
        return backend(name).compile(graph, {.batch = batch,
                                             .outputs = std::move(outputs),
                                             .loss = {},
                                             .session = nullptr,
                                             .session_options = {seed, 0},
                                             .in_flight = 2,
                                             .optimize = optimize,
                                             .precision = precision.value_or(Precision{})});
      },
      "graph"_a, py::kw_only(), "batch"_a, "outputs"_a, "backend"_a = "", "seed"_a = 0,
      "optimize"_a = true, "precision"_a = py::none());
}
