using MedPeft.Lora.Common;
using TorchSharp;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>The first values of a low-rank update's factors.</summary>
internal static class LoraStart
{
    /// <summary>True where both factors start from the weight, so that the update starts at something and that is taken off again.</summary>
    public static bool FromWeight(LoraInitialization kind) => kind is LoraInitialization.Pissa or LoraInitialization.Olora;

    /// <summary>What is wrong with starting a layer of another kind than Linear so; null if nothing is.</summary>
    public static string? Misfit(LoraConfig config, string kind, string name) => config.Initialization is LoraInitialization.Pissa or LoraInitialization.Olora or LoraInitialization.Eva
        ? $"{name} is {(kind[0] == 'E' ? "an" : "a")} {kind}: Initialization {config.Initialization} fits Linear layers only. Leave it out of Targets, or take KaimingUniform."
        : null;

    /// <summary>The factor that reads the input, drawn on the CPU so that the values do not depend on the device.</summary>
    /// <param name="kind">Any that starts A without looking at the weight; EVA's is put in later and starts as <see cref="LoraInitialization.KaimingUniform"/>.</param>
    /// <param name="shape">[rows, ...], of which each row reads the input once.</param>
    /// <param name="rank">Rank r.</param>
    /// <param name="type">Its type.</param>
    /// <param name="generator">Source of the values.</param>
    /// <returns>A new tensor on the CPU, caller owns.</returns>
    public static Tensor A(LoraInitialization kind, long[] shape, int rank, ScalarType type, Generator generator)
    {
        var inputs = shape.Skip(1).Aggregate(1L, (product, size) => product * size);
        switch (kind)
        {
            case LoraInitialization.Gaussian:
                return empty(shape, type).normal_(0, 1.0 / rank, generator);
            case LoraInitialization.Orthogonal:
                using (var scope = NewDisposeScope())
                {
                    // Each group of r rows by itself: only so many fit the inputs.
                    var groups = Enumerable.Range(0, (int)(shape[0] / rank)).Select(_ =>
                    {
                        var (q, _) = linalg.qr(empty([inputs, rank], ScalarType.Float64).normal_(0, 1, generator));
                        return q.t();
                    });
                    return cat([.. groups], 0).to(type).reshape(shape).contiguous().MoveToOuterDisposeScope();
                }
            default: // Kaiming with a = √5
                var bound = 1 / Math.Sqrt(inputs);
                return empty(shape, type).uniform_(-bound, bound, generator);
        }
    }

    /// <summary>Both factors from a weight W, so that s·BA is the part of W that is to be trained: its largest singular values (PiSSA) or its first QR directions (OLoRA).</summary>
    /// <param name="kind">One of the two.</param>
    /// <param name="weight">W, [out, in].</param>
    /// <param name="rank">Rank r.</param>
    /// <param name="scale">The update's scale s.</param>
    /// <returns>A [r, in] and B [out, r] in float64 (float32 on devices without it), caller owns.</returns>
    public static (Tensor A, Tensor B) Of(LoraInitialization kind, Tensor weight, int rank, double scale)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var exact = weight.to(weight.device_type == DeviceType.MPS ? ScalarType.Float32 : ScalarType.Float64);
        if (kind == LoraInitialization.Olora)
        {
            var (q, r) = linalg.qr(exact);
            return (r.narrow(0, 0, rank).contiguous().MoveToOuterDisposeScope(), q.narrow(1, 0, rank).contiguous().MoveToOuterDisposeScope());
        }
        var (u, s, vh) = linalg.svd(exact, fullMatrices: false);
        var root = s.narrow(0, 0, rank).Times(1 / scale).sqrt(); // [r]
        return (vh.narrow(0, 0, rank).mul(root.unsqueeze(1)).contiguous().MoveToOuterDisposeScope(), u.narrow(1, 0, rank).mul(root).contiguous().MoveToOuterDisposeScope());
    }
}
