using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Prediction;

/// <summary>A heat map and the part of the radiograph that it lies over.</summary>
/// <param name="Map">The map.</param>
/// <param name="Radiograph">The square that the model saw, gray or RGB, finer than the model saw it.</param>
public sealed record Explanation(HeatMap Map, PixelImage Radiograph)
{
    /// <summary>The map drawn over the radiograph, with a legend.</summary>
    /// <param name="opacity">How much the hottest colour covers, above 0 and at most 1; 0.6 unless given.</param>
    /// <returns>RGB; <see cref="PixelImage.SavePng"/> writes it.</returns>
    public PixelImage Draw(double opacity = .6) => Map.Draw(Radiograph, opacity);
}
