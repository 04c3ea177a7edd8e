using MedPeft.Lora;

namespace MedPeft.Samples.Drawing;

/// <summary>Where an adapter has changed its model: the relative size of each layer's update, in the order of the model.</summary>
public static class UpdateNorms
{
    /// <summary>A panel of ‖ΔW‖/‖W‖ over the layers, one line for each adapter.</summary>
    /// <param name="reports">Names for the legend and what <c>Describe()</c> has given.</param>
    public static ChartPanel Panel(params IReadOnlyList<(string Name, LoraReport Report)> reports)
    {
        ArgumentNullException.ThrowIfNull(reports);
        return new ChartPanel
        {
            Title = "Where the adapter has changed the model",
            XLabel = "adapted layer, in the order of the model",
            YLabel = "‖ΔW‖ / ‖W‖",
            Series = [.. reports.Select(entry => new ChartSeries(entry.Name, [.. Enumerable.Range(0, entry.Report.Layers.Count).Select(i => (double)i)], [.. entry.Report.Layers.Select(layer => layer.Relative)]))],
        };
    }
}
