namespace MedPeft.Lora.Imaging;

/// <summary>How pixels between pixels are computed, as Pillow does it.</summary>
public enum Interpolation
{
    /// <summary>Straight lines between neighbours.</summary>
    Bilinear,

    /// <summary>Keys' cubic with a = -0.5; antialiased when shrinking.</summary>
    Bicubic,
}
