using System.Globalization;
using MedPeft.Lora.Injection;
using TorchSharp.Modules;

namespace MedPeft.Lora;

public sealed partial record LoraConfig
{
    /// <summary>True if all settings are equal, lists entry by entry.</summary>
    /// <param name="other">The other configuration.</param>
    public bool Equals(LoraConfig? other) =>
        base.Equals(other) && (Rank, Alpha, Dropout, RankStabilized, Dora) == (other.Rank, other.Alpha, other.Dropout, other.RankStabilized, other.Dora)
        && RankPattern.SequenceEqual(other.RankPattern) && AlphaPattern.SequenceEqual(other.AlphaPattern)
        && (Blocks is null ? other.Blocks is null : other.Blocks is not null && Blocks.SequenceEqual(other.Blocks));

    /// <summary>A hash that equal configurations share.</summary>
    public override int GetHashCode() => HashCode.Combine(base.GetHashCode(), Rank, Alpha, Dropout, Blocks?.Count);

    private protected override IEnumerable<string> Settings()
    {
        static string Pattern<T>(IEnumerable<KeyValuePair<string, T>> pattern) =>
            $"{{ {string.Join(", ", pattern.Select(entry => string.Create(CultureInfo.InvariantCulture, $"\"{entry.Key}\": {entry.Value}")))} }}";

        yield return string.Create(CultureInfo.InvariantCulture, $"Rank = {Rank}, Alpha = {Alpha}");
        if (RankPattern.Count > 0) yield return $"RankPattern = {Pattern(RankPattern)}";
        if (AlphaPattern.Count > 0) yield return $"AlphaPattern = {Pattern(AlphaPattern)}";
        if (Blocks is not null) yield return $"Blocks = [{string.Join(", ", Blocks)}]";
        if (Dropout > 0) yield return string.Create(CultureInfo.InvariantCulture, $"Dropout = {Dropout}");
        if (RankStabilized) yield return "RankStabilized";
        if (Dora) yield return "Dora";
    }

    internal override void DemandFits(IReadOnlyList<ModuleNode> targets)
    {
        RefuseMixedBlocks(targets);
        DemandPatternsMatch(targets);
    }

    // Blocks split rows in three, and the rows of a plain layer may be divisible by three too: an adapter would sit there and mean nothing.
    private void RefuseMixedBlocks(IReadOnlyList<ModuleNode> targets)
    {
        if (Blocks is null) return;
        static bool LooksFused(ModuleNode node) => node.Module is Linear { weight.shape: var shape } && shape[0] == 3 * shape[1];
        if (targets.FirstOrDefault(LooksFused) is not { } fused || targets.FirstOrDefault(node => !LooksFused(node)) is not { } plain) return;
        throw new LoraException($"Blocks [{string.Join(", ", Blocks)}] fits a fused qkv such as '{fused.Path}', but '{plain.Path}' is to be adapted as well, which is none. "
            + "Adapt the two by two calls of InjectLora, the second without Blocks.");
    }

    private void DemandPatternsMatch(IReadOnlyList<ModuleNode> targets)
    {
        foreach (var (property, names) in new[] { (nameof(RankPattern), RankPattern.Keys), (nameof(AlphaPattern), AlphaPattern.Keys) })
            if (names.Where(name => !targets.Any(node => ModulePath.Matches(name, node.Path))).ToList() is { Count: > 0 } unmatched)
                throw new LoraException($"No adapted layer matches {property} {Names.Quoted(unmatched)}. Adapted layers: {Names.Nearest(unmatched, [.. targets.Select(node => node.Path)])}.");
    }

    private static int CheckedRank(int value, string what, string property) => value >= 1
        ? value
        : throw new ArgumentOutOfRangeException(property, $"{what} is {value}; it must be at least 1, and 4 to 32 is usual.");

    private static double CheckedAlpha(double value, string what, string property) => value > 0 && double.IsFinite(value)
        ? value
        : throw new ArgumentOutOfRangeException(property, string.Create(CultureInfo.InvariantCulture, $"{what} is {value}; it must be a positive number: the update is scaled by Alpha / Rank."));

    private static LoraBlock[] CheckedBlocks(IReadOnlyList<LoraBlock> value, string property)
    {
        if (value.Count == 0) throw new ArgumentException("Blocks is empty; name at least one of Query, Key and Value, or leave it null to adapt the whole layer.", property);
        foreach (var block in value)
            if (!Enum.IsDefined(block))
                throw new ArgumentException($"Blocks has {(int)block}, which is none of Query, Key and Value.", property);
        if (value.Distinct().Count() != value.Count) throw new ArgumentException($"Blocks [{string.Join(", ", value)}] names a block twice; name each at most once.", property);
        return [.. value.Order()]; // the order of the rows, whatever the order they were named in
    }

    private static SortedDictionary<string, T> Sorted<T>(IReadOnlyDictionary<string, T> value, string property, Func<T, string, T> check)
    {
        ArgumentNullException.ThrowIfNull(value, property);
        CheckedNames([.. value.Keys], property, mayBeEmpty: true);
        var sorted = new SortedDictionary<string, T>(StringComparer.Ordinal);
        foreach (var (name, one) in value) sorted.Add(name, check(one, name));
        return sorted;
    }
}
