using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using ScottPlot;

namespace MedPeft.Samples.Drawing;

/// <summary>
/// ScottPlot's charts as SVG for a web page: their colours are the page's (CSS variables, so that a dark page has dark charts), and they have a title and a
/// description for those who do not see them.
/// </summary>
public static partial class ThemedSvg
{
    // Stand-ins while ScottPlot draws; no two alike, none of them white or black, which SVG writes by name.
    private static readonly (string Hex, string Variable)[] Theme =
    [
        ("#010203", "ink"), ("#040506", "quiet"), ("#070809", "hair"), ("#0A0B0C", "page"),
        ("#101112", "series-1"), ("#131415", "series-2"), ("#161718", "series-3"), ("#191A1B", "series-4"), ("#1C1D1E", "series-5"), ("#1F2021", "series-6"),
    ];

    /// <summary>Text and axes.</summary>
    public static Color Ink { get; } = Color.FromHex(Theme[0].Hex);

    /// <summary>Labels that stand back.</summary>
    public static Color Quiet { get; } = Color.FromHex(Theme[1].Hex);

    /// <summary>Grid lines.</summary>
    public static Color Hair { get; } = Color.FromHex(Theme[2].Hex);

    /// <summary>The ground.</summary>
    public static Color Page { get; } = Color.FromHex(Theme[3].Hex);

    /// <summary>The colour of a series, 0 to 5.</summary>
    public static Color Series(int number) => Color.FromHex(Theme[4 + number % 6].Hex);

    /// <summary>A plot with the house's axes: few lines, quiet labels, no legend.</summary>
    /// <param name="title">Above the chart; empty for none.</param>
    /// <param name="x">Below the horizontal axis.</param>
    /// <param name="y">Beside the vertical axis.</param>
    public static Plot NewPlot(string title, string x, string y)
    {
        EmbeddedFonts.UseInPlots();
        var plot = new Plot();
        plot.FigureBackground.Color = plot.DataBackground.Color = Page;
        plot.HideLegend();
        if (title.Length > 0) plot.Title(title, 13);
        plot.XLabel(x, 12);
        plot.YLabel(y, 12);
        plot.Axes.Title.Label.ForeColor = Ink;
        plot.Axes.Title.Label.Bold = true;
        plot.Grid.MajorLineColor = Hair;
        plot.Grid.XAxisStyle.IsVisible = false;
        plot.Axes.Top.FrameLineStyle.Width = plot.Axes.Right.FrameLineStyle.Width = plot.Axes.Left.FrameLineStyle.Width = 0;
        plot.Axes.Bottom.FrameLineStyle.Color = Quiet;
        foreach (var axis in (ReadOnlySpan<IAxis>)[plot.Axes.Bottom, plot.Axes.Left])
        {
            axis.Label.ForeColor = Quiet;
            axis.Label.Bold = false;
            axis.TickLabelStyle.ForeColor = Quiet;
            axis.TickLabelStyle.FontSize = 11;
            axis.MajorTickStyle.Color = Quiet;
            axis.MinorTickStyle.Length = 0;
        }

        plot.Axes.Left.MajorTickStyle.Length = 0;
        return plot;
    }

    /// <summary>Draws a plot.</summary>
    /// <param name="plot">Made by <see cref="NewPlot"/>; its colours from this class.</param>
    /// <param name="width">In CSS pixels; the page may show it smaller.</param>
    /// <param name="height">In CSS pixels.</param>
    /// <param name="id">Unlike that of any other chart of the page.</param>
    /// <param name="title">What the chart is.</param>
    /// <param name="description">What is to be seen in it, in numbers.</param>
    public static string Render(Plot plot, int width, int height, string id, string title, string description)
    {
        ArgumentNullException.ThrowIfNull(plot);
        var drawn = plot.GetSvgXml(width, height);
        var body = drawn[(drawn.IndexOf('>', drawn.IndexOf("<svg", StringComparison.Ordinal)) + 1)..drawn.LastIndexOf("</svg>", StringComparison.Ordinal)];
        foreach (var (hex, variable) in Theme) body = body.Replace($"\"{hex}\"", $"\"var(--{variable})\"", StringComparison.OrdinalIgnoreCase);
        body = Identifier().Replace(body, match => $"{match.Groups[1].Value}{id}-{match.Groups[2].Value}{match.Groups[3].Value}"); // two charts of a page must not share names
        return string.Create(CultureInfo.InvariantCulture, $"""
            <svg class="chart" role="img" aria-labelledby="{id}-t {id}-d" viewBox="0 0 {width} {height}" width="{width}" height="{height}" xmlns="http://www.w3.org/2000/svg">
            <title id="{id}-t">{WebUtility.HtmlEncode(title)}</title><desc id="{id}-d">{WebUtility.HtmlEncode(description)}</desc>{body.Trim()}</svg>
            """);
    }

    [GeneratedRegex("""(\bid="|url\(#|href="#)([^")]+)("|\))""")]
    private static partial Regex Identifier();
}
