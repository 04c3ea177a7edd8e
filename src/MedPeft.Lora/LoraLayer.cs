using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>A frozen layer with a trainable low-rank update: the base of LoRA's adapters of all kinds of layers.</summary>
/// <remarks>The state dict has, after the layer's parameters, <c>lora_A.weight</c> and <c>lora_B.weight</c>.</remarks>
public abstract class LoraLayer : AdapterLayer
{
    private protected LoraLayer(string name, nn.Module<Tensor, Tensor> layer, LoraConfig config, params (string Name, Tensor Value)[] adapter) : base(name, layer, adapter) =>
        (Rank, Alpha, Dropout, Scale) = (config.Rank, config.Alpha, config.Dropout, config.Scale);

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
    public Parameter? Magnitude => Adapter.Count > 2 ? Adapter[2].Value : null;

    /// <summary>Norms of the weight's outputs, for DoRA to start from.</summary>
    private protected static Tensor StartNorms(Tensor weight)
    {
        using var none = no_grad();
        using var exact = weight.to(AdapterType(weight));
        return Dora.Norms(exact);
    }

    /// <summary>Uniform in ±1/√fanIn (Kaiming with a = √5), drawn on the CPU so that the values do not depend on the device.</summary>
    private protected static Tensor KaimingUniform(long[] shape, long fanIn, Tensor like, Generator generator)
    {
        var bound = 1 / Math.Sqrt(fanIn);
        using var values = empty(shape, AdapterType(like));
        values.uniform_(-bound, bound, generator);
        return values.to(like.device, copy: true);
    }
}
