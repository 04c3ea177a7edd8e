using System.Text.RegularExpressions;
using MedPeft.Lora.Common;
using MedPeft.Lora.Injection;
using static TorchSharp.torch;

namespace MedPeft.Lora.Combination;

/// <summary>Makes one adapter of several.</summary>
internal sealed class Combiner
{
    private readonly IReadOnlyList<(LoraAdapter Adapter, double Weight)> _parts;
    private readonly CombinationOptions _options;
    private readonly IReadOnlyList<LoraBlock>? _blocks; // those that all parts have; null brings them to the form of whole layers
    private readonly IReadOnlyList<(string Path, IReadOnlyList<(LoraLayer Layer, double Weight)> Parts)> _layers;

    public Combiner(IReadOnlyList<(LoraAdapter Adapter, double Weight)> parts, CombinationOptions options)
    {
        (_parts, _options) = (parts, options);
        foreach (var (adapter, _) in parts)
        {
            if (adapter.Config is not LoraConfig lora) throw new LoraException($"Adapter '{adapter.Name}' is made by {adapter.Config.GetType().Name}; only those of LoraConfig have a low-rank update to combine.");
            if (lora.Dora && options.Method == CombinationMethod.Concatenation)
                throw new LoraException($"Adapter '{adapter.Name}' is DoRA, whose change of a weight is of full rank: its factors alone are not all of it. Choose Svd, or another method, with a Rank.");
        }
        var blocks = parts.Select(part => ((LoraConfig)part.Adapter.Config).Blocks).ToList();
        _blocks = blocks.TrueForAll(one => one is not null && one.SequenceEqual(blocks[0]!)) ? blocks[0] : null;
        _layers = [.. parts.SelectMany(part => part.Adapter.Entries.Select(entry => (entry.Path, Layer: (LoraLayer)entry.Layer, part.Weight))).GroupBy(entry => entry.Layer.Base, (IEqualityComparer<nn.Module>)ReferenceEqualityComparer.Instance)
            .Select(group => (group.First().Path, (IReadOnlyList<(LoraLayer, double)>)[.. group.Select(entry => (entry.Layer, entry.Weight))]))];
    }

    /// <summary>The configuration of the result: plain LoRA, whatever the scales of the parts were.</summary>
    public LoraConfig Config()
    {
        var configs = _parts.Select(part => (LoraConfig)part.Adapter.Config).ToList();
        var ranks = _layers.ToDictionary(layer => layer.Path, layer => Rank(layer.Parts));
        return new LoraConfig
        {
            TargetPattern = string.Join('|', _layers.Select(layer => Regex.Escape(layer.Path))),
            Blocks = _blocks,
            RankPattern = ranks,
            AlphaPattern = _layers.ToDictionary(layer => layer.Path, layer => Alpha(layer.Parts, ranks[layer.Path])),
            Trainable = [.. configs.SelectMany(config => config.Trainable).Distinct()],
            Bias = configs.Max(config => config.Bias),
        };
    }

    /// <summary>Gives the result its values.</summary>
    public IReadOnlyList<FactoredLayer> Fill(LoraAdapter result)
    {
        using var none = no_grad();
        using var generator = new Generator(_options.Seed);
        var report = new List<FactoredLayer>();
        foreach (var (path, parts) in _layers)
        {
            using var scope = NewDisposeScope();
            var layer = result.Layer<LoraLayer>(path);
            if (_options.Method == CombinationMethod.Concatenation)
            {
                var factors = parts.Select(part => Factors(part.Layer, part.Weight, layer)).ToList();
                layer.Set(cat([.. factors.Select(factor => factor.A)], 1), cat([.. factors.Select(factor => factor.B)], 2));
                report.Add(new FactoredLayer(path, layer.Rank, 1));
                continue;
            }
            var combined = layer.Grouped(DeltaMerging.Of([.. parts.Select(part => (part.Layer.Dense(), part.Weight))], _options, generator));
            var (a, b, kept) = LowRank.Factor(combined, layer.Rank);
            layer.Set(a, b);
            report.Add(new FactoredLayer(path, layer.Rank, kept));
        }
        return report;
    }

    /// <summary>Of what is trained in full: the plain model's values plus the weighted changes.</summary>
    public void FillOwn(AdapterSet set, LoraAdapter result)
    {
        using var none = no_grad();
        var plain = set.StateOf(OwnValues.Plain).ToDictionary(entry => entry.Name, entry => entry.Value);
        var parts = _parts.Select(part => (State: set.StateOf(part.Adapter.Name).ToDictionary(entry => entry.Name, entry => entry.Value), part.Weight)).DistinctBy(part => part.State).ToList();
        foreach (var (name, value) in set.StateOf(result.Name).Where(entry => OwnValues.Owns(result.Selection, entry.Name)))
        {
            using var scope = NewDisposeScope();
            if (parts is [{ Weight: 1 }] || !value.is_floating_point())
            {
                value.copy_(parts[0].State[name]);
                continue;
            }
            var exact = plain[name].to(ScalarType.Float64);
            value.copy_(parts.Aggregate(exact, (sum, part) => sum.Plus(part.State[name].to(ScalarType.Float64, CPU).Minus(exact).Times(part.Weight))));
        }
    }

    private int Rank(IReadOnlyList<(LoraLayer Layer, double Weight)> parts)
    {
        var sum = parts.Sum(part => RankOf(part.Layer));
        if (_options.Method == CombinationMethod.Concatenation) return sum;
        var most = parts.Min(part => Most(part.Layer));
        var wanted = _options.Rank ?? (_options.Method != CombinationMethod.Svd ? parts.Max(part => RankOf(part.Layer)) : parts.Any(part => part.Layer.Magnitude is not null) ? most : sum);
        return Math.Min(wanted, most);
    }

    // The scale of the first part, so that one adapter of weight 1 keeps its factors bit for bit.
    private double Alpha(IReadOnlyList<(LoraLayer Layer, double Weight)> parts, int rank)
    {
        if (_options.Method != CombinationMethod.Concatenation) return rank;
        var first = parts[0].Layer;
        return rank == first.Rank && first.Scale == first.Alpha / first.Rank ? first.Alpha : first.Scale * rank;
    }

    private bool Spreads(LoraLayer layer) => layer.Blocks is not null && _blocks is null;

    private int RankOf(LoraLayer layer) => (layer.Origin is null ? 1 : 2) * layer.Rank * (Spreads(layer) ? layer.Groups : 1);

    private int Most(LoraLayer layer)
    {
        using var weight = layer.Delta();
        using var one = Spreads(layer) ? weight.unsqueeze(0) : layer.Grouped(weight);
        return (int)Math.Min(one.shape[1], one.shape[2]);
    }

    private (Tensor A, Tensor B) Factors(LoraLayer part, double weight, LoraLayer into)
    {
        var (a, b) = part.Factors();
        var scale = weight * part.Scale / into.Scale;
        if (scale != 1) b = b.to(ScalarType.Float64).Times(scale).to(b.dtype);
        if (!Spreads(part)) return (a, b);
        var (rank, outputs) = (a.shape[1], into.B.shape[0]);
        var spread = zeros([1, outputs, part.Groups * rank], b.dtype, b.device);
        for (var g = 0; g < part.Groups; g++)
        {
            var (start, rows) = part.Ranges![g];
            spread.narrow(1, start, rows).narrow(2, g * rank, rank).copy_(b.narrow(0, g, 1));
        }
        return (a.reshape(1, part.Groups * rank, -1), spread);
    }
}
