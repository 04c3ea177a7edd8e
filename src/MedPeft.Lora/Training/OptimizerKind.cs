namespace MedPeft.Lora.Training;

/// <summary>The rule that turns gradients into steps.</summary>
public enum OptimizerKind
{
    /// <summary>Stochastic gradient descent with momentum, as PyTorch defines it (the paper's MRM runs).</summary>
    Sgd,

    /// <summary>Adam with decoupled weight decay, Loshchilov and Hutter 2019, arXiv:1711.05101 (the paper's CXR-MAE runs).</summary>
    AdamW,
}
