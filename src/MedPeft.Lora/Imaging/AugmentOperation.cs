namespace MedPeft.Lora.Imaging;

/// <summary>The fifteen operations of timm's <c>rand-…-inc1</c> policies, in timm's order.</summary>
/// <remarks>Cubuk et al. 2020, "RandAugment", arXiv:1909.13719; the increasing variants grow stronger with the magnitude.</remarks>
public enum AugmentOperation
{
    /// <summary>Stretches each channel to the full range 0 to 255.</summary>
    AutoContrast,

    /// <summary>Flattens the histogram of each channel.</summary>
    Equalize,

    /// <summary>255 - value.</summary>
    Invert,

    /// <summary>Turns about the middle, up to 30 degrees either way.</summary>
    Rotate,

    /// <summary>Keeps 4 to 0 of the upper bits. At magnitude 10 nothing is left: the image is black, as in timm.</summary>
    Posterize,

    /// <summary>Inverts values from a threshold on, 256 (none) down to 0 (all).</summary>
    Solarize,

    /// <summary>Adds up to 110 to values below 128.</summary>
    SolarizeAdd,

    /// <summary>Blends with its gray version, 1 ± 0.9. Nothing changes on gray.</summary>
    Color,

    /// <summary>Blends with its mean gray, 1 ± 0.9.</summary>
    Contrast,

    /// <summary>Blends with black, 1 ± 0.9.</summary>
    Brightness,

    /// <summary>Blends with its smoothed version, 1 ± 0.9.</summary>
    Sharpness,

    /// <summary>Shifts each row in proportion to its height, up to 0.3 either way.</summary>
    ShearX,

    /// <summary>Shifts each column in proportion to its place, up to 0.3 either way.</summary>
    ShearY,

    /// <summary>Shifts left or right by up to 45 % of the width.</summary>
    TranslateX,

    /// <summary>Shifts up or down by up to 45 % of the height.</summary>
    TranslateY,
}
