using System.Globalization;
using MedPeft.Lora.Injection;
using TorchSharp.Modules;

namespace MedPeft.Lora;

public abstract partial record AdapterConfig
{
    /// <summary>True if both are of one method and all settings are equal, lists entry by entry.</summary>
    /// <param name="other">The other configuration.</param>
    public virtual bool Equals(AdapterConfig? other) =>
        other is not null && EqualityContract == other.EqualityContract
        && (TargetPattern, AllLinear, Bias, Seed) == (other.TargetPattern, other.AllLinear, other.Bias, other.Seed)
        && Targets.SequenceEqual(other.Targets) && Exclude.SequenceEqual(other.Exclude) && Within.SequenceEqual(other.Within) && Trainable.SequenceEqual(other.Trainable);

    /// <summary>A hash that equal configurations share.</summary>
    public override int GetHashCode() => HashCode.Combine(EqualityContract, Seed, Targets.Count, Trainable.Count, TargetPattern);

    /// <summary>The settings that are not the default, and always the targets and the method's own: <c>LoraConfig { Targets = ["qkv"], Rank = 4, Alpha = 32, Blocks = [Query, Value] }</c>.</summary>
    public sealed override string ToString()
    {
        static string List(IEnumerable<string> names) => Names.Quoted(names);

        var settings = new List<string>();
        if (AdaptsLayers) settings.Add(AllLinear ? "AllLinear" : TargetPattern is null ? $"Targets = {List(Targets)}" : $"TargetPattern = \"{TargetPattern}\"");
        if (Exclude.Count > 0) settings.Add($"Exclude = {List(Exclude)}");
        if (Within.Count > 0) settings.Add($"Within = {List(Within)}");
        settings.AddRange(Settings());
        if (Bias != LoraBias.None) settings.Add($"Bias = {Bias}");
        if (Trainable.Count > 0) settings.Add($"Trainable = {List(Trainable)}");
        if (Seed != 0) settings.Add(string.Create(CultureInfo.InvariantCulture, $"Seed = {Seed}"));
        return settings.Count == 0 ? $"{GetType().Name} {{ }}" : $"{GetType().Name} {{ {string.Join(", ", settings)} }}";
    }

    /// <summary>The method's own settings, as they print.</summary>
    private protected abstract IEnumerable<string> Settings();

    private protected static string[] CheckedNames(IReadOnlyList<string> value, string property, bool mayBeEmpty)
    {
        ArgumentNullException.ThrowIfNull(value, property);
        if (value.Count == 0 && !mayBeEmpty) throw new ArgumentException($"{property} is empty; name at least one layer, such as \"qkv\".", property);
        if (value.Any(string.IsNullOrWhiteSpace)) throw new ArgumentException($"{property} has an empty name; write a path such as \"blocks.0.attn.qkv\" or its end, \"qkv\".", property);
        return [.. value];
    }

    private protected static double CheckedDropout(double value, string property) => value is >= 0 and < 1
        ? value
        : throw new ArgumentOutOfRangeException(property, string.Create(CultureInfo.InvariantCulture, $"{property} is {value}; it must be at least 0 and below 1."));

    // Blocks split rows in three, and the rows of a plain layer may be divisible by three too: an adapter would sit there and mean nothing.
    private protected static void RefuseMixedBlocks(IReadOnlyList<LoraBlock>? blocks, IReadOnlyList<ModuleNode> targets)
    {
        if (blocks is null) return;
        static bool LooksFused(ModuleNode node) => node.Module is Linear { weight.shape: var shape } && shape[0] == 3 * shape[1];
        if (targets.FirstOrDefault(LooksFused) is not { } fused || targets.FirstOrDefault(node => !LooksFused(node)) is not { } plain) return;
        throw new LoraException($"Blocks [{string.Join(", ", blocks)}] fits a fused qkv such as '{fused.Path}', but '{plain.Path}' is to be adapted as well, which is none. "
            + "Adapt the two by two calls of InjectLora, the second without Blocks.");
    }

    private protected static LoraBlock[] CheckedBlocks(IReadOnlyList<LoraBlock> value, string property)
    {
        if (value.Count == 0) throw new ArgumentException("Blocks is empty; name at least one of Query, Key and Value, or leave it null to adapt the whole layer.", property);
        foreach (var block in value)
            if (!Enum.IsDefined(block))
                throw new ArgumentException($"Blocks has {(int)block}, which is none of Query, Key and Value.", property);
        if (value.Distinct().Count() != value.Count) throw new ArgumentException($"Blocks [{string.Join(", ", value)}] names a block twice; name each at most once.", property);
        return [.. value.Order()]; // the order of the rows, whatever the order they were named in
    }
}
