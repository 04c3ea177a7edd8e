using MedPeft.Lora.Common;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.Routing;

/// <summary>The updates of one linear layer for a batch whose samples use different adapters: the factors of all samples in one product.</summary>
/// <remarks>Ranks are filled up with zeros to the largest. The factors are gathered once, not in each pass.</remarks>
internal sealed class RoutedLinear : IDisposable
{
    private readonly Samples _samples;
    private readonly string _path;
    private readonly Tensor _readers; // [S, in, G·R]
    private readonly List<(long Start, long Rows, Tensor Writers, Tensor? Excess, Tensor? Bias)> _ranges = []; // [S, R, rows], f − 1 as [S, 1, rows]
    private readonly long _rank;

    public RoutedLinear(Samples samples, string path, Linear linear, IReadOnlyDictionary<string, LoraLinear> layers)
    {
        (_samples, _path) = (samples, path);
        using var none = no_grad();
        var weight = linear.weight;
        var parts = layers.ToDictionary(entry => entry.Key, entry => Common(entry.Value.Parts(weight.dtype), layers.Values, weight));
        try
        {
            using var scope = NewDisposeScope();
            var ranges = parts.Values.First().Select(part => (part.Start, part.Rows)).ToList();
            _rank = parts.Values.SelectMany(each => each).Max(part => part.A.shape[0]);
            IReadOnlyList<RowUpdate>? Of(string? name) => name is not null && parts.TryGetValue(name, out var own) ? own : null;

            var nothing = zeros([_rank, weight.shape[1]], weight.dtype, weight.device);
            var readers = samples.Names.Select(name => cat([.. Enumerable.Range(0, ranges.Count).Select(g => Of(name) is { } own ? Filled(own[g].A, 0) : nothing)], 0));
            _readers = stack([.. readers], 0).transpose(1, 2).contiguous().DetachFromDisposeScope(); // [S, in, G·R]
            for (var g = 0; g < ranges.Count; g++)
            {
                var (start, rows) = ranges[g];
                var none0 = zeros([rows, _rank], weight.dtype, weight.device);
                var writers = stack([.. samples.Names.Select(name => Of(name) is { } own ? Filled(own[g].B, 1) : none0)], 0).transpose(1, 2).contiguous().DetachFromDisposeScope();
                Tensor? excess = null, bias = null;
                if (parts.Values.Any(own => own[g].Factor is not null))
                {
                    var one = zeros([rows], ScalarType.Float64, weight.device);
                    excess = stack([.. samples.Names.Select(name => Of(name)?[g].Factor is { } factor ? factor.to(one.dtype).Plus(-1) : one)], 0).to(weight.dtype).unsqueeze(1).DetachFromDisposeScope();
                    bias = linear.bias?.detach().narrow(0, start, rows).clone().DetachFromDisposeScope();
                }
                _ranges.Add((start, rows, writers, excess, bias));
            }
        }
        finally
        {
            foreach (var part in parts.Values.SelectMany(each => each)) part.Dispose();
        }
    }

    /// <summary>Adds each sample's update to the output, in place.</summary>
    public Tensor Apply(Tensor input, Tensor output)
    {
        _samples.RowsOfEach(input, _path);
        using var x = input.reshape(_samples.Names.Count, -1, input.shape[^1]); // [S, n, in]
        using var y = output.view(_samples.Names.Count, -1, output.shape[^1]);
        using var low = x.bmm(_readers); // [S, n, G·R]
        for (var g = 0; g < _ranges.Count; g++)
        {
            var (start, size, writers, excess, bias) = _ranges[g];
            using var part = low.narrow(-1, g * _rank, _rank);
            using var rows = y.narrow(-1, start, size);
            using var delta = part.bmm(writers); // [S, n, rows]
            if (excess is not null)
            {
                using var own = bias is null ? null : rows.Minus(bias);
                delta.PlusProductInPlace(own ?? rows, excess, 1);
            }
            rows.PlusInPlace(delta);
        }
        return output;
    }

    public void Dispose()
    {
        _readers.Dispose();
        foreach (var (_, _, writers, excess, bias) in _ranges)
        {
            writers.Dispose();
            excess?.Dispose();
            bias?.Dispose();
        }
    }

    private Tensor Filled(Tensor factor, long dimension)
    {
        var missing = _rank - factor.shape[dimension];
        if (missing == 0) return factor;
        return cat([factor, zeros(dimension == 0 ? [missing, factor.shape[1]] : [factor.shape[0], missing], factor.dtype, factor.device)], dimension);
    }

    // Adapters of the same blocks keep them; if blocks differ, each is brought to the form of the whole layer, with zeros in the rows that it leaves alone.
    private static IReadOnlyList<RowUpdate> Common(IReadOnlyList<RowUpdate> parts, IEnumerable<LoraLinear> all, Tensor weight)
    {
        if (all.Select(layer => layer.Blocks is null ? "" : string.Join(',', layer.Blocks)).Distinct().Count() == 1) return parts;
        using var scope = NewDisposeScope();
        var outputs = weight.shape[0];
        Tensor a = cat([.. parts.Select(part => part.A)], 0), b = zeros([outputs, a.shape[0]], a.dtype, a.device);
        var factor = parts.Any(part => part.Factor is not null) ? ones([outputs], parts[0].Factor!.dtype, a.device) : null;
        var column = 0L;
        foreach (var part in parts)
            using (part)
            {
                b.narrow(0, part.Start, part.Rows).narrow(1, column, part.A.shape[0]).copy_(part.B);
                if (part.Factor is not null) factor!.narrow(0, part.Start, part.Rows).copy_(part.Factor);
                column += part.A.shape[0];
            }
        return [new RowUpdate(0, outputs, a.MoveToOuterDisposeScope(), b.MoveToOuterDisposeScope(), factor?.MoveToOuterDisposeScope())];
    }
}
