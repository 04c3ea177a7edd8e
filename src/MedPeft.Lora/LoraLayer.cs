using MedPeft.Lora.Common;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>A frozen layer with a trainable low-rank update: the base of LoRA's adapters of all kinds of layers.</summary>
/// <remarks>The state dict has, after the layer's parameters, <c>lora_A.weight</c> and <c>lora_B.weight</c>.</remarks>
public abstract partial class LoraLayer : AdapterLayer
{
    /// <summary>Names of the frozen factors that PiSSA and OLoRA start from.</summary>
    internal const string StartA = "lora_A0.weight", StartB = "lora_B0.weight";

    private readonly int _magnitude, _start; // where they lie in the adapter; -1 without

    private protected LoraLayer(string name, nn.Module<Tensor, Tensor> layer, LoraConfig config, params (string Name, Tensor Value)[] adapter) : base(name, layer, adapter)
    {
        (Rank, Alpha, Dropout, Scale) = (config.Rank, config.Alpha, config.Dropout, config.Scale);
        _magnitude = Array.FindIndex(adapter, entry => entry.Name == "lora_magnitude_vector");
        _start = Array.FindIndex(adapter, entry => entry.Name == StartA);
        TrainOnly(config.Trains);
    }

    /// <summary>Rank r of the update, of each block for a fused layer.</summary>
    public int Rank { get; }

    /// <summary>Numerator α of the scale.</summary>
    public double Alpha { get; }

    /// <summary>The factor of the update, α/r or α/√r.</summary>
    public double Scale { get; }

    /// <summary>Probability by which the update's input is zeroed in training.</summary>
    public double Dropout { get; }

    /// <summary>The adapted blocks of a fused layer; null where the whole layer is adapted.</summary>
    public virtual IReadOnlyList<LoraBlock>? Blocks => null;

    /// <summary>The factor that reads the input. Read it again after <c>to</c>, which replaces it.</summary>
    public Parameter A => Adapter[0].Value;

    /// <summary>The factor that writes the output; zero at first (in an embedding A is). Read it again after <c>to</c>, which replaces it.</summary>
    public Parameter B => Adapter[1].Value;

    /// <summary>The trained norms of each output's weights with <see cref="LoraConfig.Dora"/>; null without. Read it again after <c>to</c>, which replaces it.</summary>
    public Parameter? Magnitude => _magnitude < 0 ? null : Adapter[_magnitude].Value;

    /// <summary>The frozen factors A₀ and B₀ that <see cref="LoraInitialization.Pissa"/> and <see cref="LoraInitialization.Olora"/> start from and subtract; null for other starts.</summary>
    internal (Parameter A, Parameter B)? Origin => _start < 0 ? null : (Adapter[_start].Value, Adapter[_start + 1].Value);

    private protected override bool IsSum => _magnitude < 0;

    /// <summary>The update's input with its entries dropped in training; null where none are.</summary>
    /// <param name="input">What the layer takes.</param>
    /// <param name="scale">The factor of the update, with that of dropout in it: applied where the update is small, it costs nothing.</param>
    private protected Tensor? Dropped(Tensor input, out double scale)
    {
        var drops = Dropout > 0 && training;
        scale = drops ? Scale / (1 - Dropout) : Scale;
        return drops ? DropoutMask.Apply(input, Dropout) : null;
    }

    /// <summary>Norms of the weight's outputs, for DoRA to start from.</summary>
    private protected static Tensor StartNorms(Tensor weight)
    {
        using var none = no_grad();
        using var exact = weight.to(AdapterType(weight));
        return Dora.Norms(exact);
    }

    /// <summary>The first value of A on the weight's device.</summary>
    private protected static Tensor StartingA(LoraConfig config, long[] shape, Tensor like, Generator generator)
    {
        using var values = LoraStart.A(config.Initialization, shape, config.Rank, AdapterType(like), generator);
        return values.to(like.device, copy: true);
    }
}
