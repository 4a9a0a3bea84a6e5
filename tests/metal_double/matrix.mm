#include "metal_double/recurrent.hpp"

using metal_double::refuse;
using metal_double::row;
using metal_double::Tensor;

namespace metal_double {

float* row(MPSMatrix* matrix, NSUInteger offset, NSUInteger r) {
  return contents(matrix.data) + (matrix.offset + offset + r * matrix.rowBytes) / sizeof(float);
}

}  // namespace metal_double

@implementation MPSMatrixDescriptor
@synthesize rows = _rows, columns = _columns, rowBytes = _rowBytes, dataType = _dataType;
+ (instancetype)matrixDescriptorWithRows:(NSUInteger)rows
                                 columns:(NSUInteger)columns
                                rowBytes:(NSUInteger)rowBytes
                                dataType:(MPSDataType)dataType {
  if (dataType != MPSDataTypeFloat32) refuse(@"MPSMatrix: the stand-in has float32");
  if (rowBytes < columns * sizeof(float)) refuse(@"MPSMatrix: rows overlap");
  MPSMatrixDescriptor* descriptor = [[[self alloc] init] autorelease];
  descriptor->_rows = rows;
  descriptor->_columns = columns;
  descriptor->_rowBytes = rowBytes;
  descriptor->_dataType = dataType;
  return descriptor;
}
@end

@implementation MPSMatrix
@synthesize data = _data, offset = _offset, rows = _rows, columns = _columns;
@synthesize rowBytes = _rowBytes;
- (instancetype)initWithBuffer:(id<MTLBuffer>)buffer descriptor:(MPSMatrixDescriptor*)descriptor {
  return [self initWithBuffer:buffer offset:0 descriptor:descriptor];
}
- (instancetype)initWithBuffer:(id<MTLBuffer>)buffer
                        offset:(NSUInteger)offset
                    descriptor:(MPSMatrixDescriptor*)descriptor {
  if (!(self = [super init])) return nil;
  _data = [buffer retain];
  _offset = offset;
  _rows = descriptor.rows;
  _columns = descriptor.columns;
  _rowBytes = descriptor.rowBytes;
  if ([buffer length] < offset + (_rows - 1) * _rowBytes + _columns * sizeof(float))
    refuse(@"MPSMatrix: goes beyond its buffer");
  return self;
}
- (void)dealloc {
  [_data release];
  [super dealloc];
}
@end

@implementation MPSImageCopyToMatrix
- (instancetype)initWithDevice:(id<MTLDevice>)device dataLayout:(MPSDataLayout)dataLayout {
  if (dataLayout != MPSDataLayoutHeightxWidthxFeatureChannels) refuse(@"copies channels last");
  return [self initWithDevice:device];
}
- (void)encodeBatchToCommandBuffer:(id<MTLCommandBuffer>)buffer
                      sourceImages:(MPSImageBatch*)sourceImages
                 destinationMatrix:(MPSMatrix*)destinationMatrix {
  [(id<StandInEncoding>)buffer keep:sourceImages];
  [(id<StandInEncoding>)buffer keep:destinationMatrix];
  [(id<StandInEncoding>)buffer encode:[=] {
    for (NSUInteger n = 0; n < [sourceImages count]; ++n) {
      const Tensor image = [[sourceImages objectAtIndex:n] standInValues];
      if ([[sourceImages objectAtIndex:n] featureChannelFormat] !=
          MPSImageFeatureChannelFormatFloat32)
        refuse(@"an image of halves is copied to a matrix of float32");
      if (image.values.size() != destinationMatrix.columns || n >= destinationMatrix.rows)
        refuse(@"an image does not fit a row of its matrix");
      std::ranges::copy(image.values, row(destinationMatrix, 0, n));
    }
  }];
}
@end

@implementation MPSMatrixCopyToImage
- (instancetype)initWithDevice:(id<MTLDevice>)device dataLayout:(MPSDataLayout)dataLayout {
  if (dataLayout != MPSDataLayoutHeightxWidthxFeatureChannels) refuse(@"copies channels last");
  return [self initWithDevice:device];
}
- (void)encodeBatchToCommandBuffer:(id<MTLCommandBuffer>)buffer
                      sourceMatrix:(MPSMatrix*)sourceMatrix
                 destinationImages:(MPSImageBatch*)destinationImages {
  [(id<StandInEncoding>)buffer keep:destinationImages];
  [(id<StandInEncoding>)buffer keep:sourceMatrix];
  [(id<StandInEncoding>)buffer encode:[=] {
    for (NSUInteger n = 0; n < [destinationImages count]; ++n) {
      MPSImage* image = [destinationImages objectAtIndex:n];
      if (image.featureChannelFormat != MPSImageFeatureChannelFormatFloat32)
        refuse(@"a matrix of float32 is copied to an image of halves");
      if (image.width * image.height * image.featureChannels != sourceMatrix.columns ||
          n >= sourceMatrix.rows)
        refuse(@"a row of a matrix does not fit its image");
      [image setStandInValues:metal_double::floats(row(sourceMatrix, 0, n), sourceMatrix.columns)];
      [image standInWrittenByGpu];
    }
  }];
}
@end

@implementation MPSMatrixBinaryKernel
@end

@implementation MPSMatrixVectorMultiplication
- (instancetype)initWithDevice:(id<MTLDevice>)device
                          rows:(NSUInteger)rows
                       columns:(NSUInteger)columns {
  if (!(self = [self initWithDevice:device])) return nil;
  _rows = rows;
  _columns = columns;
  return self;
}
- (void)encodeToCommandBuffer:(id<MTLCommandBuffer>)buffer
                  inputMatrix:(MPSMatrix*)inputMatrix
                  inputVector:(MPSVector*)inputVector
                 resultVector:(MPSVector*)resultVector {
  if (inputMatrix.rows < _rows || inputMatrix.columns < _columns || inputVector.length < _columns ||
      resultVector.length < _rows)
    refuse(@"a matrix and vectors do not fit their product");
  [(id<StandInEncoding>)buffer keep:inputMatrix];
  [(id<StandInEncoding>)buffer keep:inputVector];
  [(id<StandInEncoding>)buffer keep:resultVector];
  [(id<StandInEncoding>)buffer encode:[=, rows = _rows, columns = _columns] {
    const auto data = [](MPSVector* v) {
      return metal_double::contents(v.data) + v.offset / sizeof(float);
    };
    for (NSUInteger r = 0; r < rows; ++r) {
      float sum = 0;
      for (NSUInteger c = 0; c < columns; ++c)
        sum += row(inputMatrix, 0, r)[c] * data(inputVector)[c];
      data(resultVector)[r] = sum;
    }
  }];
}
@end
