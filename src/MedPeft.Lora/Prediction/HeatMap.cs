using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Prediction;

/// <summary>One number for each patch of an image: a small map, [Grid, Grid], that can be drawn over the radiograph.</summary>
public sealed class HeatMap
{
    private readonly float[] _values;

    internal HeatMap(HeatMapMethod method, int grid, float[] values, string? label = null) => (Method, Grid, _values, Label) = (method, grid, values, label);

    /// <summary>How it was made.</summary>
    public HeatMapMethod Method { get; }

    /// <summary>Rows, and columns.</summary>
    public int Grid { get; }

    /// <summary>The label it speaks of; null where it speaks of all.</summary>
    public string? Label { get; }

    /// <summary>The numbers, row by row, [Grid, Grid], at least 0. Roll-out: shares of 1. Grad-CAM: parts of the logit, to first order.</summary>
    public IReadOnlyList<float> Values => _values;

    /// <summary>One patch.</summary>
    /// <param name="row">From 0, at the top.</param>
    /// <param name="column">From 0, at the left.</param>
    public float this[int row, int column]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(row);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, Grid);
            ArgumentOutOfRangeException.ThrowIfNegative(column);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(column, Grid);
            return _values[row * Grid + column];
        }
    }

    /// <summary>The coldest colour stands for this: 0, or of a roll-out the lowest value, since every patch keeps some share of itself.</summary>
    public float Low => Method == HeatMapMethod.AttentionRollout ? _values.Min() : 0;

    /// <summary>The hottest colour stands for this, the highest value.</summary>
    public float High => _values.Max();

    /// <summary>Draws the map over the square of the image that the model saw, with a legend on the right.</summary>
    /// <remarks>
    /// Colours are those of viridis, which rise evenly in lightness (van der Walt and Smith 2015), and cover the radiograph the more the
    /// hotter a place is; cold places stay as they are. Between the middles of patches values are interpolated linearly.
    /// </remarks>
    /// <param name="radiograph">A square image of the same part, of any size; usually that of <see cref="Explanation"/>.</param>
    /// <param name="opacity">How much the hottest colour covers, above 0 and at most 1; 0.6 unless given.</param>
    /// <returns>RGB, as high as the radiograph and wider by the legend.</returns>
    /// <exception cref="ArgumentException">The image is not square.</exception>
    public PixelImage Draw(PixelImage radiograph, double opacity = .6)
    {
        ArgumentNullException.ThrowIfNull(radiograph);
        if (radiograph.Width != radiograph.Height)
            throw new ArgumentException($"Found {radiograph.Width}x{radiograph.Height} pixels; a heat map lies over the square that the model saw. Use the radiograph of the Explanation.", nameof(radiograph));
        if (!(opacity is > 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(opacity), opacity, "An opacity is above 0 and at most 1.");
        return HeatMapPicture.Draw(this, radiograph, opacity);
    }
}
