namespace MedPeft.Samples.Drawing;

/// <summary>Where an adapter has changed its model: the relative size of each layer's update, in the order of the model.</summary>
public static class UpdateNorms
{
    /// <summary>A panel of ‖ΔW‖/‖W‖ over the layers, one line for each adapter.</summary>
    /// <param name="adapters">Names for the legend, and of each layer that <c>lora.Describe().Layers</c> lists its <c>Relative</c>.</param>
    public static ChartPanel Panel(params IReadOnlyList<(string Name, IReadOnlyList<double> Norms)> adapters)
    {
        ArgumentNullException.ThrowIfNull(adapters);
        return new ChartPanel
        {
            Title = "Where the adapter has changed the model",
            XLabel = "adapted layer, in the order of the model",
            YLabel = "‖ΔW‖ / ‖W‖",
            Series = [.. adapters.Select(entry => new ChartSeries(entry.Name, [.. Enumerable.Range(0, entry.Norms.Count).Select(i => (double)i)], entry.Norms))],
        };
    }
}
