using System.Globalization;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;

namespace MedPeft.Lora.Studies;

/// <summary>What a study would do, what it would take, and what it lacks.</summary>
public sealed class StudyPlan
{
    // Activations of a training step per image, ViT-B/16 at 224 px in float32: measured for LoRA; full fine-tuning keeps the inputs of its products too.
    private const double AdapterActivations = 95 * 1048576.0, FullActivations = 160 * 1048576.0, HeadActivations = 10 * 1048576.0;

    private StudyPlan(Study study, StudyMachine machine, IReadOnlyList<CellEstimate> cells, IReadOnlyList<string> missing) =>
        (Study, Machine, Cells, Missing) = (study, machine, cells, missing);

    /// <summary>The study.</summary>
    public Study Study { get; }

    /// <summary>The machine that times are estimated for.</summary>
    public StudyMachine Machine { get; }

    /// <summary>Every cell with its estimate.</summary>
    public IReadOnlyList<CellEstimate> Cells { get; }

    /// <summary>What is not on disk, or not as the study wants it; empty when everything is there.</summary>
    public IReadOnlyList<string> Missing { get; }

    /// <summary>All cells together, one after another; cells whose images are not known count nothing.</summary>
    public TimeSpan Time => TimeSpan.FromSeconds(Cells.Sum(cell => cell.Time?.TotalSeconds ?? 0));

    /// <summary>Plans a study.</summary>
    /// <param name="study">The study.</param>
    /// <param name="machine">The machine that times are estimated for.</param>
    /// <exception cref="StudyException">The study cannot be run as it is written.</exception>
    public static StudyPlan Of(Study study, StudyMachine machine)
    {
        ArgumentNullException.ThrowIfNull(study);
        ArgumentNullException.ThrowIfNull(machine);
        var disk = new StudyDisk(study);
        var parameters = new Dictionary<string, (long Trained, long Total)>();
        var cells = study.Cells();
        return new StudyPlan(study, machine, [.. cells.Select(cell => Estimate(cell, machine, disk, parameters))], disk.Missing(cells));
    }

    /// <summary>The assumptions behind times and memory, in words.</summary>
    public string Assumptions => string.Create(CultureInfo.InvariantCulture,
        $"Times for {Machine.Name}: the operations of the vision transformer (adapters 2, full fine-tuning 3, probe 1 forward passes a training image; 1 a scored one) at {Machine.HalfPrecision:0.###} TFLOP/s in half precision, {Machine.TensorFloat32:0.###} in TensorFloat-32, {Machine.SinglePrecision:0.###} in float32 ({Machine.Basis}). "
        + $"Loading, checkpoints and start-up are not in it. Memory: float32 weights, gradients, the optimizer's state, and activations of a batch scaled from ViT-B/16 (95 MiB an image for adapters, measured; 160 for full fine-tuning, as the reference).");

    private static CellEstimate Estimate(StudyCell cell, StudyMachine machine, StudyDisk disk, Dictionary<string, (long, long)> parameters)
    {
        var train = disk.TrainImages(cell.Dataset, cell.Train);
        var validation = disk.Images(cell.Dataset, cell.Dataset.Validation, cell.Dataset.ValidationImages);
        var test = disk.Images(cell.Dataset, cell.Dataset.Test, cell.Dataset.TestImages);
        var (trained, total) = Parameters(cell, parameters);
        var (options, forward) = (cell.Training, VitCost.Forward(cell.Vit));
        long? steps = train is not { } count ? null
            : (long)options.Epochs * Math.Max(1, options.DropLast ? count / options.BatchSize : (count + options.BatchSize - 1) / options.BatchSize);
        TimeSpan? time = steps is not { } all || validation is null || test is null ? null : TimeSpan.FromSeconds(
            forward * (all * Math.Min(options.BatchSize, train!.Value) * VitCost.Passes(cell.Adapter) + (double)options.Epochs * validation.Value + test.Value) / (machine.TeraFlops(cell) * 1e12));
        var moments = options.Optimizer == OptimizerKind.AdamW ? 2 : 1;
        var activations = Activations(cell) * cell.Vit.Depth * cell.Vit.EmbedDim * (cell.Vit.Patches + cell.Vit.PrefixTokens) / (12 * 768 * 197.0);
        return new CellEstimate(cell, train, validation, test, trained, total, steps, time, 4 * (total + (1 + moments) * trained) + (long)(activations * options.BatchSize));
    }

    private static double Activations(StudyCell cell) => cell.Adapter switch
    {
        FullConfig => FullActivations,
        LinearProbeConfig => HeadActivations,
        _ => AdapterActivations,
    };

    // The adapters are counted by the injector itself, so that any method of the family is counted right.
    private static (long Trained, long Total) Parameters(StudyCell cell, Dictionary<string, (long, long)> known)
    {
        var key = $"{cell.Method.Kind} {cell.Adapter} {cell.Vit}";
        if (known.TryGetValue(key, out var counts)) return counts;
        using var model = new VisionTransformer(cell.Vit);
        var plan = model.PlanAdapter(cell.Adapter).Parameters;
        return known[key] = (plan.Trained, plan.Total);
    }
}
