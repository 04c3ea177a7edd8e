using MedPeft.Lora.Common;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Training;

/// <summary>How a run trains. The defaults are those of the paper's SGD runs, where it has one.</summary>
/// <remarks>Lian et al. 2024, arXiv:2401.12215, and the code published with it.</remarks>
public sealed partial record TrainingOptions
{
    /// <summary>Passes over the training images.</summary>
    /// <value>Default 100.</value>
    public int Epochs { get; init => field = Require.AtLeastOne(value); } = 100;

    /// <summary>Images a step.</summary>
    /// <value>Default 64.</value>
    public int BatchSize { get; init => field = Require.AtLeastOne(value); } = 64;

    /// <summary>Images a pass when only scoring, which needs less memory than training.</summary>
    /// <value>Default 64. It does not change the scores.</value>
    public int EvaluationBatchSize { get; init => field = Require.AtLeastOne(value); } = 64;

    /// <summary>The rule of the steps.</summary>
    /// <value>Default <see cref="OptimizerKind.Sgd"/>.</value>
    public OptimizerKind Optimizer { get; init; } = OptimizerKind.Sgd;

    /// <summary>Learning rate at the end of the warm-up.</summary>
    /// <value>Default 0.05.</value>
    public double LearningRate { get; init => field = Require.Positive(value); } = .05;

    /// <summary>Learning rate at the end of the run.</summary>
    /// <value>Default 1e-6.</value>
    public double MinLearningRate { get; init => field = Require.NotNegative(value); } = 1e-6;

    /// <summary>Epochs over which the learning rate grows from 0.</summary>
    /// <value>Default 5; a run shorter than that warms up over its first tenth.</value>
    public double WarmupEpochs { get; init => field = Require.NotNegative(value); } = 5;

    /// <summary>Momentum of SGD.</summary>
    /// <value>Default 0.9.</value>
    public double Momentum { get; init => field = Require.Share(value); } = .9;

    /// <summary>Decay rate of AdamW's first moment.</summary>
    /// <value>Default 0.9.</value>
    public double Beta1 { get; init => field = Require.Share(value); } = .9;

    /// <summary>Decay rate of AdamW's second moment.</summary>
    /// <value>Default 0.999.</value>
    public double Beta2 { get; init => field = Require.Share(value); } = .999;

    /// <summary>Weight decay; one-dimensional parameters, position embeddings and the class token are never decayed.</summary>
    /// <value>Default 0; the paper's AdamW runs use 0.05.</value>
    public double WeightDecay { get; init => field = Require.NotNegative(value); }

    /// <summary>Layer-wise decay of the learning rate: a layer k below the head learns at rate · decay^k (Clark et al. 2020; BEiT; MAE).</summary>
    /// <value>Default 1, none; the paper's AdamW runs use 0.65. In (0, 1]. Needs the module names of a vision transformer (<c>blocks.i.</c>).</value>
    public double LayerDecay
    {
        get;
        init
        {
            if (value is not (> 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(LayerDecay), value, "LayerDecay is a factor in (0, 1].");
            field = value;
        }
    } = 1;

    /// <summary>Leave out the last, smaller batch of an epoch, as the reference does.</summary>
    /// <value>Default true; where the set is smaller than one batch it is one batch.</value>
    public bool DropLast { get; init; } = true;

    /// <summary>Rows and columns that images are brought to.</summary>
    /// <value>Default 224 pixels.</value>
    public int ImageSize { get; init => field = Require.AtLeastOne(value); } = 224;

    /// <summary>Mean and standard deviation that pixels are normalised with: those of the backbone.</summary>
    /// <value>Default <see cref="Imaging.Normalization.Mrm"/>.</value>
    public Normalization Normalization { get; init; } = Normalization.Mrm;

    /// <summary>What a training image goes through.</summary>
    /// <value>Default null: random resized crop, flip, gray and <see cref="Normalization"/>, as the paper's SGD runs.</value>
    public ImagePipeline? TrainPipeline { get; init; }

    /// <summary>What an image to be scored goes through.</summary>
    /// <value>Default null: resize, centre crop, gray and <see cref="Normalization"/>.</value>
    public ImagePipeline? EvaluationPipeline { get; init; }

    /// <summary>Where the model computes, as torch spells it: cpu, cuda, cuda:1.</summary>
    /// <value>Default cpu.</value>
    public string Device { get; init; } = "cpu";

    /// <summary>The one number that every random choice of the run follows from.</summary>
    /// <value>Default 0.</value>
    public ulong Seed { get; init; }

    /// <summary>Threads that decode images; it never changes a result.</summary>
    /// <value>Default 0: all cores.</value>
    public int LoaderThreads { get; init => field = Require.NotNegative(value); }

    /// <summary>Leave the model with the weights of its best epoch rather than its last.</summary>
    /// <value>Default true.</value>
    public bool KeepBest { get; init; } = true;

    /// <summary>The pipeline of training images that is in force.</summary>
    internal ImagePipeline Training => TrainPipeline ?? ImagePipeline.Train(ImageSize, Normalization);

    /// <summary>The pipeline of scored images that is in force.</summary>
    internal ImagePipeline Evaluation => EvaluationPipeline ?? ImagePipeline.Evaluate(ImageSize, Normalization);

    /// <summary>The warm-up that is in force.</summary>
    internal double Warmup => WarmupEpochs < Epochs ? WarmupEpochs : Epochs / 10.0;
}
