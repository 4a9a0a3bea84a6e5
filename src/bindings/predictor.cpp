#include "mpsnn/predictor.hpp"

#include "bindings/batch.hpp"

using namespace mpsnn;

namespace {

class PyPredictor {
 public:
  PyPredictor(const Graph& graph, const std::vector<ValueId>& outputs,
              const PredictorOptions& options)
      : reader_{graph, outputs} {
    const py::gil_scoped_release release;  // data sources take it on the engine's thread
    predictor_ = std::make_unique<Predictor>(graph, outputs, options);
  }
  ~PyPredictor() {
    const py::gil_scoped_release release;
    predictor_.reset();
  }
  PyPredictor(const PyPredictor&) = delete;
  PyPredictor& operator=(const PyPredictor&) = delete;

  Predictor& operator*() const { return *predictor_; }
  std::vector<py::array> infer(const Arrays& inputs) {
    const Batch b = reader_.batch(inputs, py::none(), py::none());
    std::vector<py::array> arrays = reader_.new_outputs(b.images);
    each_part(b, predictor_->batch(), spans_of(arrays), [&](const Batch& part, const auto& to) {
      predictor_->run(part.images, part.inputs, {}, to);
    });
    return arrays;
  }
  Profile profile(const Arrays& inputs, int runs) {
    const Batch b = reader_.batch(inputs, py::none(), py::none());
    const py::gil_scoped_release release;
    return predictor_->profile(b.images, b.inputs, runs);
  }

 private:
  BatchReader reader_;
  std::unique_ptr<Predictor> predictor_;
};

}  // namespace

void bind_predictor(py::module_& m) {
  py::class_<PyPredictor>(m, "Predictor")
      .def(py::init([](const Graph& graph, const std::vector<ValueId>& outputs, int batch,
                       const std::string& backend, int threads,
                       const std::optional<std::shared_ptr<Session>>& session, std::uint64_t device,
                       const Precision& precision) {
             return std::make_unique<PyPredictor>(
                 graph, outputs,
                 PredictorOptions{batch, backend, threads, session.value_or(nullptr), device,
                                  precision});
           }),
           "graph"_a, "outputs"_a, py::kw_only(), "batch"_a, "backend"_a, "threads"_a, "session"_a,
           "device"_a, "precision"_a)
      .def("infer", &PyPredictor::infer, "inputs"_a)
      .def("profile", &PyPredictor::profile, "inputs"_a, "runs"_a)
      .def("memory_report",
           [](PyPredictor& self) { return memory_report([&] { return (*self).memory_report(); }); })
      .def_property_readonly("session", [](PyPredictor& self) { return (*self).session(); })
      .def_property_readonly("backend",
                             [](PyPredictor& self) { return std::string((*self).backend()); })
      .def_property_readonly("batch", [](PyPredictor& self) { return (*self).batch(); });
}
