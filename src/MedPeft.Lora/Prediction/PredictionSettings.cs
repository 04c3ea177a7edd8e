using MedPeft.Lora.Common;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Prediction;

/// <summary>What, besides weights, decides a prediction: labels, preparation of the image, calibration. Kept in a file beside the adapter.</summary>
public sealed partial record PredictionSettings
{
    /// <summary>The file's name in an adapter's folder.</summary>
    public const string FileName = "predictor.json";

    /// <summary>The names of the model's outputs, in their order; each once.</summary>
    public required IReadOnlyList<string> Labels
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(Labels));
            if (value.Count == 0) throw new ArgumentException("Labels is empty; name each output of the model.", nameof(Labels));
            if (value.FirstOrDefault(string.IsNullOrWhiteSpace) is { } || value.Any(label => label is null))
                throw new ArgumentException("Labels has an empty name; name each output of the model.", nameof(Labels));
            if (value.GroupBy(label => label, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1)?.Key is { } twice)
                throw new ArgumentException($"The label '{twice}' is named twice; give each output a name of its own.", nameof(Labels));
            field = [.. value];
        }
    }

    /// <summary>The side of the network's input.</summary>
    /// <value>The default is 224 pixels.</value>
    public int ImageSize { get; init => field = Require.AtLeastOne(value); } = 224;

    /// <summary>What the image's shorter side is resized to before the middle square of <see cref="ImageSize"/> is cut out.</summary>
    /// <value>The default is null: <see cref="ImageSize"/>. MED-PEFT's AdamW recipe has 256 for 224.</value>
    public int? Resize { get; init { if (value is { } pixels) Require.AtLeastOne(pixels); field = value; } }

    /// <summary>How bytes become numbers: the statistics of the backbone's pre-training.</summary>
    /// <value>The default is <see cref="Normalization.Mrm"/>.</value>
    public Normalization Normalization { get; init; } = Normalization.Mrm;

    /// <summary>Channels of the network's input, 1 or 3.</summary>
    /// <value>The default is 3.</value>
    public int Channels { get; init; } = 3;

    /// <summary>Divides the logits before the sigmoid. From <see cref="Metrics.TemperatureScaling"/>, on validation images.</summary>
    /// <value>The default is 1.</value>
    public double Temperature { get; init => field = Require.Positive(value); } = 1;

    /// <summary>The probability, behind the temperature, from which a label is called present; labels without one are never called. Chosen on validation images.</summary>
    /// <value>The default is empty.</value>
    public IReadOnlyDictionary<string, double> Thresholds
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(Thresholds));
            foreach (var (label, threshold) in value)
            {
                if (double.IsNaN(threshold))
                    throw new ArgumentException($"The threshold of '{label}' is NaN; give a probability, or leave the label out.", nameof(Thresholds));
            }

            field = new Dictionary<string, double>(value, StringComparer.Ordinal);
        }
    } = new Dictionary<string, double>();

    /// <summary>From decoded pixels to the network's input: the shorter side resized, the middle square, gray.</summary>
    /// <exception cref="ArgumentException">A number is outside its range, or the crop is larger than what it is cut from.</exception>
    public ImagePipeline Pipeline() => Pipeline(1);

    /// <summary>The same part of the image, a whole number of times finer.</summary>
    internal ImagePipeline Pipeline(int finer)
    {
        var resize = Resize ?? ImageSize;
        if (resize < ImageSize)
            throw new ArgumentException($"Resize is {resize} and ImageSize {ImageSize}: the square would be larger than the image it is cut from. Give Resize {ImageSize} or more.");
        return new ImagePipeline([new Resize(resize * finer), new CenterCrop(ImageSize * finer), new Grayscale()], Normalization, ImageSize * finer, Channels);
    }

    /// <summary>The threshold of each label, in their order.</summary>
    internal double?[] ThresholdsInOrder()
    {
        if (Thresholds.Keys.FirstOrDefault(name => !Labels.Contains(name)) is { } unknown)
            throw new ArgumentException($"There is a threshold for '{unknown}', which is none of the labels: {string.Join(", ", Labels)}.");
        return [.. Labels.Select(label => Thresholds.TryGetValue(label, out var threshold) ? threshold : (double?)null)];
    }
}
