#include <cfloat>

#include "metal_double/graph.hpp"

using metal_double::contents;
using metal_double::Filter;
using metal_double::floats;
using metal_double::Gradients;
using metal_double::refuse;
using metal_double::Tensor;
using mpsnn::Dim;
using mpsnn::Op;
using mpsnn::Shape;

@interface MPSCNNBatchNormalizationState (StandIn)
- (instancetype)initStandInOf:(id<MTLDevice>)device channels:(NSUInteger)channels;
@end
@interface MPSCNNInstanceNormalizationGradientState (StandIn)
- (instancetype)initStandInOf:(id<MTLDevice>)device channels:(NSUInteger)channels;
@end
@interface MPSCNNGroupNormalizationGradientState (StandIn)
- (instancetype)initStandInOf:(id<MTLDevice>)device channels:(NSUInteger)channels;
@end

namespace {

void copy(const Tensor& from, id<MTLBuffer> to) { std::ranges::copy(from.values, contents(to)); }

template <class Source>
float epsilon_of(Source source) {
  return [source respondsToSelector:@selector(epsilon)] ? [source epsilon] : FLT_MIN;
}

Tensor vector_of(const float* values, Dim channels, float otherwise) {
  return {
      {channels}, 0, values ? floats(values, channels) : std::vector<float>(channels, otherwise)};
}

struct BatchGradients : Gradients {
  MPSCNNBatchNormalizationState* state;
  explicit BatchGradients(MPSCNNBatchNormalizationState* s) : state(s) {}
  ~BatchGradients() override { [state release]; }
  void forward(const std::vector<Tensor>& all) override {
    if (all.size() < 3) return;  // by running statistics
    copy(all[1], state.mean);
    copy(all[2], state.variance);
  }
  void backward(const std::vector<Tensor>& all) override {
    copy(all[1], state.gradientForGamma);
    copy(all[2], state.gradientForBeta);
  }
};

class BatchNormalization : public Filter {
 public:
  BatchNormalization(MPSCNNBatchNormalizationNode* node, id<MTLDevice> device,
                     id<MPSCNNBatchNormalizationDataSource> source)
      : node_(node), device_(device), source_([source retain]) {
    reload();
  }
  ~BatchNormalization() override { [source_ release]; }
  void reload() override {
    if (![source_ load]) refuse(@"%@ did not load", [source_ label]);
    channels_ = static_cast<Dim>([source_ numberOfFeatureChannels]);
    parameters = {vector_of([source_ gamma], channels_, 1), vector_of([source_ beta], channels_, 0),
                  vector_of([source_ mean], channels_, 0),
                  vector_of([source_ variance], channels_, 1)};
    [source_ purge];
  }
  Op op(const std::vector<Shape>&) override {
    const bool training =
        node_.flags == MPSCNNBatchNormalizationFlagsDefault
            ? in_training_
            : node_.flags == MPSCNNBatchNormalizationFlagsCalculateStatisticsAlways;
    return mpsnn::BatchNorm{.epsilon = epsilon_of(source_), .training = training};
  }
  bool trains() const override { return node_.trainingStyle == MPSNNTrainingStyleUpdateDeviceGPU; }
  std::shared_ptr<Gradients> gradients(int) override {
    in_training_ = true;
    return std::make_shared<BatchGradients>([[MPSCNNBatchNormalizationState alloc]
        initStandInOf:device_
             channels:static_cast<NSUInteger>(channels_)]);
  }
  void update(id<StandInEncoding> buffer, const std::shared_ptr<Gradients>& gradients) override {
    MPSCNNBatchNormalizationState* state = static_cast<BatchGradients&>(*gradients).state;
    // Each reader of the state takes one.
    state.readCount = 2;
    MPSCNNNormalizationMeanAndVarianceState* statistics =
        [source_ updateMeanAndVarianceWithCommandBuffer:buffer batchNormalizationState:state];
    if (state.readCount != 1)
      refuse(@"%@: the statistics left a read count of %d", [source_ label], (int)state.readCount);
    MPSCNNNormalizationGammaAndBetaState* after =
        [source_ updateGammaAndBetaWithCommandBuffer:buffer batchNormalizationState:state];
    [state standInCheckReadOut:[source_ label]];
    [buffer keep:statistics];
    [buffer keep:after];
    [buffer encode:[this, statistics, after] {
      if (after != nil) {
        parameters[0].values = floats(contents(after.gamma), channels_);
        parameters[1].values = floats(contents(after.beta), channels_);
      }
      if (statistics != nil) {
        parameters[2].values = floats(contents(statistics.mean), channels_);
        parameters[3].values = floats(contents(statistics.variance), channels_);
      }
    }];
  }

 private:
  MPSCNNBatchNormalizationNode* node_;
  id<MTLDevice> device_;
  id<MPSCNNBatchNormalizationDataSource> source_;
  Dim channels_ = 0;
  bool in_training_ = false;
};

/// Of each image of a batch.
template <class State>
struct ImageGradients : Gradients {
  NSMutableArray<State*>* states = [[NSMutableArray alloc] init];
  int next = 0;
  ImageGradients(id<MTLDevice> device, int images, Dim channels) {
    for (int i = 0; i < images; ++i)
      [states
          addObject:[[[State alloc] initStandInOf:device
                                         channels:static_cast<NSUInteger>(channels)] autorelease]];
  }
  ~ImageGradients() override { [states release]; }
  void backward(const std::vector<Tensor>& all) override {
    State* state = [states objectAtIndex:next++];
    copy(all[1], state.gradientForGamma);
    copy(all[2], state.gradientForBeta);
  }
};

template <class Node, class State, class Source>
class ImageNormalization : public Filter {
 public:
  using Update = MPSCNNNormalizationGammaAndBetaState* (*)(Source, id<MTLCommandBuffer>,
                                                           NSArray<State*>*);
  ImageNormalization(Node* node, id<MTLDevice> device, Source source, int groups, Update update)
      : node_(node), device_(device), source_([source retain]), groups_(groups), update_(update) {
    reload();
  }
  ~ImageNormalization() override { [source_ release]; }
  void reload() override {
    channels_ = static_cast<Dim>([source_ numberOfFeatureChannels]);
    parameters = {vector_of([source_ gamma], channels_, 1),
                  vector_of([source_ beta], channels_, 0)};
  }
  Op op(const std::vector<Shape>&) override {
    return mpsnn::GroupNorm{groups_ ? groups_ : static_cast<int>(channels_), epsilon_of(source_)};
  }
  bool per_image() const override { return true; }
  bool trains() const override { return node_.trainingStyle == MPSNNTrainingStyleUpdateDeviceGPU; }
  std::shared_ptr<Gradients> gradients(int images) override {
    return std::make_shared<ImageGradients<State>>(device_, images, channels_);
  }
  void update(id<StandInEncoding> buffer, const std::shared_ptr<Gradients>& gradients) override {
    NSArray<State*>* states = static_cast<ImageGradients<State>&>(*gradients).states;
    MPSCNNNormalizationGammaAndBetaState* after = update_(source_, buffer, states);
    for (State* state in states) [state standInCheckReadOut:[source_ label]];
    if (after == nil) return;
    [buffer keep:after];
    [buffer encode:[this, after] {
      parameters[0].values = floats(contents(after.gamma), channels_);
      parameters[1].values = floats(contents(after.beta), channels_);
    }];
  }

 private:
  Node* node_;
  id<MTLDevice> device_;
  Source source_;
  int groups_;  // 0: one per channel
  Update update_;
  Dim channels_ = 0;
};

}  // namespace

@implementation MPSCNNBatchNormalizationState
@synthesize gamma = _gamma, beta = _beta, mean = _mean, variance = _variance;
@synthesize gradientForGamma = _gradientForGamma, gradientForBeta = _gradientForBeta;
- (instancetype)initStandInOf:(id<MTLDevice>)device channels:(NSUInteger)channels {
  if (!(self = [self initStandInTemporary])) return nil;
  _mean = [StandInBufferOf(device, channels) retain];
  _variance = [StandInBufferOf(device, channels) retain];
  _gradientForGamma = [StandInBufferOf(device, channels) retain];
  _gradientForBeta = [StandInBufferOf(device, channels) retain];
  return self;
}
- (void)dealloc {
  [_mean release];
  [_variance release];
  [_gradientForGamma release];
  [_gradientForBeta release];
  [super dealloc];
}
@end

#define STAND_IN_STATE(name)                                                             \
  @implementation name                                                                   \
  @synthesize gradientForGamma = _gradientForGamma, gradientForBeta = _gradientForBeta;  \
  -(instancetype)initStandInOf : (id<MTLDevice>)device channels : (NSUInteger)channels { \
    if (!(self = [self initStandInTemporary])) return nil;                               \
    _gradientForGamma = [StandInBufferOf(device, channels) retain];                      \
    _gradientForBeta = [StandInBufferOf(device, channels) retain];                       \
    return self;                                                                         \
  }                                                                                      \
  -(void)dealloc {                                                                       \
    [_gradientForGamma release];                                                         \
    [_gradientForBeta release];                                                          \
    [super dealloc];                                                                     \
  }                                                                                      \
  @end
STAND_IN_STATE(MPSCNNInstanceNormalizationGradientState)
STAND_IN_STATE(MPSCNNGroupNormalizationGradientState)

#define STAND_IN_NODE(name, protocol_name)                                                    \
  @implementation name                                                                        \
  @synthesize trainingStyle = _trainingStyle;                                                 \
  +(instancetype)nodeWithSource : (MPSNNImageNode*)source dataSource                          \
      : (id<protocol_name>)dataSource {                                                       \
    return [[[self alloc] initWithSource:source dataSource:dataSource] autorelease];          \
  }                                                                                           \
  -(instancetype)initWithSource : (MPSNNImageNode*)source dataSource                          \
      : (id<protocol_name>)dataSource {                                                       \
    if (!(self = [self initWithStandInSources:[NSArray arrayWithObject:source]])) return nil; \
    _dataSource = [dataSource retain];                                                        \
    _trainingStyle = MPSNNTrainingStyleUpdateDeviceGPU;                                       \
    return self;                                                                              \
  }                                                                                           \
  -(void)dealloc {                                                                            \
    [_dataSource release];                                                                    \
    [super dealloc];                                                                          \
  }

STAND_IN_NODE(MPSCNNBatchNormalizationNode, MPSCNNBatchNormalizationDataSource)
@synthesize flags = _flags;
- (std::shared_ptr<Filter>)standInFilter:(id<MTLDevice>)device {
  return std::make_shared<BatchNormalization>(self, device, _dataSource);
}
@end

STAND_IN_NODE(MPSCNNInstanceNormalizationNode, MPSCNNInstanceNormalizationDataSource)
- (std::shared_ptr<Filter>)standInFilter:(id<MTLDevice>)device {
  using Source = id<MPSCNNInstanceNormalizationDataSource>;
  using State = MPSCNNInstanceNormalizationGradientState;
  return std::make_shared<ImageNormalization<MPSCNNInstanceNormalizationNode, State, Source>>(
      self, device, _dataSource, 0,
      [](Source source, id<MTLCommandBuffer> buffer, NSArray<State*>* states) {
        return [source updateGammaAndBetaWithCommandBuffer:buffer
                           instanceNormalizationStateBatch:states];
      });
}
@end

STAND_IN_NODE(MPSCNNGroupNormalizationNode, MPSCNNGroupNormalizationDataSource)
- (std::shared_ptr<Filter>)standInFilter:(id<MTLDevice>)device {
  using Source = id<MPSCNNGroupNormalizationDataSource>;
  using State = MPSCNNGroupNormalizationGradientState;
  return std::make_shared<ImageNormalization<MPSCNNGroupNormalizationNode, State, Source>>(
      self, device, _dataSource, static_cast<int>([_dataSource numberOfGroups]),
      [](Source source, id<MTLCommandBuffer> buffer, NSArray<State*>* states) {
        return [source updateGammaAndBetaWithCommandBuffer:buffer
                              groupNormalizationStateBatch:states];
      });
}
@end
