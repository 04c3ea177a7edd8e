using System.Globalization;
using MedPeft.Lora.Injection;

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

        var settings = new List<string> { AllLinear ? "AllLinear" : TargetPattern is null ? $"Targets = {List(Targets)}" : $"TargetPattern = \"{TargetPattern}\"" };
        if (Exclude.Count > 0) settings.Add($"Exclude = {List(Exclude)}");
        if (Within.Count > 0) settings.Add($"Within = {List(Within)}");
        settings.AddRange(Settings());
        if (Bias != LoraBias.None) settings.Add($"Bias = {Bias}");
        if (Trainable.Count > 0) settings.Add($"Trainable = {List(Trainable)}");
        if (Seed != 0) settings.Add(string.Create(CultureInfo.InvariantCulture, $"Seed = {Seed}"));
        return $"{GetType().Name} {{ {string.Join(", ", settings)} }}";
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
}
