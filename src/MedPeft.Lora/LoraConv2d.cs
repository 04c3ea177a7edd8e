using System.Runtime.CompilerServices;
using MedPeft.Lora.Common;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>A frozen 2-D convolution plus a trainable low-rank update: a convolution to r channels like the layer's own, then a 1×1 one to its outputs.</summary>
/// <remarks>
/// The layer's stride, padding, padding mode, dilation and groups hold for the update, so it merges exactly. A is [g·r, in/g, kh, kw] and B is
/// [out, r, 1, 1] for g groups, each of which has an update of rank r; for one group they are PEFT's.
/// </remarks>
public sealed class LoraConv2d : LoraLayer
{
    private readonly Conv2d _convolution;

    /// <summary>Adapts a layer and freezes its own parameters.</summary>
    /// <param name="convolution">The layer; kept, not copied.</param>
    /// <param name="config">Rank, alpha, dropout, variant and seed; the names in it are not used.</param>
    /// <exception cref="LoraException">The rank is above what the layer can hold, or <see cref="LoraConfig.Blocks"/> is set.</exception>
    public LoraConv2d(Conv2d convolution, LoraConfig config) : this(convolution, config, null) { }

    internal LoraConv2d(Conv2d convolution, LoraConfig config, Generator? generator) : base(nameof(LoraConv2d), convolution, config, Start(convolution, config, generator)) =>
        _convolution = convolution;

    /// <inheritdoc/>
    public override string Kind => nameof(Conv2d);

    internal override int Groups => (int)_convolution.groups;

    internal override Tensor Grouped(Tensor dense) => dense.reshape(Groups, dense.shape[0] / Groups, -1);

    private protected override Parameter Weight => _convolution.weight;

    /// <summary>What is wrong with adapting this layer so; null if nothing is.</summary>
    internal static string? Misfit(Conv2d convolution, LoraConfig config, string name)
    {
        if (config.Blocks is not null) return $"{name} is a Conv2d: Blocks [{string.Join(", ", config.Blocks)}] fits a fused qkv layer only. Leave Blocks null to adapt the whole layer.";
        if (LoraStart.Misfit(config, "Conv2d", name) is { } start) return start;
        var shape = convolution.weight.shape; // [out, in/g, kh, kw]
        long inputs = shape[1] * shape[2] * shape[3], outputs = shape[0] / convolution.groups;
        var most = Math.Min(inputs, outputs);
        var group = convolution.groups == 1 ? "" : " a group";
        return config.Rank <= most ? null : $"Rank {config.Rank} is above what {name} can hold ({inputs} weights an output, {outputs} outputs{group}); choose a rank of at most {most}.";
    }

    /// <summary>The adapter's parameters: names and shapes.</summary>
    internal static IReadOnlyList<(string Name, long[] Shape)> Shapes(Conv2d convolution, LoraConfig config)
    {
        var shape = convolution.weight.shape;
        var shapes = new List<(string, long[])> { ("lora_A.weight", [convolution.groups * config.Rank, shape[1], shape[2], shape[3]]), ("lora_B.weight", [shape[0], config.Rank, 1, 1]) };
        if (config.Dora) shapes.Add(("lora_magnitude_vector", [1, shape[0], 1, 1]));
        return shapes;
    }

    private protected override Tensor Update(Tensor input, Tensor output)
    {
        using var dropped = Dropped(input, out var scale);
        using Tensor a = A.to(input.dtype), b = B.to(input.dtype);
        using var low = Low(dropped ?? input, a); // [B, g·r, H', W']
        if (scale != 1) low.TimesInPlace(scale);
        using var delta = nn.functional.conv2d(low, b, groups: _convolution.groups); // [B, out, H', W']
        if (Magnitude is null) return output.PlusInPlace(delta);

        using var change = Product(AdapterType(Weight));
        using var factor = Dora.Factor(Magnitude, Weight, change);
        using var shaped = factor.view(-1, 1, 1);
        using var bias = _convolution.bias?.view(-1, 1, 1);
        Dora.Apply(output, delta, bias, shaped);
        return output;
    }

    private protected override Tensor ExactDelta()
    {
        var product = Product(ExactType(Weight));
        if (Magnitude is null) return product;
        using (product) return Dora.Change(Magnitude, Original, product);
    }

    // The rank is filled up with zeros where the kernels need it, and cut off again.
    private Tensor Low(Tensor input, Tensor a)
    {
        var rank = a.shape[0];
        if (rank % SmallConvolutions.Lanes == 0 || !SmallConvolutions.NeedsLanes(input.device_type, _convolution.groups, a.shape)) return Convolve(input, a);
        using var zeros = empty([SmallConvolutions.Lanes - rank % SmallConvolutions.Lanes, .. a.shape[1..]], a.dtype).zero_();
        using var filled = cat([a, zeros], 0);
        using var low = Convolve(input, filled);
        using var narrow = low.narrow(1, 0, rank);
        return narrow.contiguous();
    }

    /// <summary>The layer's own convolution with other weights and no bias.</summary>
    private Tensor Convolve(Tensor input, Tensor weight)
    {
        var (stride, dilation, groups) = (_convolution.stride, _convolution.dilation, _convolution.groups);
        if (_convolution.padding_mode != PaddingModes.Zeros)
        {
            using var padded = nn.functional.pad(input, Sides(_convolution), _convolution.padding_mode);
            return nn.functional.conv2d(padded, weight, null, stride, [0, 0], dilation, groups);
        }
        return _convolution.padding_type is { } type
            ? nn.functional.conv2d_padding(input, weight, null, stride, type, dilation, groups)
            : nn.functional.conv2d(input, weight, null, stride, _convolution.padding, dilation, groups);
    }

    // The layer's own numbers, because TorchSharp 0.107 swaps height and width for Padding.Same, and the update must pad as the layer does.
    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_reversed_padding_repeated_twice")]
    private static extern ref long[] Sides(Convolution convolution);

    /// <summary>(α/r)·BA in the weight's shape, without gradients.</summary>
    private Tensor Product(ScalarType type)
    {
        using var none = no_grad();
        var groups = _convolution.groups;
        using Tensor a = A.to(type), b = B.to(type);
        using Tensor low = a.view(groups, Rank, -1), high = b.view(groups, -1, Rank); // [g, r, in/g·kh·kw], [g, out/g, r]
        using var product = high.bmm(low);
        return product.TimesInPlace(Scale).view(Weight.shape);
    }

    private static (string, Tensor)[] Start(Conv2d convolution, LoraConfig config, Generator? generator)
    {
        ArgumentNullException.ThrowIfNull(convolution);
        ArgumentNullException.ThrowIfNull(config);
        if (Misfit(convolution, config, "the layer") is { } misfit) throw new LoraException(misfit);
        using var own = generator is null ? new Generator(config.Seed) : null;
        var (weight, shapes) = (convolution.weight, Shapes(convolution, config));
        var values = new List<(string, Tensor)>
        {
            (shapes[0].Name, StartingA(config, shapes[0].Shape, weight, generator ?? own!)),
            (shapes[1].Name, Zeros(shapes[1].Shape, weight)),
        };
        if (config.Dora)
        {
            using var norms = StartNorms(weight);
            values.Add((shapes[2].Name, norms.view(shapes[2].Shape)));
        }
        return [.. values];
    }
}
