using System.Collections;
using System.Globalization;

namespace MedPeft.Lora.Data;

/// <summary>Images with their labels: an immutable list of <see cref="ImageRecord"/>. Pixels are read later, by <see cref="ImageLoader"/>.</summary>
/// <remarks>Made by the readers (<see cref="ChestXray14"/> and its like) or from your own records.</remarks>
public sealed partial class ImageDataset : IReadOnlyList<ImageRecord>
{
    private readonly ImageRecord[] _records;
    private readonly Lazy<IReadOnlyList<LabelCount>> _counts;
    private readonly Lazy<int> _patients;

    /// <summary>Collects records.</summary>
    /// <param name="name">What the set is called in reports.</param>
    /// <param name="labels">The labels' names, in the order of <see cref="ImageRecord.Labels"/>; each once.</param>
    /// <param name="records">The images in their order.</param>
    /// <exception cref="ArgumentException">A label is named twice, or a record has another number of labels, or a value other than 0, 1 and NaN.</exception>
    public ImageDataset(string name, IReadOnlyList<string> labels, IEnumerable<ImageRecord> records)
        : this(name, labels, Checked(labels, records), [])
    {
    }

    internal ImageDataset(string name, IReadOnlyList<string> labels, ImageRecord[] records, IReadOnlyList<string> missing)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        (Name, Labels, _records, Missing) = (name, [.. labels], records, missing);
        _counts = new(Count);
        _patients = new(() => _records.Where(r => r.Patient is not null).Select(r => (r.Source, r.Patient)).Distinct().Count());

        IReadOnlyList<LabelCount> Count() => [.. Labels.Select((label, k) => new LabelCount(
            label, _records.Count(r => r.Labels[k] > 0), _records.Count(r => r.Labels[k] == 0), _records.Count(r => float.IsNaN(r.Labels[k]))))];
    }

    /// <summary>What the set is called in reports.</summary>
    public string Name { get; }

    /// <summary>The labels' names, in the order of <see cref="ImageRecord.Labels"/>.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>The number of images.</summary>
    public int Count => _records.Length;

    /// <summary>The number of different patients among the images that name one.</summary>
    public int PatientCount => _patients.Value;

    /// <summary>Images that the reader left out because they are not on disk, as the table names them. They may hold patient numbers.</summary>
    public IReadOnlyList<string> Missing { get; }

    /// <summary>How often each label is present, absent and missing.</summary>
    public IReadOnlyList<LabelCount> LabelCounts => _counts.Value;

    /// <summary>One image.</summary>
    /// <param name="index">Its position, from 0.</param>
    public ImageRecord this[int index] => _records[index];

    /// <summary>The images that fulfil a condition, in their order.</summary>
    /// <param name="condition">Says which to keep.</param>
    /// <param name="name">The new set's name; this set's if null.</param>
    public ImageDataset Where(Func<ImageRecord, bool> condition, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(condition);
        return With(Array.FindAll(_records, r => condition(r)), name);
    }

    /// <summary>Images by their positions, in the order given.</summary>
    /// <param name="indices">Positions, from 0; one may be given more than once.</param>
    /// <param name="name">The new set's name; this set's if null.</param>
    /// <exception cref="ArgumentOutOfRangeException">A position is outside the set.</exception>
    public ImageDataset Subset(IEnumerable<int> indices, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(indices);
        return With([.. indices.Select(At)], name);

        ImageRecord At(int index) => (uint)index < (uint)Count
            ? _records[index]
            : throw new ArgumentOutOfRangeException(nameof(indices), index, $"The set has {Count} images; positions run from 0 to {Count - 1}.");
    }

    /// <summary>The first images.</summary>
    /// <param name="count">How many; all if there are fewer.</param>
    /// <param name="name">The new set's name; this set's if null.</param>
    public ImageDataset Take(int count, string? name = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return With(_records[..Math.Min(count, Count)], name);
    }

    /// <summary>The images in their order.</summary>
    public IEnumerator<ImageRecord> GetEnumerator() => ((IEnumerable<ImageRecord>)_records).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Prints the numbers of images, patients, labels and views; no path and no patient.</summary>
    public override string ToString()
    {
        var patients = PatientCount == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $" of {PatientCount:N0} patients");
        var views = string.Join(
            ", ", _records.GroupBy(r => r.View).OrderBy(v => v.Key).Select(v => string.Create(CultureInfo.InvariantCulture, $"{v.Key} {v.Count():N0}")));
        var missing = Missing.Count == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"; {Missing.Count:N0} images not on disk left out");
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Name}: {Count:N0} images{patients}, {Labels.Count} labels, views: {(views.Length == 0 ? "none" : views)}{missing}");
    }

    internal ImageDataset With(ImageRecord[] records, string? name) => new(name ?? Name, Labels, records, []);

    private static ImageRecord[] Checked(IReadOnlyList<string> labels, IEnumerable<ImageRecord> records)
    {
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(records);
        var twice = labels.GroupBy(l => l, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1)?.Key;
        if (twice is not null) throw new ArgumentException($"The label '{twice}' is given twice; each label has one name.", nameof(labels));
        ImageRecord[] array = [.. records];
        for (var i = 0; i < array.Length; i++)
        {
            var values = (array[i] ?? throw new ArgumentException($"Record {i} is null.", nameof(records))).Labels;
            if (values.Length != labels.Count)
                throw new ArgumentException(
                    $"Record {i} has {values.Length} values and the set {labels.Count} labels; give one value for each label.", nameof(records));
            var wrong = Array.FindIndex(values, v => !(v is 0 or 1 || float.IsNaN(v)));
            if (wrong >= 0)
                throw new ArgumentException(
                    FormattableString.Invariant($"Record {i} gives {values[wrong]} for '{labels[wrong]}'; 0 (absent), 1 (present) and NaN (missing) fit."),
                    nameof(records));
        }

        return array;
    }
}
