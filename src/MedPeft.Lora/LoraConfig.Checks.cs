using System.Globalization;
using MedPeft.Lora.Injection;

namespace MedPeft.Lora;

public sealed partial record LoraConfig
{
    /// <summary>True if all settings are equal, lists entry by entry.</summary>
    /// <param name="other">The other configuration.</param>
    public bool Equals(LoraConfig? other) =>
        base.Equals(other)
        && (Rank, Alpha, Dropout, RankStabilized, Dora, Initialization, FreezeA) == (other.Rank, other.Alpha, other.Dropout, other.RankStabilized, other.Dora, other.Initialization, other.FreezeA)
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
        if (Initialization != LoraInitialization.KaimingUniform) yield return $"Initialization = {Initialization}";
        if (FreezeA) yield return "FreezeA";
    }

    internal override void DemandFits(IReadOnlyList<ModuleNode> targets)
    {
        RefuseMixedBlocks(Blocks, targets);
        DemandPatternsMatch(targets);
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

    private static SortedDictionary<string, T> Sorted<T>(IReadOnlyDictionary<string, T> value, string property, Func<T, string, T> check)
    {
        ArgumentNullException.ThrowIfNull(value, property);
        CheckedNames([.. value.Keys], property, mayBeEmpty: true);
        var sorted = new SortedDictionary<string, T>(StringComparer.Ordinal);
        foreach (var (name, one) in value) sorted.Add(name, check(one, name));
        return sorted;
    }
}
