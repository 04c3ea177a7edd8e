using System.Globalization;
using MedPeft.Lora.Common;
using MedPeft.Lora.Injection;
using MedPeft.Lora.Injection.NativeLayers;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>The adapters that one call of <see cref="LoraExtensions.InjectAdapter"/>, <c>InjectLora</c> or <see cref="LoraExtensions.LoadLora"/> has put into a model.</summary>
public sealed partial class LoraAdapter
{
    private readonly nn.Module _model;
    private readonly Selection _selection;
    private readonly Placement _placement;
    private readonly AdapterSet _set;
    private readonly ReachCheck _reach;
    private readonly IReadOnlyList<(string Path, AdapterLayer Layer)> _layers;
    private bool _removed;

    internal LoraAdapter(
        nn.Module model, AdapterConfig config, string name, Selection selection, Placement placement, AdapterSet set, IReadOnlyList<(string Path, AdapterLayer Layer)> layers)
    {
        (_model, Config, Name, _selection, _placement, _set, _layers) = (model, config, name, selection, placement, set, layers);
        _reach = new ReachCheck(model, placement.Entries);
        Layers = [.. selection.Layers.Select(entry => entry.Config.Info(entry.Path, entry.Layer))];
    }

    /// <summary>The configuration it was made by.</summary>
    public AdapterConfig Config { get; }

    /// <summary>Its name among the adapters of the model.</summary>
    public string Name { get; }

    /// <summary>True if passes run with it; see <see cref="AdapterSet.Use"/>.</summary>
    public bool InUse => Present()._set.InUse.Contains(Name);

    /// <summary>What it has selected in the model.</summary>
    internal Selection Selection => _selection;

    /// <summary>Its layers by their paths.</summary>
    internal IReadOnlyList<(string Path, AdapterLayer Layer)> Entries => Present()._layers;

    /// <summary>The adapted layers, in the order of the model.</summary>
    public IReadOnlyList<LoraLayerInfo> Layers { get; }

    /// <summary>How many parameters of the model are trained now, and how many it has.</summary>
    public ParameterCount Parameters
    {
        get
        {
            long trained = 0, total = 0, trainedBytes = 0, totalBytes = 0;
            foreach (var (_, parameter) in Present()._model.named_parameters())
            {
                var (count, bytes) = (parameter.numel(), parameter.numel() * parameter.element_size());
                (total, totalBytes) = (total + count, totalBytes + bytes);
                if (parameter.requires_grad) (trained, trainedBytes) = (trained + count, trainedBytes + bytes);
            }
            return new ParameterCount(trained, total, trainedBytes, totalBytes);
        }
    }

    /// <summary>True while the updates are part of the weights.</summary>
    public bool Merged => Present()._layers is [var (_, first), ..] && first.Merged;

    /// <summary>The parameters to hand to an optimizer, by name, in the order of the model.</summary>
    /// <remarks>Call it after <c>to</c>, which replaces the parameters. Of adapters in use together it gives those of all.</remarks>
    /// <exception cref="LoraException">Other adapters of the model are in use, and this one receives no gradients.</exception>
    public IReadOnlyList<(string Name, Parameter Parameter)> TrainableParameters() => InUse
        ? [.. _model.named_parameters().Where(entry => entry.parameter.requires_grad)]
        : throw new LoraException($"Adapter '{Name}' is not in use and receives no gradients. Call Adapters().Use(\"{Name}\") first.");

    /// <summary>Change of one layer's weight that its adapter stands for, of the weight's shape.</summary>
    /// <param name="path">The layer, e.g. <c>blocks.0.attn.qkv</c>.</param>
    /// <returns>A new tensor, float32 (float64 for a float64 layer), caller owns.</returns>
    /// <exception cref="LoraException">There is no such adapted layer.</exception>
    public Tensor Delta(string path) => Layer(path).Delta();

    /// <summary>Each layer with the size of its update, for a look at where the model has changed.</summary>
    public LoraReport Describe() => new([.. Present()._layers.Zip(Layers, (entry, info) => (info, norms: entry.Layer.Norms())).Select(entry => new LoraLayerReport(entry.info, entry.norms.Delta, entry.norms.Weight))], Parameters);

    /// <summary>One adapted layer.</summary>
    /// <param name="path">The layer, e.g. <c>blocks.0.attn.qkv</c>.</param>
    /// <exception cref="LoraException">There is no such adapted layer.</exception>
    public AdapterLayer Layer(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Present()._layers.FirstOrDefault(entry => entry.Path == path).Layer
            ?? throw new LoraException($"There is no adapted layer '{path}'. Adapted layers: {Names.Nearest([path], [.. _layers.Select(entry => entry.Path)])}.");
    }

    /// <summary>One adapted layer, as what the method makes of it: <c>lora.Layer&lt;LoraLayer&gt;("blocks.0.attn.qkv").A</c>.</summary>
    /// <typeparam name="T">The type of the layer.</typeparam>
    /// <param name="path">The layer.</param>
    /// <exception cref="LoraException">There is no such adapted layer, or it is of another type.</exception>
    public T Layer<T>(string path) where T : AdapterLayer =>
        Layer(path) is var layer && layer is T typed ? typed : throw new LoraException($"'{path}' is adapted by a {layer.GetType().Name}, which is no {typeof(T).Name}.");

    /// <summary>Adds the updates to the weights, computed in float64 and rounded once to the weights' type; the weights as they were are kept. Passes then cost what the plain model's do.</summary>
    /// <returns>What rounding has cost.</returns>
    /// <exception cref="LoraException">They are merged already, a weight is shared with another layer, or passes have bypassed an adapter; nothing has changed then.</exception>
    public MergeReport Merge() => Merge(new MergeOptions());

    /// <summary>As <see cref="Merge()"/>, but refuses to lose more than is allowed, and measures the outputs.</summary>
    /// <param name="options">What the merge must hold to.</param>
    /// <returns>What rounding has cost.</returns>
    /// <exception cref="LoraException">As there, or rounding loses more than is allowed; nothing has changed then.</exception>
    public MergeReport Merge(MergeOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        DemandNotMerged("merging");
        DemandReached();
        if (_layers.Select(entry => entry.Layer.MergeObstacle).FirstOrDefault(obstacle => obstacle is not null) is { } obstacle) throw new LoraException(obstacle);
        foreach (var (path, layer) in _layers) DemandUnshared(path, layer);
        using var before = Output(options.Sample);
        try
        {
            foreach (var (_, layer) in _layers) layer.Merge();
            var report = new MergeReport(MergedLayers(), OutputError(before, options.Sample));
            if (options.Tolerance is { } tolerance && report.Layers.FirstOrDefault(layer => layer.Lost > tolerance) is { } lossy)
                throw new LoraException(string.Create(CultureInfo.InvariantCulture, $"Merging would lose {100 * lossy.Lost:0.0000} % of the update of '{lossy.Path}' to rounding to {Layer(lossy.Path).Base.get_parameter("weight")!.dtype}; ")
                    + string.Create(CultureInfo.InvariantCulture, $"Tolerance is {100 * tolerance:0.0000} %. Convert the model to a finer type first, allow more, or use the adapter unmerged."));
            return report;
        }
        catch
        {
            foreach (var (_, layer) in _layers.Where(entry => entry.Layer.Merged)) layer.Unmerge();
            throw;
        }
    }

    /// <summary>Gives every layer its weight back, bit for bit.</summary>
    /// <exception cref="LoraException">They are not merged.</exception>
    public void Unmerge()
    {
        if (!Merged) throw new LoraException("The adapter is not merged; there is nothing to undo.");
        foreach (var (_, layer) in _layers) layer.Unmerge();
    }

    /// <summary>Leaves the updates out until the result is disposed: the model then computes what it did before the adapters.</summary>
    /// <remarks>Modules trained in full stay as they are. Scopes may be nested.</remarks>
    /// <exception cref="LoraException">The updates are merged into the weights.</exception>
    public IDisposable Disable()
    {
        DemandNotMerged("disabling");
        return new DisabledScope(_layers);
    }

    /// <summary>Runs the model once, in evaluation mode and without gradients, and makes sure that every adapter is reached.</summary>
    /// <remarks>The first call of the model does so by itself; this is for models that are run by <c>forward</c>, which skips hooks.</remarks>
    /// <param name="sample">An input of the model.</param>
    /// <exception cref="LoraException">An adapter is bypassed, or the model takes something else than one tensor.</exception>
    public void Verify(Tensor sample)
    {
        if (Present()._model is not nn.Module<Tensor, Tensor> plain)
            throw new LoraException($"{_model.GetType().Name} is no Module<Tensor, Tensor>; run it yourself: Verify(() => model.call(...)).");
        Verify(() => plain.call(sample).Dispose());
    }

    /// <summary>As <see cref="Verify(Tensor)"/>, for models that take something else than one tensor.</summary>
    /// <param name="pass">Runs the model once.</param>
    /// <exception cref="LoraException">An adapter is bypassed.</exception>
    public void Verify(Action pass)
    {
        ArgumentNullException.ThrowIfNull(pass);
        Present()._reach.Probe(_model, pass);
    }

    /// <summary>Takes the adapters out. Each layer is back in its slots, the same object with the same bits, and what received gradients before does again.</summary>
    /// <remarks>This handle is of no use afterwards. Modules trained in full keep what they have learned.</remarks>
    public void Remove() => Remove(keepMerged: false);

    /// <summary>Merges the updates into the weights for good and takes the adapters out: what is left is the plain model, adapted.</summary>
    /// <exception cref="LoraException">A weight is shared with another layer, or passes have bypassed an adapter.</exception>
    /// <returns>What rounding has cost.</returns>
    public MergeReport MergeAndRemove() => MergeAndRemove(new MergeOptions());

    /// <summary>As <see cref="MergeAndRemove()"/>, but refuses to lose more than is allowed, and measures the outputs.</summary>
    /// <param name="options">What the merge must hold to; if the adapter is merged already, that one counts.</param>
    /// <returns>What rounding has cost.</returns>
    /// <exception cref="LoraException">As there, or rounding loses more than is allowed; nothing has changed then.</exception>
    public MergeReport MergeAndRemove(MergeOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var before = Merged;
        var report = before ? new MergeReport(MergedLayers(), null) : Merge(options);
        try
        {
            Remove(keepMerged: true);
        }
        catch when (!before && !_removed)
        {
            Unmerge();
            throw;
        }
        return report;
    }

    /// <summary>E.g. <c>24 layers adapted; 159,758 of 85,956,878 parameters trained (0.186 %)</c>.</summary>
    public override string ToString() => _removed ? "removed" : $"{(Layers.Count == 0 ? "no" : Layers.Count)} layer{(Layers.Count == 1 ? "" : "s")} adapted; {Parameters}";

    private void Remove(bool keepMerged)
    {
        Present();
        if (keepMerged && _layers.FirstOrDefault(entry => entry.Layer.Stacked.Count > 1) is { Layer: { } shared } first)
            throw new LoraException($"'{first.Path}' is adapted by '{shared.Stacked.First(layer => layer != first.Layer).AdapterName}' as well, which stands on the weight without this update. "
                + "Delete that adapter first, or combine the two into one.");
        _reach.Stop();
        if (!keepMerged)
            foreach (var (_, layer) in _layers)
                if (layer.Merged)
                    layer.Unmerge();
        _placement.Undo();
        foreach (var (_, layer) in _layers) layer.Release();
        _set.Remove(this);
        _removed = true;
    }

    private List<MergedLayer> MergedLayers() =>
        [.. _layers.Select(entry => (entry.Path, Error: entry.Layer.MergeError())).Select(entry => new MergedLayer(entry.Path, entry.Error.Largest, entry.Error.Lost))];

    private Tensor? Output(Tensor? sample)
    {
        if (sample is null) return null;
        if (_model is not nn.Module<Tensor, Tensor> plain) throw new LoraException($"{_model.GetType().Name} is no Module<Tensor, Tensor>, so that Sample cannot be run; leave it out.");
        Tensor? output = null;
        ReachCheck.InEvaluation(_model, () => output = plain.call(sample).DetachFromDisposeScope());
        return output;
    }

    private double? OutputError(Tensor? before, Tensor? sample)
    {
        if (before is null) return null;
        using var none = no_grad();
        using var scope = NewDisposeScope();
        return Output(sample)!.to(ScalarType.Float64).Minus(before.to(ScalarType.Float64)).abs().max().item<double>();
    }

    private LoraAdapter Present() => _removed ? throw new LoraException("The adapter has been removed from its model; inject anew.") : this;

    private void DemandNotMerged(string before)
    {
        if (Merged) throw new LoraException($"The adapter is merged; call Unmerge() before {before}.");
    }

    // Only a backward pass leaves gradients: if what is trained in full has some, a pass has run.
    private void DemandReached() => Present()._reach.DemandIfRun(InUse && TrainableParameters().Any(entry =>
    {
        using var gradient = entry.Parameter.grad;
        return gradient is not null;
    }));

    private void DemandUnshared(string path, AdapterLayer layer)
    {
        var own = layer.Base.parameters().Select(parameter => parameter.Handle).ToHashSet();
        var host = NativePart.Of(layer.Base)?.Layer.Host; // whose parameters are the part's
        foreach (var node in ModuleTree.Read(_model).Where(node => !ReferenceEquals(node.Module, host) && !(node.Module is AdapterLayer adapted && ReferenceEquals(adapted.Base, layer.Base))))
            if (node.Module.named_parameters(false).FirstOrDefault(entry => own.Contains(entry.parameter.Handle)) is { parameter: not null } shared)
                throw new LoraException($"'{path}' shares a parameter with '{node.Path}.{shared.name}', which merging would change as well. Give one of them a copy, or use the adapter unmerged.");
    }

    private sealed class DisabledScope : IDisposable
    {
        private readonly IReadOnlyList<(AdapterLayer Layer, bool Before)> _before;

        public DisabledScope(IReadOnlyList<(string Path, AdapterLayer Layer)> layers)
        {
            _before = [.. layers.Select(entry => (entry.Layer, entry.Layer.Enabled))];
            foreach (var (layer, _) in _before) layer.Enabled = false;
        }

        public void Dispose()
        {
            foreach (var (layer, before) in _before) layer.Enabled = before;
        }
    }
}
