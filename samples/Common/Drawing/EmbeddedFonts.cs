using System.Collections.Concurrent;
using ScottPlot;
using SkiaSharp;

namespace MedPeft.Samples.Drawing;

/// <summary>
/// The typefaces of all pictures, carried in this assembly: a container or a server without fonts draws the same text as a desktop.
/// (SkiaSharp's dependency-free Linux library finds no system font at all and draws nothing, silently.)
/// </summary>
public static class EmbeddedFonts
{
    /// <summary>The family's name.</summary>
    public const string Family = "DejaVu Sans";

    // Before the typefaces below: they are made of it.
    private static readonly ConcurrentDictionary<string, SKData> Bytes = new();

    private static readonly Lazy<bool> Registered = new(Register);

    /// <summary>Upright text.</summary>
    public static SKTypeface Regular { get; } = Load("DejaVuSans.ttf");

    /// <summary>Bold text.</summary>
    public static SKTypeface Bold { get; } = Load("DejaVuSans-Bold.ttf");

    /// <summary>Makes ScottPlot use them, whatever family a plot asks for. Called by <see cref="Charts"/>; harmless to repeat.</summary>
    public static void UseInPlots() => _ = Registered.Value;

    private static bool Register()
    {
        ScottPlot.Fonts.FontResolvers.Insert(0, new Resolver());
        ScottPlot.Fonts.Default = ScottPlot.Fonts.Sans = ScottPlot.Fonts.Serif = ScottPlot.Fonts.Monospace = Family;
        return true;
    }

    private static SKTypeface Load(string name)
    {
        // A plot asks for a typeface at every piece of text; the bytes are read once.
        var data = Bytes.GetOrAdd(name, Read);
        return SKTypeface.FromData(data) ?? throw new InvalidOperationException($"The embedded font '{name}' cannot be read.");
    }

    private static SKData Read(string name)
    {
        using var stream = typeof(EmbeddedFonts).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The font '{name}' is not embedded in {typeof(EmbeddedFonts).Assembly.GetName().Name}.");
        return SKData.Create(stream);
    }

    /// <summary>A new typeface each time: ScottPlot disposes what it is given.</summary>
    private sealed class Resolver : IFontResolver
    {
        public SKTypeface CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) =>
            Load(weight >= FontWeight.SemiBold ? "DejaVuSans-Bold.ttf" : "DejaVuSans.ttf");

        public SKTypeface CreateTypeface(string fontName, bool bold, bool italic) => Load(bold ? "DejaVuSans-Bold.ttf" : "DejaVuSans.ttf");
    }
}
