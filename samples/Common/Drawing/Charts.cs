using System.Globalization;
using ScottPlot;
using SkiaSharp;

namespace MedPeft.Samples.Drawing;

/// <summary>Charts as PNG or SVG files: light, few lines, readable where no font is installed.</summary>
public static class Charts
{
    // Blue, orange, green, purple, red, gray: told apart with the common colour-vision deficiencies, and in print by lightness.
    private static readonly string[] Palette = ["#2563EB", "#EA7317", "#0F9D73", "#8B5CF6", "#D7263D", "#64748B"];

    private static readonly Color Ink = Color.FromHex("#1E293B");
    private static readonly Color Quiet = Color.FromHex("#64748B");
    private static readonly Color Hair = Color.FromHex("#E2E8F0");

    /// <summary>Draws panels side by side.</summary>
    /// <param name="path">The file, PNG or, where its name ends so, SVG; replaced if it exists.</param>
    /// <param name="panels">From left to right.</param>
    /// <param name="width">Of the picture, in points; it has twice as many pixels.</param>
    /// <param name="height">Of the picture, in points.</param>
    public static void Save(string path, IReadOnlyList<ChartPanel> panels, int width = 1100, int height = 420)
    {
        ArgumentNullException.ThrowIfNull(panels);
        if (panels.Count == 0) throw new ArgumentException("There is no panel to draw.", nameof(panels));
        EmbeddedFonts.UseInPlots();
        if (path.EndsWith(".svg", StringComparison.OrdinalIgnoreCase))
        {
            SaveSvg(path, panels, width / panels.Count, height);
            return;
        }

        int cell = width * 2 / panels.Count, deep = height * 2;
        using var surface = SKSurface.Create(new SKImageInfo(cell * panels.Count, deep, SKColorType.Rgba8888, SKAlphaType.Premul));
        for (var k = 0; k < panels.Count; k++)
        {
            using var plot = Draw(panels[k], 2);
            using var panel = SKSurface.Create(new SKImageInfo(cell, deep, SKColorType.Rgba8888, SKAlphaType.Premul));
            plot.Render(panel.Canvas, cell, deep);
            using var drawn = panel.Snapshot();
            surface.Canvas.DrawImage(drawn, k * cell, 0, SKSamplingOptions.Default);
        }

        using var image = surface.Snapshot();
        using var data = image.Encode(SKEncodedImageFormat.Png, 100);
        using var file = File.Create(path);
        data.SaveTo(file);
    }

    private static void SaveSvg(string path, IReadOnlyList<ChartPanel> panels, int cell, int height)
    {
        using var file = File.Create(path);
        using var canvas = SKSvgCanvas.Create(new SKRect(0, 0, cell * panels.Count, height), file);
        for (var k = 0; k < panels.Count; k++)
        {
            using var plot = Draw(panels[k], 1);
            canvas.Save();
            canvas.Translate(k * cell, 0);
            canvas.ClipRect(new SKRect(0, 0, cell, height));
            plot.Render(canvas, cell, height);
            canvas.Restore();
        }
    }

    private static Plot Draw(ChartPanel panel, double scale)
    {
        var plot = new Plot { ScaleFactor = scale };
        if (panel.Groups is { } groups) Bars(plot, panel, groups);
        else Lines(plot, panel);
        if (panel.Reference is { } reference)
        {
            var line = plot.Add.HorizontalLine(reference.Value, 1, Quiet, LinePattern.Dotted);
            line.LegendText = reference.Name;
        }

        if (panel.Diagonal is { } name)
        {
            var line = plot.Add.Line(0, 0, 1, 1);
            line.LineStyle = new LineStyle(1, Quiet, LinePattern.Dotted);
            line.LegendText = name;
        }

        Style(plot, panel);
        if (panel.XRange is { } across) plot.Axes.SetLimitsX(across.Low, across.High);
        if (panel is { TickStep: { } step, XRange: { } wide, YRange: { } high })
        {
            plot.Axes.Bottom.TickGenerator = Ticks(wide, step);
            plot.Axes.Left.TickGenerator = Ticks(high, step);
        }

        if (panel.YRange is { } range) plot.Axes.SetLimitsY(range.Low, range.High);
        return plot;
    }

    private static void Lines(Plot plot, ChartPanel panel)
    {
        for (var k = 0; k < panel.Series.Count; k++)
        {
            var series = panel.Series[k];
            var line = plot.Add.Scatter(series.X.ToArray(), series.Y.ToArray(), Shade(series, k));
            line.LegendText = series.Name;
            line.LineWidth = 2;
            line.LinePattern = series.Dashed ? LinePattern.Dashed : LinePattern.Solid;
            line.MarkerSize = series.Marked ?? series.X.Count <= 40 ? 5 : 0;
        }
    }

    private static void Bars(Plot plot, ChartPanel panel, IReadOnlyList<string> groups)
    {
        var width = .8 / panel.Series.Count;
        for (var k = 0; k < panel.Series.Count; k++)
        {
            var series = panel.Series[k];
            var bars = plot.Add.Bars(series.X.Select((group, i) => new Bar
            {
                Position = group + ((k - ((panel.Series.Count - 1) / 2.0)) * width),
                Value = series.Y[i],
                ValueBase = panel.YRange?.Low ?? 0,
                Size = width * .92,
                FillColor = Shade(series, k),
                LineWidth = 0,
            }).Where(bar => !double.IsNaN(bar.Value)).ToArray());
            bars.LegendText = series.Name;
        }

        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericManual([.. groups.Select((_, k) => (double)k)], [.. groups]);
        plot.Axes.Bottom.MajorTickStyle.Length = 0;
        var steep = groups.Max(name => name.Length) > 8;
        if (steep)
        {
            plot.Axes.Bottom.TickLabelStyle.Rotation = -40;
            plot.Axes.Bottom.TickLabelStyle.Alignment = Alignment.MiddleRight;
            plot.Axes.Bottom.TickLabelStyle.OffsetY = 6;
            plot.Axes.Bottom.MinimumSize = 90;
            plot.Axes.Left.MinimumSize = 70;
        }
    }

    private static Color Shade(ChartSeries series, int number) => Color.FromHex(Palette[(series.Color ?? number) % Palette.Length]);

    private static void Style(Plot plot, ChartPanel panel)
    {
        plot.Title(panel.Title, 15);
        plot.XLabel(panel.XLabel, 12);
        plot.YLabel(panel.YLabel, 12);
        plot.Axes.Title.Label.ForeColor = Ink;
        plot.Axes.Title.Label.Bold = true;
        plot.FigureBackground.Color = plot.DataBackground.Color = Colors.White;
        plot.Grid.XAxisStyle.IsVisible = false;
        plot.Grid.MajorLineColor = Hair;
        plot.Axes.Top.FrameLineStyle.Width = plot.Axes.Right.FrameLineStyle.Width = plot.Axes.Left.FrameLineStyle.Width = 0;
        plot.Axes.Bottom.FrameLineStyle.Color = Quiet;
        foreach (var axis in (ReadOnlySpan<IAxis>)[plot.Axes.Bottom, plot.Axes.Left])
        {
            axis.Label.ForeColor = Ink;
            axis.Label.Bold = false;
            axis.TickLabelStyle.ForeColor = Quiet;
            axis.TickLabelStyle.FontSize = 11;
            axis.MinorTickStyle.Length = 0;
            axis.MajorTickStyle.Color = Quiet;
        }

        plot.Axes.Left.MajorTickStyle.Length = 0;
        if (panel.Series.Count < 2 && panel.Reference is null && panel.Diagonal is null)
        {
            plot.HideLegend();
            return;
        }

        if (panel.Legend is { } corner) plot.ShowLegend(Place(corner), Orientation.Vertical);
        else plot.ShowLegend(Edge.Bottom);
        plot.Legend.FontSize = 11;
        plot.Legend.FontColor = Ink;
        plot.Legend.OutlineWidth = 0;
        plot.Legend.ShadowColor = Colors.Transparent;
        plot.Legend.BackgroundColor = Colors.White;
        if (panel.Legend is not null) return;
        plot.Legend.Orientation = Orientation.Horizontal;
        plot.Legend.TightHorizontalWrapping = true;
        plot.Legend.InterItemPadding = new PixelPadding(14, 6);
    }

    private static Alignment Place(LegendCorner corner) => corner switch
    {
        LegendCorner.LowerLeft => Alignment.LowerLeft,
        LegendCorner.UpperRight => Alignment.UpperRight,
        LegendCorner.UpperLeft => Alignment.UpperLeft,
        _ => Alignment.LowerRight,
    };

    private static ScottPlot.TickGenerators.NumericManual Ticks((double Low, double High) range, double step)
    {
        var first = (int)Math.Ceiling(range.Low / step);
        double[] places = [.. Enumerable.Range(first, (int)Math.Floor(range.High / step) - first + 1).Select(i => i * step)];
        return new ScottPlot.TickGenerators.NumericManual(places, [.. places.Select(place => place.ToString("0.###", CultureInfo.InvariantCulture))]);
    }
}
