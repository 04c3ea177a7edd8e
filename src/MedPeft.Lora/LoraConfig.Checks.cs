using System.Globalization;

namespace MedPeft.Lora;

public sealed partial record LoraConfig
{
    /// <summary>True if all settings are equal, lists entry by entry.</summary>
    /// <param name="other">The other configuration.</param>
    public bool Equals(LoraConfig? other) =>
        other is not null && (Rank, Alpha, Dropout, TargetPattern, AllLinear, RankStabilized, Dora, Bias, Seed)
            == (other.Rank, other.Alpha, other.Dropout, other.TargetPattern, other.AllLinear, other.RankStabilized, other.Dora, other.Bias, other.Seed)
        && Targets.SequenceEqual(other.Targets) && Exclude.SequenceEqual(other.Exclude) && Within.SequenceEqual(other.Within) && Trainable.SequenceEqual(other.Trainable)
        && RankPattern.SequenceEqual(other.RankPattern) && AlphaPattern.SequenceEqual(other.AlphaPattern)
        && (Blocks is null ? other.Blocks is null : other.Blocks is not null && Blocks.SequenceEqual(other.Blocks));

    /// <summary>A hash that equal configurations share.</summary>
    public override int GetHashCode() => HashCode.Combine(Rank, Alpha, Dropout, Seed, Targets.Count, Trainable.Count, Blocks?.Count, TargetPattern);

    /// <summary>The settings that are not the default, and always targets, rank and alpha: <c>LoraConfig { Targets = ["qkv"], Rank = 4, Alpha = 32, Blocks = [Query, Value] }</c>.</summary>
    public override string ToString()
    {
        static string List(IEnumerable<string> names) => Injection.Names.Quoted(names);
        static string Pattern<T>(IEnumerable<KeyValuePair<string, T>> pattern) =>
            $"{{ {string.Join(", ", pattern.Select(entry => string.Create(CultureInfo.InvariantCulture, $"\"{entry.Key}\": {entry.Value}")))} }}";

        var settings = new List<string> { AllLinear ? "AllLinear" : TargetPattern is null ? $"Targets = {List(Targets)}" : $"TargetPattern = \"{TargetPattern}\"" };
        if (Exclude.Count > 0) settings.Add($"Exclude = {List(Exclude)}");
        if (Within.Count > 0) settings.Add($"Within = {List(Within)}");
        settings.Add(string.Create(CultureInfo.InvariantCulture, $"Rank = {Rank}, Alpha = {Alpha}"));
        if (RankPattern.Count > 0) settings.Add($"RankPattern = {Pattern(RankPattern)}");
        if (AlphaPattern.Count > 0) settings.Add($"AlphaPattern = {Pattern(AlphaPattern)}");
        if (Blocks is not null) settings.Add($"Blocks = [{string.Join(", ", Blocks)}]");
        if (Dropout > 0) settings.Add(string.Create(CultureInfo.InvariantCulture, $"Dropout = {Dropout}"));
        if (RankStabilized) settings.Add("RankStabilized");
        if (Dora) settings.Add("Dora");
        if (Bias != LoraBias.None) settings.Add($"Bias = {Bias}");
        if (Trainable.Count > 0) settings.Add($"Trainable = {List(Trainable)}");
        if (Seed != 0) settings.Add(string.Create(CultureInfo.InvariantCulture, $"Seed = {Seed}"));
        return $"LoraConfig {{ {string.Join(", ", settings)} }}";
    }

    private static int CheckedRank(int value, string what, string property) => value >= 1
        ? value
        : throw new ArgumentOutOfRangeException(property, $"{what} is {value}; it must be at least 1, and 4 to 32 is usual.");

    private static double CheckedAlpha(double value, string what, string property) => value > 0 && double.IsFinite(value)
        ? value
        : throw new ArgumentOutOfRangeException(property, string.Create(CultureInfo.InvariantCulture, $"{what} is {value}; it must be a positive number: the update is scaled by Alpha / Rank."));

    private static string[] CheckedNames(IReadOnlyList<string> value, string property, bool mayBeEmpty)
    {
        ArgumentNullException.ThrowIfNull(value, property);
        if (value.Count == 0 && !mayBeEmpty) throw new ArgumentException($"{property} is empty; name at least one layer, such as \"qkv\".", property);
        if (value.Any(string.IsNullOrWhiteSpace)) throw new ArgumentException($"{property} has an empty name; write a path such as \"blocks.0.attn.qkv\" or its end, \"qkv\".", property);
        return [.. value];
    }

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
