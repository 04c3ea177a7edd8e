using MedPeft.Lora.Injection;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>The adapters that one call of <c>InjectLora</c> has put into a model.</summary>
public sealed partial class LoraAdapter
{
    private readonly nn.Module _model;
    private readonly Selection _selection;
    private readonly Placement _placement;
    private readonly Freezing _freezing;
    private readonly ReachCheck _reach;
    private readonly IReadOnlyList<(string Path, AdapterLayer Layer)> _layers;
    private bool _removed;

    internal LoraAdapter(nn.Module model, AdapterConfig config, Selection selection, Placement placement, Freezing freezing, IReadOnlyList<(string Path, AdapterLayer Layer)> layers)
    {
        (_model, Config, _selection, _placement, _freezing, _layers) = (model, config, selection, placement, freezing, layers);
        _reach = new ReachCheck(model, placement.Entries);
        Layers = [.. selection.Layers.Select(entry => entry.Config.Info(entry.Path, entry.Layer))];
        Register();
    }

    /// <summary>The configuration it was made by.</summary>
    public AdapterConfig Config { get; }

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
    /// <remarks>Call it after <c>to</c>, which replaces the parameters.</remarks>
    public IReadOnlyList<(string Name, Parameter Parameter)> TrainableParameters() =>
        [.. Present()._model.named_parameters().Where(entry => entry.parameter.requires_grad)];

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

    /// <summary>Adds the updates to the weights, computed in float64 and rounded once; the weights as they were are kept. Passes then cost what the plain model's do.</summary>
    /// <exception cref="LoraException">They are merged already, a weight is shared with another layer, or passes have bypassed an adapter.</exception>
    public void Merge()
    {
        DemandNotMerged("merging");
        DemandReached();
        if (_layers.Select(entry => entry.Layer.MergeObstacle).FirstOrDefault(obstacle => obstacle is not null) is { } obstacle) throw new LoraException(obstacle);
        foreach (var (path, layer) in _layers) DemandUnshared(path, layer);
        foreach (var (_, layer) in _layers) layer.Merge();
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
    public void MergeAndRemove()
    {
        if (!Merged) Merge();
        Remove(keepMerged: true);
    }

    /// <summary>E.g. <c>24 layers adapted; 159,758 of 85,956,878 parameters trained (0.186 %)</c>.</summary>
    public override string ToString() => _removed ? "removed" : $"{(Layers.Count == 0 ? "no" : Layers.Count)} layer{(Layers.Count == 1 ? "" : "s")} adapted; {Parameters}";

    private void Remove(bool keepMerged)
    {
        Present();
        _reach.Stop();
        _placement.Undo();
        foreach (var (_, layer) in _layers)
        {
            if (keepMerged) layer.Release();
            else layer.Detach();
        }
        _freezing.Remove(_model, _selection);
        _removed = true;
        Unregister();
    }

    private LoraAdapter Present() => _removed ? throw new LoraException("The adapter has been removed from its model; inject anew.") : this;

    private void DemandNotMerged(string before)
    {
        if (Merged) throw new LoraException($"The adapter is merged; call Unmerge() before {before}.");
    }

    // Only a backward pass leaves gradients: if what is trained in full has some, a pass has run.
    private void DemandReached() => Present()._reach.DemandIfRun(TrainableParameters().Any(entry =>
    {
        using var gradient = entry.Parameter.grad;
        return gradient is not null;
    }));

    private void DemandUnshared(string path, AdapterLayer layer)
    {
        var own = layer.Base.parameters().Select(parameter => parameter.Handle).ToHashSet();
        foreach (var node in ModuleTree.Read(_model).Where(node => !ReferenceEquals(node.Module, layer)))
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
