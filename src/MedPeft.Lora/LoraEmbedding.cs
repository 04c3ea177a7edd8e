using MedPeft.Lora.Common;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>A frozen table of vectors plus a trainable low-rank update: y = W[i] + (α/r)·Aᵀ[i]Bᵀ.</summary>
/// <remarks>
/// As PEFT has it: A is [r, rows] and starts at zero, B is [dim, r] and starts normal, and their names are <c>lora_embedding_A</c> and <c>lora_embedding_B</c>.
/// The row of a padding index is updated like any other.
/// </remarks>
public sealed class LoraEmbedding : LoraLayer
{
    /// <summary>Adapts a table and freezes it.</summary>
    /// <param name="embedding">The table, [rows, dim]; kept, not copied.</param>
    /// <param name="config">Rank, alpha and seed; dropout and the names in it are not used.</param>
    /// <exception cref="LoraException">The rank is above what the table can hold, or <see cref="LoraConfig.Blocks"/> or <see cref="LoraConfig.Dora"/> is set.</exception>
    public LoraEmbedding(Embedding embedding, LoraConfig config) : this(embedding, config, null) { }

    internal LoraEmbedding(Embedding embedding, LoraConfig config, Generator? generator) : base(nameof(LoraEmbedding), embedding, config, Start(embedding, config, generator)) { }

    /// <inheritdoc/>
    public override string Kind => nameof(Embedding);

    internal override Tensor Grouped(Tensor dense)
    {
        using var transposed = dense.t();
        return transposed.unsqueeze(0); // [1, dim, rows]
    }

    // Embedding.weight makes a new object at every read; the registered one is the one that to() replaces.
    private protected override Parameter Weight => Base.get_parameter("weight")!;

    /// <summary>What is wrong with adapting this layer so; null if nothing is.</summary>
    internal static string? Misfit(Embedding embedding, LoraConfig config, string name)
    {
        if (config.Blocks is not null) return $"{name} is an Embedding: Blocks [{string.Join(", ", config.Blocks)}] fits a fused qkv layer only. Leave Blocks null to adapt the whole layer.";
        if (config.Dora) return $"{name} is an Embedding: Dora fits Linear and Conv2d layers only. Leave it out of Targets, or set Dora to false.";
        if (LoraStart.Misfit(config, "Embedding", name) is { } start) return start;
        if (config.FreezeA) return $"{name} is an Embedding, whose A starts at zero and so would stay: FreezeA fits Linear and Conv2d layers only. Leave it out of Targets, or set FreezeA to false.";
        var shape = embedding.get_parameter("weight")!.shape;
        var most = Math.Min(shape[0], shape[1]);
        return config.Rank <= most ? null : $"Rank {config.Rank} is above what {name} can hold ({shape[0]} rows of {shape[1]}); choose a rank of at most {most}.";
    }

    /// <summary>The adapter's parameters: names and shapes.</summary>
    internal static IReadOnlyList<(string Name, long[] Shape)> Shapes(Embedding embedding, LoraConfig config)
    {
        var shape = embedding.get_parameter("weight")!.shape;
        return [("lora_embedding_A", [config.Rank, shape[0]]), ("lora_embedding_B", [shape[1], config.Rank])];
    }

    private protected override Tensor Update(Tensor input, Tensor output)
    {
        using Tensor a = A.to(output.dtype), b = B.to(output.dtype);
        using Tensor table = a.t(), flat = input.reshape(-1); // [rows, r], [tokens]
        using var low = table.index_select(0, flat); // [tokens, r]
        if (Scale != 1) low.TimesInPlace(Scale);
        using var delta = nn.functional.linear(low, b); // [tokens, dim]
        using var shaped = delta.view(output.shape);
        return output.PlusInPlace(shaped);
    }

    private protected override Tensor ExactDelta()
    {
        using Tensor a = A.to(ExactType(Weight)), b = B.to(ExactType(Weight));
        using var product = b.mm(a); // [dim, rows]
        using var transposed = product.TimesInPlace(Scale).t();
        return transposed.contiguous();
    }

    private static (string, Tensor)[] Start(Embedding embedding, LoraConfig config, Generator? generator)
    {
        ArgumentNullException.ThrowIfNull(embedding);
        ArgumentNullException.ThrowIfNull(config);
        if (Misfit(embedding, config, "the layer") is { } misfit) throw new LoraException(misfit);
        using var own = generator is null ? new Generator(config.Seed) : null;
        var (weight, shapes) = (embedding.get_parameter("weight")!, Shapes(embedding, config));
        using var normal = empty(shapes[1].Shape, AdapterType(weight));
        normal.normal_(0, 1, generator ?? own!);
        return [(shapes[0].Name, Zeros(shapes[0].Shape, weight)), (shapes[1].Name, normal.to(weight.device, copy: true))];
    }
}
