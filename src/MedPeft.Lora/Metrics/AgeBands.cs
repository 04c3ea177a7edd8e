namespace MedPeft.Lora.Metrics;

/// <summary>Names for ranges of age, as keys of subgroups.</summary>
public static class AgeBands
{
    /// <summary>Where bands begin unless others are given: 0-17, 18-39, 40-59, 60-79, 80+.</summary>
    private static readonly int[] Adults = [18, 40, 60, 80];

    /// <summary>The band of an age.</summary>
    /// <param name="years">Completed or fractional years, or null where it is not known.</param>
    /// <param name="starts">The ages at which a new band begins, rising and above 0; null for 18, 40, 60 and 80.</param>
    /// <returns>"40-59" or "80+", or null where the age is not known, which <see cref="Subgroups"/> reports as unknown.</returns>
    /// <exception cref="ArgumentException">The starts do not rise from above 0.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The age is negative or not a number.</exception>
    public static string? Name(double? years, IReadOnlyList<int>? starts = null)
    {
        starts ??= Adults;
        for (var i = 0; i < starts.Count; i++)
        {
            if (starts[i] <= (i == 0 ? 0 : starts[i - 1]))
                throw new ArgumentException($"The bands begin at {string.Join(", ", starts)}; give rising ages above 0.", nameof(starts));
        }

        if (years is not { } age) return null;
        if (!(age >= 0)) throw new ArgumentOutOfRangeException(nameof(years), years, "An age is 0 or more; give null where it is not known.");
        var band = starts.Count(start => age >= start);
        var from = band == 0 ? 0 : starts[band - 1];
        return band == starts.Count ? $"{from}+" : $"{from}-{starts[band] - 1}";
    }
}
