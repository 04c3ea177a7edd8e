using MedPeft.Lora.Common;

namespace MedPeft.Lora.Training;

public sealed partial record TrainingOptions
{
    /// <summary>The number format of the frozen linear and convolution layers while a run or a scoring lasts; afterwards their weights are back, bit for bit.</summary>
    /// <value>Default <see cref="Training.Precision.Float32"/>. Layers with a parameter that trains stay float32, so full fine-tuning gains nothing.</value>
    public Precision Precision { get; init; }

    /// <summary>On CUDA: let float32 products use the TensorFloat-32 units, which round their inputs to 10 bits. It is a setting of the process, put back after the run.</summary>
    /// <value>Default false.</value>
    public bool TensorFloat32 { get; init; }

    /// <summary>Factor on the loss that a float16 run starts with; it halves when a gradient overflows and doubles after 2000 steps without.</summary>
    /// <value>Default 65,536 (PyTorch's GradScaler). Used with <see cref="Training.Precision.Float16"/> only.</value>
    public double LossScale { get; init => field = Require.Positive(value); } = 65536;

    /// <summary>Images that go through the model at once; the gradients of <see cref="BatchSize"/> images are added up before a step.</summary>
    /// <value>
    /// Default 0: the whole batch. The sum equals the gradient of the whole batch, missing labels included; only dropout draws other numbers, and layers
    /// that look at the batch (BatchNorm) see the smaller one.
    /// </value>
    public int MicroBatchSize { get; init => field = Require.NotNegative(value); }

    /// <summary>When memory runs out, halve the images that go through the model at once and repeat the step, rather than end the run.</summary>
    /// <value>Default true. The effective batch stays.</value>
    public bool HalveOnOutOfMemory { get; init; } = true;

    /// <summary>Largest norm of the gradient over everything that trains; a longer one is shortened to it (Pascanu et al. 2013, arXiv:1211.5063).</summary>
    /// <value>Default 0: none, as the paper.</value>
    public double ClipNorm { get; init => field = Require.NotNegative(value); }

    /// <summary>Keep what the frozen blocks below the first trained one give for each training image, and compute it only once.</summary>
    /// <value>Default null: every step runs the whole model. See <see cref="Training.FrozenPrefixCache"/> for what it changes and what it takes.</value>
    public FrozenPrefixCache? FrozenPrefixCache { get; init; }

    /// <summary>The rows of a micro-batch that are in force.</summary>
    internal int MicroBatch => MicroBatchSize == 0 ? BatchSize : Math.Min(MicroBatchSize, BatchSize);
}
