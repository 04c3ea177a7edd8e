using MedPeft.Lora.Benchmarks.Plain;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace MedPeft.Lora.Benchmarks;

/// <summary>What a training step trains.</summary>
public enum Trained
{
    /// <summary>Adapters of rank 4 on q and v, head and last norm: the paper's setting.</summary>
    Lora,

    /// <summary>Everything.</summary>
    Full,

    /// <summary>Head and last norm.</summary>
    Probe,

    /// <summary>As <see cref="Lora"/>, on the last 4 blocks alone.</summary>
    LoraTop4,

    /// <summary>As <see cref="Lora"/>, in the model that is written the plain way.</summary>
    PlainLora,

    /// <summary>As <see cref="Full"/>, in the model that is written the plain way.</summary>
    PlainFull,

    /// <summary>Nothing: a pass of the model without gradients; merged adapters leave no trace in it.</summary>
    Inference,
}

/// <summary>A ViT-B/16 at 224 px, random images and labels, and one step of SGD over what trains.</summary>
public sealed class TrainingStep : IDisposable
{
    private readonly nn.Module<Tensor, Tensor> _vit;
    private readonly Tensor _images, _labels;
    private readonly optim.Optimizer _optimizer;
    private readonly PrecisionScope _precision;
    private readonly bool _trains;

    /// <summary>Makes the model and its batch.</summary>
    public TrainingStep(Trained trained, int batch, string device = "cpu", int rank = 4, Precision precision = Precision.Float32, int pixels = 224, double dropPath = .1)
    {
        _vit = trained is Trained.PlainLora or Trained.PlainFull ? new PlainVit(trained == Trained.PlainLora, rank) : new VisionTransformer(ViTConfig.Base16 with { DropPath = dropPath, ImageSize = pixels });
        _trains = trained != Trained.Inference;
        if (trained is Trained.Lora or Trained.LoraTop4)
        {
            _vit.InjectLora(Paper with { Rank = rank, Within = trained == Trained.LoraTop4 ? ["blocks.8..11"] : [] });
        }
        else if (trained == Trained.Probe)
        {
            foreach (var (name, parameter) in _vit.named_parameters())
                parameter.requires_grad = name.StartsWith("head.", StringComparison.Ordinal) || name.StartsWith("fc_norm.", StringComparison.Ordinal);
        }

        _vit.to(torch.device(device));
        _vit.train(_trains);
        if (!_trains && precision != Precision.Float32) _vit.to(precision == Precision.BFloat16 ? ScalarType.BFloat16 : ScalarType.Float16);
        _precision = PrecisionScope.Enter(_vit, new TrainingOptions { Precision = _trains ? precision : Precision.Float32 }, torch.device(device));
        TrainedParameters = !_trains ? 0 : _vit.parameters().Where(p => p.requires_grad).Sum(p => p.numel());
        _images = rand(batch, 3, pixels, pixels, device: torch.device(device)).to(_trains ? ScalarType.Float32 : _vit.parameters().First().dtype);
        _labels = randint(0, 2, [batch, 14], device: torch.device(device)).to(ScalarType.Float32);
        _optimizer = optim.SGD(_vit.parameters().Where(p => p.requires_grad).ToList(), learningRate: .01, momentum: .9);
    }

    /// <summary>The paper's setting: rank 4 on q and v, head and last norm trained with them.</summary>
    public static LoraConfig Paper { get; } = new() { Rank = 4, Alpha = 32, Dropout = .1, Blocks = [LoraBlock.Query, LoraBlock.Value], Trainable = ["head", "fc_norm"] };

    /// <summary>Numbers that the step changes.</summary>
    public long TrainedParameters { get; }

    /// <summary>Forward, backward and optimizer; for inference the pass alone.</summary>
    /// <returns>The loss; for inference the sum of the scores.</returns>
    public float Step()
    {
        using var scope = NewDisposeScope();
        if (!_trains)
        {
            using var none = no_grad();
            return _vit.call(_images).sum().to(ScalarType.Float32).item<float>();
        }

        _vit.zero_grad(true);
        var loss = nn.functional.binary_cross_entropy_with_logits(_vit.call(_images), _labels);
        loss.backward();
        _optimizer.step();
        return loss.item<float>();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _optimizer.Dispose();
        _precision.Dispose();
        _vit.Dispose();
        _images.Dispose();
        _labels.Dispose();
    }
}
