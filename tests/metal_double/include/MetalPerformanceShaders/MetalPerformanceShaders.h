// What the backend uses of Metal Performance Shaders, as Apple declares it.
#pragma once

#import <MetalPerformanceShaders/MPSCNN.h>
#import <MetalPerformanceShaders/MPSCore.h>
#import <MetalPerformanceShaders/MPSNNGraph.h>
#import <MetalPerformanceShaders/MPSNNLoss.h>
#import <MetalPerformanceShaders/MPSNNOptimizers.h>
#import <MetalPerformanceShaders/MPSRNNLayer.h>
