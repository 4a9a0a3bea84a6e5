#include <array>

#include "cpp/check.hpp"
#include "cpp/nets.hpp"
#include "mpsnn/mpsnn.hpp"

using namespace mpsnn;

namespace {

TEST(shape_refuses_what_is_no_shape) {
  CHECK_THROWS(ShapeError, "0", Shape({3, 0}));
  CHECK_THROWS(ShapeError, "-1", Shape({-1}));
  CHECK_THROWS(ShapeError, "4 axes", Shape({1, 1, 1, 1, 1}));
  const Dim huge = Dim{1} << 40;
  CHECK_THROWS(ShapeError, "", Shape({huge, huge}));
  CHECK_EQUAL(Shape({2, 3, 4}).size(), 24);
  CHECK_EQUAL(Shape().size(), 1);
  CHECK_EQUAL(str(Shape{28, 28, 1}, Shape{10}, Shape{}), "(28, 28, 1)(10,)()");
}

TEST(dtypes_have_the_names_and_sizes_of_numpy) {
  CHECK_EQUAL(name(DType::float32), "float32");
  CHECK_EQUAL(size_of(DType::bfloat16), 2u);
  CHECK_EQUAL((TensorDesc{{3}, DType::float32, true}.elements(4)), 12u);
  CHECK_EQUAL((TensorDesc{{3}, DType::float32, false}.elements(4)), 3u);
}

TEST(add_infers_shapes) {
  Graph g;
  const ValueId x = g.add(Input{{28, 28, 1}});
  const ValueId weight = g.add(Parameter{{32, 5, 5, 1}}, {}, "weight");
  const ValueId y = g.add(Conv2d{{2, 2}}, {x, weight});
  CHECK_EQUAL(g.desc(y).shape, (Shape{14, 14, 32}));
  const ValueId p = g.add(MaxPool2d{{3, 3}, {2, 2}, {}, {Padding::Mode::valid}}, {y});
  CHECK_EQUAL(g.desc(p).shape, (Shape{6, 6, 32}));
  CHECK(g.desc(g.producer(p).outputs[1]).batched);
}

TEST(an_error_names_op_and_argument_and_leaves_the_graph_alone) {
  Graph g;
  const ValueId x = g.add(Input{{8, 8, 3}});
  const ValueId weight = g.add(Parameter{{4, 3, 3, 2}}, {}, "weight");
  const std::string before = g.print();
  const int values = g.value_count();
  CHECK_THROWS(ShapeError, "conv2d: weight (4, 3, 3, 2)", g.add(Conv2d{}, {x, weight}));
  CHECK_THROWS(ShapeError, "conv2d: input 'weight' is missing", g.add(Conv2d{}, {x}));
  CHECK_THROWS(ShapeError, "not a value of this graph", g.add(Neuron{}, {ValueId{99}}));
  CHECK_THROWS(ShapeError, "dropout: rate", g.add(Dropout{1.0f, 0}, {x}));
  CHECK_THROWS(ShapeError, "label 'weight' is taken", g.add(Parameter{{1}}, {}, "weight"));
  CHECK_THROWS(ShapeError, "takes at most", g.add(Neuron{}, {x, x}));
  CHECK_EQUAL(g.print(), before);
  CHECK_EQUAL(g.value_count(), values);
}

TEST(dtypes_are_checked_where_a_value_is_read) {
  Graph g;
  const ValueId x = g.add(Input{{4}});
  const ValueId dropped = g.add(Dropout{0.5f, 0}, {x});
  const ValueId mask = g.producer(dropped).outputs[1];
  CHECK_EQUAL(g.desc(mask).dtype, DType::uint8);
  CHECK_THROWS(ShapeError, "relu: x", g.add(Neuron{}, {mask}));
  CHECK_THROWS(ShapeError, "input: dtype must be float32, uint8 or int32, got float16",
               g.add(Input{{4}, DType::float16}));
}

TEST(print_gives_one_line_per_node) {
  Graph g;
  const ValueId x = g.add(Input{{28, 28, 1}}, {}, "images");
  g.add(Conv2d{}, {x, g.add(Parameter{{32, 5, 5, 1}}, {}, "w")});
  CHECK_EQUAL(g.print(),
              "%0 = input() dtype=float32 'images'  # (28, 28, 1) float32\n"
              "%1 = parameter() 'w'  # (32, 5, 5, 1) float32 unbatched\n"
              "%2 = conv2d(%0, %1, _) stride=(1, 1) padding=same  # (28, 28, 32) float32\n");
}

TEST(a_backend_that_is_not_there_is_named_with_those_that_are) {
  CHECK_THROWS(UnsupportedError, "'reference'", backend("abacus"));
  CHECK_EQUAL(backends().back()->name(), "reference");
  CHECK_EQUAL(&backend(""), backends().front());
}

TEST(compile_refuses_a_batch_that_cannot_be) {
  const test::Net net = test::small_net();
  for (const int batch : {0, -1, max_batch + 1}) {
    TrainerOptions options = test::options("reference");
    options.batch = batch;
    CHECK_THROWS(ShapeError, "batch", test::trainer(net, options));
  }
}

}  // namespace
