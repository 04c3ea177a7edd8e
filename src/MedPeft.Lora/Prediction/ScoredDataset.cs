using MedPeft.Lora.Data;
using MedPeft.Lora.Metrics;

namespace MedPeft.Lora.Prediction;

/// <summary>The logits of a labelled data set, and what is to be asked of them: per image, per study, by subgroup; and a calibration for other images.</summary>
public sealed class ScoredDataset
{
    private readonly float[] _labels;

    internal ScoredDataset(ImageDataset data, float[] logits, double temperature, IReadOnlyList<SkippedImage> skipped)
    {
        (Data, Logits, Temperature, Skipped) = (data, logits, temperature, skipped);
        _labels = new float[logits.Length];
        for (var i = 0; i < data.Count; i++) data[i].Labels.CopyTo(_labels.AsSpan(i * data.Labels.Count));
    }

    /// <summary>The images that were scored, in their order.</summary>
    public ImageDataset Data { get; }

    /// <summary>Logits, [n, K] in row-major order. Not a copy: do not change them.</summary>
    public float[] Logits { get; }

    /// <summary>The predictor's temperature.</summary>
    public double Temperature { get; }

    /// <summary>Images that could not be read, by their position in the set that was given.</summary>
    public IReadOnlyList<SkippedImage> Skipped { get; }

    /// <summary>The patient of each image, for <see cref="BootstrapOptions.Groups"/>: images of one patient are drawn together.</summary>
    /// <exception cref="ArgumentException">An image names no patient.</exception>
    public IReadOnlyList<string> Patients => [.. Data.Select(image => image.PatientKey
        ?? throw new ArgumentException("An image names no patient. Open the data set with the column of its patients, or draw image by image, without groups."))];

    /// <summary>Evaluates image by image, at the predictor's temperature.</summary>
    /// <param name="options">What to evaluate; the defaults if null. What the scores are, and the temperature, is set here.</param>
    /// <exception cref="ArgumentException">No image could be read, or the options do not fit.</exception>
    public EvaluationReport Evaluate(EvaluationOptions? options = null) => Evaluation.Run(Logits, _labels, Data.Labels, Logit(options));

    /// <summary>Evaluates study by study: the logits of a study's images are pooled, and a label is present where any image has it.</summary>
    /// <param name="pooling">How logits are pooled; the mean unless given.</param>
    /// <param name="options">As for <see cref="Evaluate"/>; groups of a bootstrap count studies, in the order of their first image.</param>
    /// <exception cref="ArgumentException">An image names no study.</exception>
    public EvaluationReport EvaluateStudies(StudyPooling pooling = StudyPooling.Mean, EvaluationOptions? options = null)
    {
        var unnamed = Data.Count(image => image.Study is null);
        if (unnamed > 0)
            throw new ArgumentException($"{unnamed} of {Data.Count} images name no study. Evaluate image by image, or open the data set with the column of its studies.");
        var studies = StudyScores.Pool(Logits, _labels, Data.Labels, [.. Data.Select(image => $"{image.Source}/{image.Study}")], pooling);
        return Evaluation.Run(studies.Scores, studies.Labels, Data.Labels, Logit(options));
    }

    /// <summary>Compares the sexes.</summary>
    /// <param name="leastPerClass">Groups with fewer positives or negatives of a label enter no gap; 10 unless given.</param>
    public SubgroupReport BySex(int leastPerClass = 10) => By(image => image.Sex == Sex.Unknown ? null : image.Sex.ToString(), leastPerClass);

    /// <summary>Compares bands of age.</summary>
    /// <param name="starts">The ages at which a new band begins; null for 18, 40, 60 and 80. See <see cref="AgeBands"/>.</param>
    /// <param name="leastPerClass">Groups with fewer positives or negatives of a label enter no gap; 10 unless given.</param>
    public SubgroupReport ByAge(IReadOnlyList<int>? starts = null, int leastPerClass = 10) => By(image => AgeBands.Name(image.Age, starts), leastPerClass);

    /// <summary>Compares the views.</summary>
    /// <param name="leastPerClass">Groups with fewer positives or negatives of a label enter no gap; 10 unless given.</param>
    public SubgroupReport ByView(int leastPerClass = 10) => By(image => image.View == ViewPosition.Unknown ? null : image.View.ToString(), leastPerClass);

    /// <summary>Compares groups of your own.</summary>
    /// <param name="group">The group of an image; null where it is not known.</param>
    /// <param name="leastPerClass">Groups with fewer positives or negatives of a label enter no gap; 10 unless given.</param>
    public SubgroupReport By(Func<ImageRecord, string?> group, int leastPerClass = 10)
    {
        ArgumentNullException.ThrowIfNull(group);
        return Subgroups.Compare(Logits, _labels, Data.Labels, [.. Data.Select(group)], leastPerClass);
    }

    /// <summary>Settings with a temperature and thresholds that fit these images. Use validation images: on those to be reported they flatter.</summary>
    /// <param name="settings">What else they hold.</param>
    /// <param name="rule">How thresholds are chosen; labels without both classes get none.</param>
    /// <returns>The settings; temperature 1 where none can be fitted.</returns>
    /// <exception cref="ArgumentException">Other labels than those of the data.</exception>
    public PredictionSettings Calibrate(PredictionSettings settings, ThresholdRule rule = ThresholdRule.Youden)
    {
        ArgumentNullException.ThrowIfNull(settings);
        if (!settings.Labels.SequenceEqual(Data.Labels))
            throw new ArgumentException($"The settings name {string.Join(", ", settings.Labels)} and the data {string.Join(", ", Data.Labels)}; both name the same labels in the same order.", nameof(settings));
        var fit = TemperatureScaling.Fit(Logits, _labels);
        var temperature = fit is { AtBound: false } ? fit.Temperature : 1;
        var (k, probabilities, thresholds) = (Data.Labels.Count, Calibration.Sigmoid(Logits, temperature), new Dictionary<string, double>());
        for (var label = 0; label < k; label++)
        {
            var (scores, truth) = (Column(probabilities, label), Column(_labels, label));
            var point = rule == ThresholdRule.F1 ? OperatingPoint.MaximumF1(scores, truth) : OperatingPoint.MaximumYouden(scores, truth);
            if (point is not null) thresholds.Add(Data.Labels[label], point.Threshold);
        }

        return settings with { Temperature = temperature, Thresholds = thresholds };

        float[] Column(float[] table, int label) => [.. Enumerable.Range(0, table.Length / k).Select(row => table[row * k + label])];
    }

    private EvaluationOptions Logit(EvaluationOptions? options) => (options ?? new EvaluationOptions()) with { Scores = ScoreKind.Logit, Temperature = Temperature };
}
