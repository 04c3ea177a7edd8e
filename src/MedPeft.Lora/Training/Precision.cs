namespace MedPeft.Lora.Training;

#pragma warning disable CA1720 // Names of types, because it is types that are named.

/// <summary>The number format that the frozen part of a model computes in. What trains, the loss and the optimizer are always float32.</summary>
public enum Precision
{
    /// <summary>float32 throughout.</summary>
    Float32,

    /// <summary>bfloat16 in frozen linear and convolution layers, on CPU and CUDA. Twice as fast on a CPU with AVX-512 BF16; gradients differ by about 0.7 %.</summary>
    BFloat16,

    /// <summary>float16 in frozen linear and convolution layers, on CUDA only, with a loss scaler (Micikevicius et al. 2018, arXiv:1710.03740).</summary>
    Float16,
}
