using MedPeft.Lora;
using MedPeft.Lora.Vision;
using TorchSharp;

namespace MedPeft.Samples;

/// <summary>What the methods leave open, in one place, so that all of them get the same head, seed and number of steps.</summary>
internal sealed record AdaptationPlan
{
    private static readonly IReadOnlyList<string> Head = ["head", "fc_norm"];

    /// <summary>Rank of low-rank updates; VeRA, whose ranks cost nothing, takes 32 times as many.</summary>
    public int Rank { get; init; } = 4;

    /// <summary>Their scale is alpha / rank.</summary>
    public double Alpha { get; init; } = 32;

    /// <summary>Dropout in front of them.</summary>
    public double Dropout { get; init; }

    /// <summary>Steps of the training, which AdaLoRA spreads its cuts over.</summary>
    public int Steps { get; init; } = 1000;

    public ulong Seed { get; init; }

    /// <summary>Adapts a model.</summary>
    /// <param name="method">How.</param>
    /// <param name="model">The model; its head and last norm are trained beside the adapter.</param>
    /// <param name="batches">A few batches of its inputs, for EVA.</param>
    public LoraAdapter Inject(Adaptation method, VisionTransformer model, Func<IEnumerable<torch.Tensor>> batches) =>
        method == Adaptation.Eva ? model.InjectLora(Lora with { Initialization = LoraInitialization.Eva }, batches()) : model.InjectAdapter(Config(method, model.Config));

    private LoraConfig Lora => new()
    {
        Rank = Rank, Alpha = Alpha, Dropout = Dropout, Targets = ["qkv"], Blocks = [LoraBlock.Query, LoraBlock.Value], Trainable = Head, Seed = Seed,
    };

    private AdapterConfig Config(Adaptation method, ViTConfig model) => method switch
    {
        Adaptation.Lora or Adaptation.LoraPlus => Lora,
        Adaptation.RsLora => Lora with { RankStabilized = true },
        Adaptation.Dora => Lora with { Dora = true },
        Adaptation.LoraFa => Lora with { FreezeA = true },
        Adaptation.Pissa => Lora with { Initialization = LoraInitialization.Pissa },
        Adaptation.Olora => Lora with { Initialization = LoraInitialization.Olora },
        Adaptation.AdaLora => new AdaLoraConfig
        {
            InitialRank = Rank + (Rank + 1) / 2, TargetRank = Rank, Alpha = Alpha, Dropout = Dropout, Targets = ["qkv"], Trainable = Head, Seed = Seed,
            WarmupSteps = Steps / 10, FinalSteps = Steps / 3, Interval = Math.Max(1, Steps / 100),
        },
        Adaptation.Vera => new VeraConfig { Rank = 32 * Rank, Dropout = Dropout, Targets = ["qkv"], Trainable = Head, Seed = Seed },
        Adaptation.Ia3 => new Ia3Config { Trainable = Head, Seed = Seed },
        Adaptation.Ssf => new SsfConfig { Trainable = Head, Seed = Seed },
        Adaptation.Prompt or Adaptation.PromptDeep => new PromptConfig { Deep = method == Adaptation.PromptDeep, PatchSize = model.PatchSize, Trainable = Head, Seed = Seed },
        Adaptation.BitFit => new BitFitConfig { Trainable = Head },
        Adaptation.Norm => new NormTuningConfig { Trainable = ["head"] },
        Adaptation.Probe => new LinearProbeConfig { Trainable = Head },
        _ => new FullConfig(),
    };
}
