using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.Peft;

/// <summary>
/// How the factors of a layer become those of plain LoRA, which is all that PEFT knows: the updates of G blocks, or of g groups of channels,
/// as one of G·r ranks whose B, or A, is zero where a block has no part; with PiSSA's or OLoRA's start, [A; A₀] and [B, −B₀].
/// </summary>
/// <remarks>The update is the same to the last bit but for the zeros added; the scale is the same, so α grows as the rank does (as its root with rsLoRA).</remarks>
internal sealed class LoraLayout
{
    private const string StartA = "lora_A0.weight", StartB = "lora_B0.weight", Magnitude = "lora_magnitude_vector";

    private readonly AdapterLayer _layer;
    private readonly IReadOnlyList<(string Name, Parameter Value)> _adapter;
    private readonly IReadOnlyList<LoraBlock>? _blocks;
    private readonly long _groups, _rank, _parts;

    private LoraLayout(AdapterLayer layer, long rank, IReadOnlyList<LoraBlock>? blocks)
    {
        (_layer, _adapter, _blocks, _rank) = (layer, layer.Adapter, blocks, rank);
        _groups = Groups(layer.Base);
        _parts = _adapter.Any(entry => entry.Name == StartA) ? 2 : 1;
    }

    public static LoraLayout Of(AdapterLayer layer) => layer is LoraLayer lora ? new(layer, lora.Rank, lora.Blocks)
        : throw new System.Diagnostics.UnreachableException($"{layer.GetType().Name} is no layer of LoRA.");

    /// <summary>How many times a layer's rank in PEFT is ours.</summary>
    public static int Factor(nn.Module layer, LoraConfig config) => (config.Blocks?.Count ?? 1) * (int)Groups(layer) * (StartsFromWeight(layer, config) ? 2 : 1);

    /// <summary>A layer's rank and alpha in PEFT.</summary>
    public static (int Rank, double Alpha) InPeft(nn.Module layer, LoraConfig config) =>
        Factor(layer, config) is var factor ? (factor * config.Rank, config.Alpha * (config.RankStabilized ? Math.Sqrt(factor) : factor)) : default;

    /// <summary>Names and shapes in a file.</summary>
    public IReadOnlyList<(string Name, long[] Shape)> Entries()
    {
        long[] a = _adapter[0].Value.shape, b = _adapter[1].Value.shape;
        (a[0], a[1]) = (_parts * a[0], _groups * a[1]);
        if (_blocks is null) b[1] *= _parts;
        else b = [3 * (b[0] / _blocks.Count), _parts * _rank * _blocks.Count];
        var entries = new List<(string, long[])> { (_adapter[0].Name, a), (_adapter[1].Name, b) };
        if (Find(Magnitude) is { } magnitude) entries.Add((Magnitude, _blocks is null ? magnitude.shape : [b[0]]));
        return entries;
    }

    /// <summary>The tensors of <see cref="Entries"/>; the caller owns them.</summary>
    public IReadOnlyList<Tensor> Write()
    {
        using var none = no_grad();
        var tensors = new List<Tensor> { ReadA(), ReadB() };
        if (Find(Magnitude) is { } magnitude) tensors.Add(_blocks is null ? magnitude.detach() : Spread(magnitude));
        return tensors;
    }

    /// <summary>The values of the layer's parameters, in their order; the caller owns them.</summary>
    public IReadOnlyList<Tensor> Read(string path, IReadOnlyList<Tensor> stored)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var values = new Dictionary<string, Tensor>
        {
            [_adapter[0].Name] = CompactA(stored[0], part: 0), [_adapter[1].Name] = CompactB(stored[1], part: 0),
        };
        if (_parts == 2) (values[StartA], values[StartB]) = (CompactA(stored[0], part: 1), CompactB(stored[1], part: 1).neg());
        if (stored.Count > 2) values[Magnitude] = _blocks is null ? stored[2].alias() : Rows(stored[2]);
        Demand(path, 0, stored[0], JoinA(values[_adapter[0].Name], values.GetValueOrDefault(StartA)));
        Demand(path, 1, stored[1], JoinB(values[_adapter[1].Name], values.GetValueOrDefault(StartB)));
        if (stored.Count > 2 && _blocks is not null) DemandNorms(path, stored[2]);
        return [.. _adapter.Select(entry => values[entry.Name].DetachFromDisposeScope())];
    }

    private Tensor ReadA() => JoinA(_adapter[0].Value.detach(), Find(StartA));

    private Tensor ReadB() => JoinB(_adapter[1].Value.detach(), Find(StartB));

    private Parameter? Find(string name) => _adapter.FirstOrDefault(entry => entry.Name == name).Value;

    // A: the blocks' rows one after the other, each with those that it started at; in a grouped convolution the columns of its group only.
    private Tensor JoinA(Tensor a, Tensor? start)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        if (_groups > 1) return Widen(a).MoveToOuterDisposeScope();
        if (start is null) return a.alias().MoveToOuterDisposeScope();
        var rows = new List<Tensor>();
        for (long g = 0; g < (_blocks?.Count ?? 1); g++) rows.AddRange([a.narrow(0, g * _rank, _rank), start.narrow(0, g * _rank, _rank)]);
        return cat(rows, 0).MoveToOuterDisposeScope();
    }

    private Tensor Widen(Tensor a) // [g·r, in/g, kh, kw] to [g·r, in, kh, kw]
    {
        var wide = zeros([a.shape[0], a.shape[1] * _groups, a.shape[2], a.shape[3]], a.dtype, a.device);
        for (long g = 0; g < _groups; g++) wide.narrow(0, g * _rank, _rank).narrow(1, g * a.shape[1], a.shape[1]).copy_(a.narrow(0, g * _rank, _rank));
        return wide;
    }

    // B: block g has its rows, and the columns of its own part of A.
    private Tensor JoinB(Tensor b, Tensor? start)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        if (_blocks is null) return (start is null ? b.alias() : cat([b, start.neg()], 1)).MoveToOuterDisposeScope();
        var rows = b.shape[0] / _blocks.Count;
        var width = _parts * _rank;
        var wide = zeros([3 * rows, _blocks.Count * width], b.dtype, b.device);
        for (var g = 0; g < _blocks.Count; g++)
        {
            var place = wide.narrow(0, (int)_blocks[g] * rows, rows).narrow(1, g * width, width);
            place.narrow(1, 0, _rank).copy_(b.narrow(0, g * rows, rows));
            if (start is not null) place.narrow(1, _rank, _rank).copy_(start.narrow(0, g * rows, rows).neg());
        }
        return wide.MoveToOuterDisposeScope();
    }

    private Tensor CompactA(Tensor a, long part)
    {
        if (_groups > 1)
        {
            var channels = a.shape[1] / _groups;
            return cat([.. Each(_groups).Select(g => a.narrow(0, g * _rank, _rank).narrow(1, g * channels, channels))], 0);
        }
        return _parts == 1 ? a.alias() : cat([.. Each(_blocks?.Count ?? 1).Select(g => a.narrow(0, (2 * g + part) * _rank, _rank))], 0);
    }

    private Tensor CompactB(Tensor b, long part)
    {
        if (_blocks is null) return _parts == 1 ? b.alias() : b.narrow(1, part * _rank, _rank).contiguous();
        var rows = b.shape[0] / 3;
        return cat([.. Each(_blocks.Count).Select(g => b.narrow(0, (int)_blocks[(int)g] * rows, rows).narrow(1, (_parts * g + part) * _rank, _rank))], 0);
    }

    private Tensor Rows(Tensor all)
    {
        var rows = all.shape[0] / 3;
        return cat([.. _blocks!.Select(block => all.narrow(0, (int)block * rows, rows))], 0);
    }

    // DoRA: a row that is not adapted keeps the norm that it has.
    private Tensor Spread(Tensor magnitude)
    {
        using var scope = NewDisposeScope();
        var norms = Norms(magnitude.dtype);
        var rows = norms.shape[0] / 3;
        for (var g = 0; g < _blocks!.Count; g++) norms.narrow(0, (int)_blocks[g] * rows, rows).copy_(magnitude.narrow(0, g * rows, rows));
        return norms.MoveToOuterDisposeScope();
    }

    private Tensor Norms(ScalarType type)
    {
        using var weight = _layer.Base.get_parameter("weight")!.to(type);
        return Dora.Norms(weight);
    }

    private void Demand(string path, int index, Tensor stored, Tensor held)
    {
        using var same = held.eq(stored.to(held.device));
        using var all = same.all();
        if (all.item<bool>()) return;
        throw new LoraException(_groups > 1
            ? $"'{path}' is a convolution of {_groups} groups, and the adapter's {_adapter[index].Name} reads channels of other groups, which the layer's weight cannot hold. Train it anew without this layer."
            : $"'{path}' is adapted in Blocks [{string.Join(", ", _blocks ?? [])}] here, and the adapter's {_adapter[index].Name} changes other rows as well. Inject with the Blocks it was made with, or without.");
    }

    private void DemandNorms(string path, Tensor stored)
    {
        using var norms = Norms(stored.dtype);
        using var near = norms.cpu();
        var rows = near.shape[0] / 3;
        foreach (var block in Enum.GetValues<LoraBlock>().Except(_blocks!))
        {
            using Tensor theirs = stored.narrow(0, (int)block * rows, rows), ours = near.narrow(0, (int)block * rows, rows);
            if (!allclose(theirs, ours, rtol: 1e-4, atol: 1e-6))
                throw new LoraException($"'{path}' is adapted in Blocks [{string.Join(", ", _blocks!)}] here, and the adapter's {Magnitude} changes the rows of {block} as well. Inject without Blocks.");
        }
    }

    private static IEnumerable<long> Each(long count)
    {
        for (long i = 0; i < count; i++) yield return i;
    }

    private static long Groups(nn.Module layer) => layer is Conv2d convolution ? convolution.groups : 1;

    private static bool StartsFromWeight(nn.Module layer, LoraConfig config) => config.Shapes(layer).Any(entry => entry.Name == StartA);
}
