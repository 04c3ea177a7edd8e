namespace MedPeft.Samples.Drawing;

/// <summary>One chart: lines over a number, or bars over named groups.</summary>
public sealed record ChartPanel
{
    /// <summary>Says what is to be seen.</summary>
    public required string Title { get; init; }

    /// <summary>What the series are.</summary>
    public required IReadOnlyList<ChartSeries> Series { get; init; }

    /// <summary>Below the horizontal axis.</summary>
    public string XLabel { get; init; } = "";

    /// <summary>Beside the vertical axis.</summary>
    public string YLabel { get; init; } = "";

    /// <summary>Names of the groups; where given, the panel has bars instead of lines.</summary>
    public IReadOnlyList<string>? Groups { get; init; }

    /// <summary>Ends of the vertical axis; null fits the data.</summary>
    public (double Low, double High)? YRange { get; init; }

    /// <summary>A thin line across, such as the AUROC of guessing.</summary>
    public (string Name, double Value)? Reference { get; init; }

    /// <summary>Ends of the horizontal axis; null fits the data.</summary>
    public (double Low, double High)? XRange { get; init; }

    /// <summary>Names a thin line from (0, 0) to (1, 1), such as what guessing gives; null draws none.</summary>
    public string? Diagonal { get; init; }

    /// <summary>Whether the legend stands in a corner of the panel, one entry a line, instead of below it.</summary>
    public LegendCorner? Legend { get; init; }

    /// <summary>From one tick to the next, on both axes, whose ends must be given; null leaves it to the space there is.</summary>
    public double? TickStep { get; init; }
}
