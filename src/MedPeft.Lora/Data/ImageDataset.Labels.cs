namespace MedPeft.Lora.Data;

public sealed partial class ImageDataset
{
    /// <summary>
    /// The same images with other labels: those of a set, in its order. Labels that this data set lacks become missing (NaN), others are dropped.
    /// </summary>
    /// <param name="labels">The labels, such as <see cref="LabelSet.Pathologies18"/>.</param>
    /// <exception cref="ArgumentException">The two have no label in common, or two labels of this set stand for one.</exception>
    public ImageDataset Relabel(LabelSet labels)
    {
        ArgumentNullException.ThrowIfNull(labels);
        var positions = labels.Positions(Labels);
        if (positions.All(p => p < 0))
            throw new ArgumentException(
                $"'{Name}' has none of the labels {labels}. Its own: {string.Join(", ", Labels)}. Add synonyms to the set.", nameof(labels));
        return new ImageDataset(Name, labels.Names, Array.ConvertAll(_records, Of), Missing);

        ImageRecord Of(ImageRecord record) => record with
        {
            Labels = Array.ConvertAll(positions, p => p < 0 ? float.NaN : record.Labels[p]),
            Boxes = record.Boxes.Count == 0
                ? record.Boxes
                : [.. record.Boxes.Select(b => b with { Label = labels.Synonyms.GetValueOrDefault(b.Label, b.Label) })],
        };
    }

    /// <summary>
    /// Joins data sets on one set of labels. Their images follow one another; an image that two of them hold stays twice, so check for leaks.
    /// </summary>
    /// <param name="name">The new set's name.</param>
    /// <param name="labels">The labels, such as <see cref="LabelSet.Pathologies18"/>.</param>
    /// <param name="sets">The data sets, in their order.</param>
    /// <exception cref="ArgumentException">A data set has none of the labels.</exception>
    public static ImageDataset Merge(string name, LabelSet labels, params ImageDataset[] sets)
    {
        ArgumentNullException.ThrowIfNull(sets);
        ImageDataset[] relabelled = [.. sets.Select(s => s.Relabel(labels))];
        return new ImageDataset(name, labels.Names, [.. relabelled.SelectMany(s => s)], [.. relabelled.SelectMany(s => s.Missing)]);
    }

    /// <summary>
    /// For each label the weight that makes its positives count as much as its negatives: negatives / positives, the <c>pos_weight</c> of
    /// BCEWithLogitsLoss, for <see cref="Training.TrainingOptions.PositiveWeights"/>.
    /// </summary>
    /// <param name="most">The largest weight: a label of one positive in 100,000 would otherwise drown the rest. By default none is cut.</param>
    /// <returns>K weights; 1 for a label without a positive or without a negative.</returns>
    public IReadOnlyList<double> PositiveWeights(double most = double.PositiveInfinity)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(most);
        return [.. LabelCounts.Select(c => c.Positives == 0 || c.Negatives == 0 ? 1 : Math.Min(most, (double)c.Negatives / c.Positives))];
    }
}
