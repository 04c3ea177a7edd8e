using MedPeft.Lora.Common;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>A frozen linear layer plus a trainable low-rank update: y = xWᵀ + b + (α/r)·xAᵀBᵀ.</summary>
/// <remarks>
/// Hu et al. 2022, §4.1, arXiv:2106.09685. B starts at zero, so the layer starts equal to the one it adapts. With
/// <see cref="LoraConfig.Blocks"/> each of the G named blocks of a fused qkv has an update of its own, and only its rows are touched:
/// A is [G·r, in], B is [G·out/3, r]. The factors are float32 beside a half-precision layer and are cast to the input's type in each pass.
/// </remarks>
public sealed partial class LoraLinear : LoraLayer
{
    private const int Fused = 3; // query, key, value

    private readonly Linear _linear;
    private readonly IReadOnlyList<LoraBlock>? _blocks;
    private readonly long[] _starts; // first row of each adapted block
    private readonly long _rows; // rows of each

    /// <summary>Adapts a layer and freezes its own parameters.</summary>
    /// <param name="linear">The layer, [in] to [out]; kept, not copied.</param>
    /// <param name="config">Rank, alpha, dropout, blocks, variant and seed; the names in it are not used.</param>
    /// <exception cref="LoraException">The rank is above what the layer can hold, or the layer is no fused qkv.</exception>
    public LoraLinear(Linear linear, LoraConfig config) : this(linear, config, null) { }

    internal LoraLinear(Linear linear, LoraConfig config, Generator? generator) : base(nameof(LoraLinear), linear, config, Start(linear, config, generator))
    {
        (_linear, _blocks) = (linear, config.Blocks);
        _rows = linear.weight.shape[0] / (_blocks is null ? 1 : Fused);
        _starts = _blocks is null ? [0] : [.. _blocks.Select(block => (int)block * _rows)];
    }

    /// <inheritdoc/>
    public override string Kind => nameof(Linear);

    /// <inheritdoc/>
    public override IReadOnlyList<LoraBlock>? Blocks => _blocks;

    private protected override Parameter Weight => _linear.weight;

    /// <summary>What is wrong with adapting this layer so; null if nothing is.</summary>
    internal static string? Misfit(Linear linear, LoraConfig config, string name)
    {
        long inputs = linear.weight.shape[1], outputs = linear.weight.shape[0];
        if (config.Blocks is not null && outputs % Fused != 0)
            return $"{name} has {outputs} outputs, which is no multiple of {Fused}: Blocks [{string.Join(", ", config.Blocks)}] fits a fused qkv layer only. "
                + "Leave Blocks null to adapt the whole layer.";
        var rows = config.Blocks is null ? outputs : outputs / Fused;
        var most = Math.Min(inputs, rows);
        return config.Rank <= most
            ? null
            : $"Rank {config.Rank} is above what {name} can hold ({inputs} inputs, {rows} outputs{(config.Blocks is null ? "" : " a block")}); choose a rank of at most {most}.";
    }

    /// <summary>The adapter's parameters: names and shapes.</summary>
    internal static IReadOnlyList<(string Name, long[] Shape)> Shapes(Linear linear, LoraConfig config)
    {
        long inputs = linear.weight.shape[1], blocks = config.Blocks?.Count ?? 1, rows = linear.weight.shape[0] / (config.Blocks is null ? 1 : Fused);
        var shapes = new List<(string, long[])> { ("lora_A.weight", [blocks * config.Rank, inputs]), ("lora_B.weight", [blocks * rows, config.Rank]) };
        if (config.Dora) shapes.Add(("lora_magnitude_vector", [blocks * rows]));
        if (LoraStart.FromWeight(config.Initialization)) shapes.AddRange([(StartA, shapes[0].Item2), (StartB, shapes[1].Item2)]);
        return shapes;
    }

    private protected override Tensor Update(Tensor input, Tensor output)
    {
        using var dropped = Dropped(input, out var scale);
        using Tensor a = A.to(input.dtype), b = B.to(input.dtype);
        using Tensor? originA = Origin?.A.to(input.dtype), originB = Origin?.B.to(input.dtype);
        using var low = Low(dropped ?? input, a, scale); // [..., G·r]
        using var originLow = originA is null ? null : Low(input, originA, Scale); // not dropped: in the papers it is part of the weight
        if (Magnitude is null)
        {
            using var change = All(low, b);
            using var start = originLow is null ? null : All(originLow, originB!);
            using var rest = start is null ? null : change.Plus(start, -1); // first, so that a start leaves exactly nothing
            return output.PlusInPlace(rest ?? change);
        }

        for (var g = 0; g < _starts.Length; g++)
        {
            using var delta = Part(g, low, b); // [..., out/G]
            using var originDelta = originLow is null ? null : Part(g, originLow, originB!);
            if (originDelta is not null) delta.PlusInPlace(originDelta, -1);
            using var rows = _blocks is null ? output.alias() : output.narrow(-1, _starts[g], _rows);
            Normalize(g, rows, delta);
        }
        return output;
    }

    // All blocks at once, and zeros where none writes: to change views of the output in place, one for each block, would cost copies of its whole gradient.
    private Tensor All(Tensor low, Tensor b)
    {
        // Turned into rows first: both gradients of a product with so few rows are then two to three times as fast as those of a linear layer with as few columns.
        using Tensor wide = _blocks is null ? b.alias() : Wide(b), turned = wide.t(), dense = turned.contiguous(); // [G·r, out]
        using Tensor rows = low.reshape(-1, low.shape[^1]), change = rows.mm(dense);
        return change.view([.. low.shape[..^1], dense.shape[1]]);
    }

    private Tensor Wide(Tensor b)
    {
        using var scope = NewDisposeScope();
        var rows = new List<Tensor>();
        for (var block = 0; block < Fused; block++)
        {
            var g = Array.IndexOf(_starts, block * _rows);
            rows.Add(g < 0
                ? zeros([_rows, _starts.Length * Rank], b.dtype, b.device)
                : nn.functional.pad(b.narrow(0, g * _rows, _rows), (g * Rank, (_starts.Length - 1 - g) * Rank)));
        }
        return cat(rows, 0).MoveToOuterDisposeScope();
    }

    private static Tensor Low(Tensor input, Tensor a, double scale)
    {
        var low = nn.functional.linear(input, a);
        if (scale != 1) low.TimesInPlace(scale); // here, where it is small: scaling the sum costs a pass over the output and one over its gradient
        return low;
    }

    private Tensor Part(int g, Tensor low, Tensor b)
    {
        if (_blocks is null) return nn.functional.linear(low, b);
        using var part = low.narrow(-1, g * Rank, Rank); // [..., r]
        using var factor = b.narrow(0, g * _rows, _rows); // [out/3, r]
        return nn.functional.linear(part, factor);
    }

    private protected override Tensor ExactDelta()
    {
        if (_blocks is null) return Delta(0, ExactType(Weight));
        var dense = zeros(Weight.shape, ExactType(Weight), Weight.device);
        for (var g = 0; g < _starts.Length; g++)
        {
            using var delta = Delta(g, dense.dtype);
            using var rows = dense.narrow(0, _starts[g], _rows);
            rows.copy_(delta);
        }
        return dense;
    }

    /// <summary>Adds the update of one block under DoRA's norms.</summary>
    private void Normalize(int g, Tensor output, Tensor delta)
    {
        using var weight = _linear.weight.narrow(0, _starts[g], _rows);
        using var change = Product(g, AdapterType(weight));
        using var magnitude = Magnitude!.narrow(0, g * _rows, _rows);
        using var factor = Dora.Factor(magnitude, weight, change);
        using var bias = _linear.bias?.narrow(0, _starts[g], _rows);
        Dora.Apply(output, delta, bias, factor);
    }

    /// <summary>Change of the rows of one block.</summary>
    private Tensor Delta(int g, ScalarType type)
    {
        var product = Product(g, type);
        if (Magnitude is null) return product;
        using (product)
        {
            using var weight = Original.narrow(0, _starts[g], _rows);
            using var magnitude = Magnitude.narrow(0, g * _rows, _rows);
            return Dora.Change(magnitude, weight, product);
        }
    }

    /// <summary>(α/r)·BA of one block, less what it started at, without gradients.</summary>
    private Tensor Product(int g, ScalarType type)
    {
        using var none = no_grad();
        var product = Of(A, B);
        if (Origin is not { } origin) return product;
        using var first = Of(origin.A, origin.B);
        return product.PlusInPlace(first, -1);

        Tensor Of(Tensor readers, Tensor writers)
        {
            using Tensor low = readers.narrow(0, g * Rank, Rank), high = writers.narrow(0, g * _rows, _rows); // [r, in], [out/G, r]
            using Tensor a = low.to(type), b = high.to(type);
            return b.mm(a).TimesInPlace(Scale);
        }
    }

    private static (string, Tensor)[] Start(Linear linear, LoraConfig config, Generator? generator)
    {
        ArgumentNullException.ThrowIfNull(linear);
        ArgumentNullException.ThrowIfNull(config);
        if (Misfit(linear, config, "the layer") is { } misfit) throw new LoraException(misfit);
        using var own = generator is null ? new Generator(config.Seed) : null;
        var shapes = Shapes(linear, config);
        var weight = linear.weight;
        if (LoraStart.FromWeight(config.Initialization))
        {
            var (a, b) = OfWeight(weight, config);
            var values = new List<(string, Tensor)> { (shapes[0].Name, a), (shapes[1].Name, b) };
            if (config.Dora) values.Add((shapes[2].Name, Norms(linear, config)));
            return [.. values, (StartA, a.clone()), (StartB, b.clone())];
        }
        var first = (shapes[0].Name, StartingA(config, shapes[0].Shape, weight, generator ?? own!));
        var second = (shapes[1].Name, Zeros(shapes[1].Shape, weight));
        return config.Dora ? [first, second, (shapes[2].Name, Norms(linear, config))] : [first, second];
    }

    private static (Tensor A, Tensor B) OfWeight(Tensor weight, LoraConfig config)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var rows = weight.shape[0] / (config.Blocks is null ? 1 : Fused);
        var starts = config.Blocks?.Select(block => (int)block * rows) ?? [0];
        var factors = starts.Select(start => LoraStart.Of(config.Initialization, weight.narrow(0, start, rows), config.Rank, config.Scale)).ToList();
        Tensor Joined(IEnumerable<Tensor> parts) => cat([.. parts], 0).to(AdapterType(weight)).contiguous().MoveToOuterDisposeScope();
        return (Joined(factors.Select(pair => pair.A)), Joined(factors.Select(pair => pair.B)));
    }

    private static Tensor Norms(Linear linear, LoraConfig config)
    {
        var norms = StartNorms(linear.weight);
        if (config.Blocks is null) return norms;
        using var all = norms;
        var rows = linear.weight.shape[0] / Fused;
        using var scope = NewDisposeScope();
        return cat([.. config.Blocks.Select(block => all.narrow(0, (int)block * rows, rows))], 0).MoveToOuterDisposeScope();
    }
}
