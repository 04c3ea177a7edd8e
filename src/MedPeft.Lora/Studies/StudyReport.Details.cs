using MedPeft.Lora.Metrics;

namespace MedPeft.Lora.Studies;

public sealed partial class StudyReport
{
    /// <summary>What a method's probabilities came to: the bins of a reliability diagram over all labels and seeds of a task.</summary>
    /// <param name="task">One of <see cref="Tasks"/>.</param>
    /// <param name="method">The method's name.</param>
    /// <param name="bins">Equally wide bins.</param>
    /// <returns>Empty where no cell is done.</returns>
    public IReadOnlyList<ReliabilityBin> Reliability(TaskReport task, string method, int bins = 10)
    {
        var (probabilities, labels) = (new List<float>(), new List<float>());
        foreach (var predictions in Predictions(task, method))
        {
            probabilities.AddRange(Calibration.Sigmoid(predictions.TestLogits));
            labels.AddRange(predictions.TestLabels);
        }

        return labels.Count == 0 ? [] : Calibration.Reliability(probabilities.ToArray(), labels.ToArray(), bins);
    }

    /// <summary>Macro AUROC of each method in each group of test images, over the labels that every group has enough cases of.</summary>
    /// <param name="task">One of <see cref="Tasks"/>.</param>
    /// <param name="kind">By what the images are grouped.</param>
    /// <param name="leastPerClass">Positives and negatives that a label needs in a group; groups that have no label with so many are left out.</param>
    /// <returns>The groups by name; empty where the data set does not tell, or fewer than two groups are large enough.</returns>
    public IReadOnlyList<SubgroupScore> Subgroups(TaskReport task, SubgroupKind kind, int leastPerClass = 10)
    {
        ArgumentNullException.ThrowIfNull(task);
        var methods = task.Methods.Where(method => method.Results.Count > 0).Select(method => (method.Method, Seeds: Predictions(task, method.Method))).ToList();
        if (methods.Count == 0) return [];
        var (first, names) = (methods[0].Seeds[0], methods[0].Seeds[0].Groups(kind));
        var count = first.TestLabels.Length / names.Count;
        var groups = names.Select((name, row) => (name, row)).Where(entry => entry.name is not null).GroupBy(entry => entry.name!, entry => entry.row)
            .Select(group => (Name: group.Key, Rows: group.ToArray()))
            .Where(group => Enumerable.Range(0, count).Any(k => Enough(group.Rows, k))).OrderBy(group => group.Name, StringComparer.Ordinal).ToList();
        var common = Enumerable.Range(0, count).Where(k => groups.TrueForAll(group => Enough(group.Rows, k))).ToArray();
        if (groups.Count < 2 || common.Length == 0) return [];
        return [.. groups.Select(group => new SubgroupScore(
            group.Name, group.Rows.Length, common.Length,
            [.. methods.Select(method => (method.Method, method.Seeds.Average(seed => common.Average(k => Area(seed.TestLogits, group.Rows, k)))))]))];

        bool Enough(int[] rows, int k) => rows.Count(row => first.TestLabels[row * count + k] == 1) >= leastPerClass && rows.Count(row => first.TestLabels[row * count + k] == 0) >= leastPerClass;

        double Area(float[] logits, int[] rows, int k) =>
            Auroc.Compute(Array.ConvertAll(rows, row => logits[row * count + k]), Array.ConvertAll(rows, row => first.TestLabels[row * count + k]))!.Value;
    }

    private IReadOnlyList<CellPredictions> Predictions(TaskReport task, string method) =>
        [.. Runner.Cells.Where(cell => cell.Backbone.Name == task.Backbone && cell.Dataset.Name == task.Dataset && cell.Train.Fraction == task.Fraction && cell.Method.Name == method)
            .Where(cell => Runner.Result(cell) is not null).Select(cell => CellPredictions.Load(Runner.Folder(cell).Predictions))];
}
