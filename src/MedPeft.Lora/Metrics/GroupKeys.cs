namespace MedPeft.Lora.Metrics;

/// <summary>Keys of cases (patients, studies) as numbers, in the order of first appearance.</summary>
/// <param name="Names">The distinct keys.</param>
/// <param name="Of">The number of each case's key.</param>
internal sealed record GroupKeys(IReadOnlyList<string> Names, int[] Of)
{
    /// <summary>Numbers the keys.</summary>
    /// <exception cref="ArgumentException">Not one key per case, or a case without key.</exception>
    public static GroupKeys Check(IReadOnlyList<string> keys, int cases, string name)
    {
        ArgumentNullException.ThrowIfNull(keys, name);
        if (keys.Count != cases) throw new ArgumentException($"{name} has {keys.Count} keys for {cases} cases; give one per case.", name);
        var numbers = new Dictionary<string, int>(StringComparer.Ordinal);
        var of = new int[cases];
        for (var i = 0; i < cases; i++)
        {
            // An unknown patient or study is not the same one for all cases without key.
            var key = keys[i] ?? throw new ArgumentException($"{name} has no key for case {i}; where it is unknown, give the case a key of its own.", name);
            if (!numbers.TryGetValue(key, out of[i])) numbers.Add(key, of[i] = numbers.Count);
        }

        return new GroupKeys([.. numbers.Keys], of);
    }
}
