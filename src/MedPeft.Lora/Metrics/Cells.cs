using System.Globalization;

namespace MedPeft.Lora.Metrics;

/// <summary>What every metric demands of its input: finite scores, labels that are 0, 1 or NaN (missing), as many of the one as of the other.</summary>
internal static class Cells
{
    /// <summary>Checks the scores and labels of one label.</summary>
    /// <exception cref="ArgumentException">Empty, lengths that differ, a score that is not finite, a label that is not 0, 1 or NaN.</exception>
    public static void Check(ReadOnlySpan<float> scores, ReadOnlySpan<float> labels)
    {
        CheckLengths(scores.Length, labels.Length);
        for (var i = 0; i < scores.Length; i++)
            if (!IsValid(scores[i], labels[i])) throw Invalid(scores[i], labels[i], $"{i}");
    }

    /// <summary>Checks the lengths of a row-major table of scores and labels, [n, K]; the cells are left to <see cref="CheckCells"/>.</summary>
    /// <returns>The number of rows, n.</returns>
    /// <exception cref="ArgumentException">No label name or a repeated one, empty, lengths that differ, no whole number of rows.</exception>
    public static int CheckTable(int scores, int labels, IReadOnlyList<string> labelNames)
    {
        ArgumentNullException.ThrowIfNull(labelNames);
        if (labelNames.Count == 0) throw new ArgumentException("labelNames is empty; name each column of the scores.", nameof(labelNames));
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var name in labelNames)
            if (!seen.Add(name)) throw new ArgumentException($"The label '{name}' is named twice; give each column a name of its own.", nameof(labelNames));
        CheckLengths(scores, labels);
        if (scores % labelNames.Count != 0)
        {
            throw new ArgumentException(
                $"{scores} scores are no whole number of rows of {labelNames.Count} labels; pass them row-major, [n, {labelNames.Count}].", nameof(scores));
        }

        return scores / labelNames.Count;
    }

    /// <summary>Demands that two models scored the same cases.</summary>
    /// <exception cref="ArgumentException">They did not.</exception>
    public static void CheckSameCases(int scoresA, int scoresB)
    {
        if (scoresA != scoresB)
        {
            throw new ArgumentException(
                $"The first model has {scoresA} scores and the second {scoresB}; compare models on the same cases and labels.", nameof(scoresB));
        }
    }

    /// <summary>Checks each cell of a row-major table.</summary>
    /// <exception cref="ArgumentException">A score that is not finite, a label that is not 0, 1 or NaN.</exception>
    public static void CheckCells(ReadOnlySpan<float> scores, ReadOnlySpan<float> labels, IReadOnlyList<string> labelNames)
    {
        for (var i = 0; i < scores.Length; i++)
        {
            if (!IsValid(scores[i], labels[i]))
                throw Invalid(scores[i], labels[i], $"{i / labelNames.Count}, label '{labelNames[i % labelNames.Count]}',");
        }
    }

    /// <summary>Whether a score and its label may enter a metric.</summary>
    public static bool IsValid(float score, float label) => float.IsFinite(score) && (label is 0f or 1f || float.IsNaN(label));

    private static void CheckLengths(int scores, int labels)
    {
        if (scores != labels)
        {
            throw new ArgumentException(
                $"Found {scores} scores and {labels} labels; give each score one label: 0, 1, or NaN where it is missing.", nameof(labels));
        }

        if (scores == 0) throw new ArgumentException("There are no scores; a metric needs at least one case.", nameof(scores));
    }

    private static ArgumentException Invalid(float score, float label, string place) => new(float.IsFinite(score)
        ? $"The label of case {place} is {Text(label)}; labels are 0, 1, or NaN where they are missing."
        : $"The score of case {place} is {Text(score)}; scores must be finite. A model that yields it has diverged, or its input held it.");

    private static string Text(float value) => value.ToString(CultureInfo.InvariantCulture);
}
