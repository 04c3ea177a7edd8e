using MedPeft.Lora.Imaging;
using MedPeft.Lora.Vision;

namespace MedPeft.Lora.Prediction;

public sealed partial class Predictor
{
    /// <summary>Makes a heat map of one image.</summary>
    /// <param name="input">The image.</param>
    /// <param name="method">How.</param>
    /// <param name="label">Which label it is to speak of; <see cref="HeatMapMethod.GradCam"/> needs one, a roll-out has none.</param>
    /// <returns>The map and what it is drawn over.</returns>
    /// <exception cref="ImageException">The image cannot be read.</exception>
    /// <exception cref="ArgumentException">No such label, or none where one is needed.</exception>
    /// <exception cref="NotSupportedException">The model is no <see cref="VisionTransformer"/>.</exception>
    public Explanation Explain(ImageInput input, HeatMapMethod method, string? label = null)
    {
        ArgumentNullException.ThrowIfNull(input);
        if (_model is not VisionTransformer vit)
            throw new NotSupportedException($"Heat maps look into a VisionTransformer; this model is {_model.GetType().Name}.");
        var output = method == HeatMapMethod.GradCam ? Output(label) : -1;
        var image = input.Read();
        using var prepared = Prepare(image);
        using var onDevice = prepared.to(_device);
        using var typed = onDevice.to(_type);
        var map = method == HeatMapMethod.GradCam ? HeatMaps.GradCam(vit, typed, output, label) : HeatMaps.AttentionRollout(vit, typed);
        var random = SampleRandom.For(0, 0, 0);
        return new Explanation(map, _picture.Transform(image, ref random));
    }

    private int Output(string? label)
    {
        for (var k = 0; k < Labels.Count; k++)
            if (Labels[k] == label) return k;
        throw new ArgumentException(
            label is null ? $"Grad-CAM speaks of one label; name one of {string.Join(", ", Labels)}." : $"There is no label '{label}'. Labels: {string.Join(", ", Labels)}.", nameof(label));
    }
}
