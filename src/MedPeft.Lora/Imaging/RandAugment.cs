namespace MedPeft.Lora.Imaging;

/// <summary>Applies a few operations drawn at random, each with a probability and a noisy strength: timm's <c>rand-m9-mstd0.5-inc1</c> by default.</summary>
/// <remarks>
/// Cubuk et al. 2020, arXiv:1909.13719, as timm 0.6.12 has it: two of <see cref="AugmentOperation"/> with replacement, each applied with
/// probability 0.5, its magnitude drawn anew from a normal distribution and cut to 0..10. A gray image equals three equal channels throughout.
/// </remarks>
public sealed record RandAugment : IImageTransform
{
    private static readonly int OperationCount = Enum.GetValues<AugmentOperation>().Length;

    /// <summary>How many operations are drawn for an image, with replacement.</summary>
    /// <value>The default is 2.</value>
    public int Layers
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value, nameof(Layers));
            field = value;
        }
    } = 2;

    /// <summary>The mean magnitude, 0 to 10.</summary>
    /// <value>The default is 9.</value>
    public double Magnitude
    {
        get;
        init => field = value is >= 0 and <= AugmentMagnitude.Greatest
            ? value : throw new ArgumentOutOfRangeException(nameof(Magnitude), Text.Of($"Found {value}; a magnitude lies between 0 and {AugmentMagnitude.Greatest}."));
    } = 9;

    /// <summary>The standard deviation of the magnitude; 0 for none.</summary>
    /// <value>The default is 0.5.</value>
    public double MagnitudeStd
    {
        get;
        init => field = value >= 0 && double.IsFinite(value)
            ? value : throw new ArgumentOutOfRangeException(nameof(MagnitudeStd), Text.Of($"Found {value}; a standard deviation is 0 or more."));
    } = .5;

    /// <summary>How likely a drawn operation is applied.</summary>
    /// <value>The default is 0.5.</value>
    public double Probability { get; init => field = Text.Probability(value, nameof(Probability)); } = .5;

    /// <summary>The gray that fills what a rotation, shear or shift uncovers.</summary>
    /// <value>The default is 122, the mean of CXR-MAE's images; <see cref="For"/> computes it.</value>
    public byte Fill { get; init; } = 122;

    /// <summary>
    /// Fills with red instead of gray, as MED-PEFT's runs did: timm handed Pillow a fill of one number for three channels, and Pillow
    /// read (122,) as (122, 0, 0), whose luma is 36. Only for reproducing those runs; a gray image is then worked on in three channels.
    /// </summary>
    /// <value>The default is false.</value>
    public bool ReferenceFill { get; init; }

    /// <summary>How rotations, shears and shifts interpolate.</summary>
    /// <value>The default is bicubic.</value>
    public Interpolation Interpolation { get; init; } = Interpolation.Bicubic;

    /// <summary>The default policy with the fill of a backbone's statistics: round(255 * mean).</summary>
    /// <param name="normalization">The statistics of the backbone's pre-training.</param>
    public static RandAugment For(Normalization normalization)
    {
        ArgumentNullException.ThrowIfNull(normalization);
        // In double from the printed digits, as Python has the mean: 0.4785f is not 0.4785.
        var mean = (double)(decimal)normalization.Mean;
        return new RandAugment { Fill = (byte)Math.Clamp(Math.Round(255 * mean), 0, 255) };
    }

    /// <inheritdoc/>
    public PixelImage Apply(PixelImage image, ref SampleRandom random)
    {
        ArgumentNullException.ThrowIfNull(image);
        Span<AugmentOperation> drawn = Layers <= 16 ? stackalloc AugmentOperation[Layers] : new AugmentOperation[Layers];
        for (var i = 0; i < Layers; i++) drawn[i] = (AugmentOperation)random.NextInt(0, OperationCount - 1);
        foreach (var operation in drawn)
        {
            if (random.NextDouble() > Probability) continue;
            var magnitude = MagnitudeStd > 0 ? Magnitude + MagnitudeStd * random.NextGaussian() : Magnitude;
            magnitude = Math.Clamp(magnitude, 0, AugmentMagnitude.Greatest);
            var negative = AugmentMagnitude.IsSigned(operation) && random.NextDouble() > .5;
            image = Apply(image, operation, AugmentMagnitude.Argument(operation, magnitude, negative));
        }

        return image;
    }

    /// <summary>Prints the policy.</summary>
    public override string ToString() => $"RandAugment({Layers} of {OperationCount}, magnitude {Text.Short(Magnitude)} ± {Text.Short(MagnitudeStd)}, "
        + $"probability {Text.Short(Probability)}, fill {(ReferenceFill ? $"({Fill}, 0, 0)" : Fill)}, {Text.Of(Interpolation)})";

    /// <summary>Applies one operation with its own argument: degrees, factor, part of the side, bits or threshold.</summary>
    internal PixelImage Apply(PixelImage image, AugmentOperation operation, double argument) => operation switch
    {
        AugmentOperation.AutoContrast => ToneCurve.AutoContrast(image),
        AugmentOperation.Equalize => ToneCurve.Equalize(image),
        AugmentOperation.Invert => ToneCurve.Invert(image),
        AugmentOperation.Posterize => ToneCurve.Posterize(image, (int)argument),
        AugmentOperation.Solarize => ToneCurve.Solarize(image, (int)argument),
        AugmentOperation.SolarizeAdd => ToneCurve.SolarizeAdd(image, (int)argument),
        AugmentOperation.Color => ToneCurve.Color(image, argument),
        AugmentOperation.Contrast => ToneCurve.Contrast(image, argument),
        AugmentOperation.Brightness => ToneCurve.Brightness(image, argument),
        AugmentOperation.Sharpness => ToneCurve.Sharpness(image, argument),
        AugmentOperation.Rotate => Geometry(image, (i, fill) => AffineWarp.Rotate(i, argument, Interpolation, fill)),
        AugmentOperation.ShearX => Warp(image, new(1, argument, 0, 0, 1, 0)),
        AugmentOperation.ShearY => Warp(image, new(1, 0, 0, argument, 1, 0)),
        AugmentOperation.TranslateX => Warp(image, new(1, 0, argument * image.Width, 0, 1, 0)),
        AugmentOperation.TranslateY => Warp(image, new(1, 0, 0, 0, 1, argument * image.Height)),
        _ => throw new ArgumentOutOfRangeException(nameof(operation), operation, "This is no operation of RandAugment."),
    };

    private PixelImage Warp(PixelImage image, AffineWarp.Matrix matrix) => Geometry(image, (i, fill) => AffineWarp.Warp(i, matrix, Interpolation, fill));

    private PixelImage Geometry(PixelImage image, Func<PixelImage, byte[], PixelImage> warp)
    {
        if (ReferenceFill) return warp(Grayscale.ToRgb(image), [Fill, 0, 0]);
        return warp(image, image.Channels == 1 ? [Fill] : [Fill, Fill, Fill]);
    }
}
