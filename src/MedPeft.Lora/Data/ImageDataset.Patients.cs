using System.Globalization;
using MedPeft.Lora.Data.Tables;

namespace MedPeft.Lora.Data;

public sealed partial class ImageDataset
{
    /// <summary>The first image of each patient, as it is: no value is taken from a later one.</summary>
    /// <exception cref="DatasetException">An image names no patient.</exception>
    public ImageDataset FirstPerPatient()
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        return With([.. _records.Zip(Patients()).Where(r => seen.Add(r.Second)).Select(r => r.First)], null);
    }

    /// <summary>All images of the first examination of each patient; where an image names no examination, it counts as one by itself.</summary>
    /// <exception cref="DatasetException">An image names no patient.</exception>
    public ImageDataset FirstStudyPerPatient()
    {
        var first = new Dictionary<string, string?>(StringComparer.Ordinal);
        var patients = Patients();
        return With([.. _records.Where((r, i) => first.TryAdd(patients[i], r.Study) || (r.Study is not null && first[patients[i]] == r.Study))], null);
    }

    /// <summary>
    /// A share of the patients with all their images, for experiments with few labels. Smaller shares lie inside larger ones of the same seed.
    /// </summary>
    /// <param name="share">The share of the patients, above 0 and at most 1; at least one patient.</param>
    /// <param name="seed">Chooses the patients. The choice depends on nothing else: not on the order of the images, the machine or the version.</param>
    /// <exception cref="DatasetException">An image names no patient.</exception>
    public ImageDataset Fraction(double share, ulong seed = 0)
    {
        if (share is not (> 0 and <= 1))
            throw new ArgumentOutOfRangeException(
                nameof(share), string.Create(CultureInfo.InvariantCulture, $"Found {share}; a share above 0 and at most 1 fits, such as 0.01."));
        var (patients, ranks, count) = Ranked(seed, "fraction");
        var most = Math.Max(1, (int)Math.Round(share * count));
        return With([.. _records.Where((_, i) => ranks[patients[i]] < most)], string.Create(CultureInfo.InvariantCulture, $"{Name} {100 * share:0.###} %"));
    }

    /// <summary>Parts that share no patient.</summary>
    /// <param name="shares">The parts' shares of the patients, such as 0.7, 0.1, 0.2; together at most 1.</param>
    /// <param name="seed">Chooses the patients, and nothing else does.</param>
    /// <returns>The parts, each in this set's order.</returns>
    /// <exception cref="DatasetException">An image names no patient, or a part would be empty.</exception>
    public IReadOnlyList<ImageDataset> Split(IReadOnlyList<double> shares, ulong seed = 0)
    {
        ArgumentNullException.ThrowIfNull(shares);
        if (shares.Count == 0 || shares.Any(s => s is not (> 0 and <= 1)) || shares.Sum() > 1 + 1e-9)
            throw new ArgumentException($"Found the shares {Show()}; shares above 0 that sum to at most 1 fit, such as 0.7, 0.1, 0.2.", nameof(shares));
        var (patients, ranks, count) = Ranked(seed, "split");
        var parts = new List<ImageDataset>();
        var (start, sum) = (0, 0.0);
        foreach (var share in shares)
        {
            sum += share;
            var (from, end) = (start, (int)Math.Round(Math.Min(1, sum) * count));
            if (end <= from)
                throw new DatasetException(Name, $"has {Quoted.Number(count)} patients, too few for the shares {Show()}. Use fewer or larger parts.");
            ImageRecord[] part = [.. _records.Where((_, i) => ranks[patients[i]] >= from && ranks[patients[i]] < end)];
            parts.Add(With(part, $"{Name} part {parts.Count + 1} of {shares.Count}"));
            start = end;
        }

        return parts;

        string Show() => string.Join(", ", shares.Select(s => s.ToString(CultureInfo.InvariantCulture)));
    }

    /// <summary>Cross-validation by patient: k folds, each patient held out in exactly one.</summary>
    /// <param name="count">The number of folds, k, at least 2.</param>
    /// <param name="seed">Chooses the patients, and nothing else does.</param>
    /// <exception cref="DatasetException">An image names no patient, or there are fewer patients than folds.</exception>
    public IReadOnlyList<Fold> Folds(int count, ulong seed = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 2);
        var (patients, ranks, all) = Ranked(seed, "fold");
        if (all < count) throw new DatasetException(Name, $"has {Quoted.Number(all)} patients, too few for {count} folds. Use fewer folds.");
        return [.. Enumerable.Range(0, count).Select(k => new Fold(
            k,
            With([.. _records.Where((_, i) => ranks[patients[i]] % count != k)], $"{Name} fold {k + 1} of {count}, rest"),
            With([.. _records.Where((_, i) => ranks[patients[i]] % count == k)], $"{Name} fold {k + 1} of {count}")))];
    }

    private (string[] Patients, Dictionary<string, int> Ranks, int Count) Ranked(ulong seed, string purpose)
    {
        var patients = Patients();
        var ranks = PatientHash.Ranks(patients, seed, purpose);
        return (patients, ranks, ranks.Count);
    }

    private string[] Patients()
    {
        var unknown = _records.Count(r => r.Patient is null);
        if (unknown > 0)
            throw new DatasetException(
                Name,
                $"names no patient for {Quoted.Number(unknown)} of {Quoted.Number(Count)} images, so patients cannot be kept together. "
                + $"Give them (for RSNA: put {Rsna.Mapping} into the root), or set ImageRecord.Patient to the image's name if no patient has two.");
        return Array.ConvertAll(_records, r => r.PatientKey!);
    }
}
