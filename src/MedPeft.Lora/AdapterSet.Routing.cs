using MedPeft.Lora.Injection;
using MedPeft.Lora.Injection.Routing;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

public sealed partial class AdapterSet
{
    private bool _routing;

    /// <summary>Lets each sample of a batch use an adapter of its own, with its own head, in one pass, until the result is disposed.</summary>
    /// <remarks>
    /// For evaluation under <c>no_grad</c>. Low-rank updates of linear layers, DoRA included, run as one batched product; ranks may differ. Heads and normalisations do too;
    /// layers and modules of other kinds run once for each adapter that occurs. What the scope gathers stays as it is: adapters trained or loaded inside it change nothing.
    /// The batch must be the first dimension of what each adapted layer sees; windows or tokens may be folded into it, sample by sample, as Swin does.
    /// </remarks>
    /// <param name="nameOfEachSample">The adapter of each sample of the batches to come, in order; null for the plain model.</param>
    /// <returns>Ends it, and brings back the adapters that were in use.</returns>
    /// <exception cref="LoraException">There is no such adapter, the model trains, adapters are merged or disabled, or one cannot be used so.</exception>
    /// <example><c>using (model.Adapters().Route(["nih", "rsna", "nih"])) scores = model.call(batch);</c></example>
    public IDisposable Route(IReadOnlyList<string?> nameOfEachSample)
    {
        ArgumentNullException.ThrowIfNull(nameOfEachSample);
        if (nameOfEachSample.Count == 0) throw new ArgumentException("It names no samples.", nameof(nameOfEachSample));
        foreach (var name in nameOfEachSample.OfType<string>()) Parts(name);
        DemandNotMerged("routing");
        DemandNotRouting("another");
        if (_model.training) throw new LoraException("Route is for evaluation, and the model is in training mode. Call eval() first.");
        var scope = new RouteScope(this, new Samples([.. nameOfEachSample]));
        _routing = true;
        return scope;
    }

    private void DemandNotRouting(string before)
    {
        if (_routing) throw new LoraException($"A scope of Route is open; dispose it before {before}.");
    }

    private sealed class RouteScope : IDisposable
    {
        private readonly AdapterSet _set;
        private readonly List<AdapterLayer> _routed = [];
        private readonly List<IDisposable> _owned = [];
        private readonly List<RoutedModule> _modules = [];
        private Action? _unhook;
        private bool _closed;

        public RouteScope(AdapterSet set, Samples samples)
        {
            _set = set;
            try
            {
                RouteLayers(samples);
                RouteModules(samples);
                if (set._model is nn.Module<Tensor, Tensor> plain && _modules.Count > 0)
                    _unhook = plain.register_forward_hook((_, _, output) =>
                    {
                        DemandReached();
                        return output;
                    }).remove;
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        public void Dispose()
        {
            if (_closed) return;
            _closed = true;
            _unhook?.Invoke();
            foreach (var layer in _routed) layer.Route = null;
            foreach (var owned in _owned) owned.Dispose();
            foreach (var module in _modules) module.Dispose();
            _set._routing = false;
        }

        private void RouteLayers(Samples samples)
        {
            foreach (var group in _set._adapters.SelectMany(adapter => adapter.Entries).GroupBy(entry => entry.Layer.Base, (IEqualityComparer<nn.Module>)ReferenceEqualityComparer.Instance))
            {
                var used = group.Where(entry => samples.Used.Contains(entry.Layer.AdapterName)).ToDictionary(entry => entry.Layer.AdapterName, entry => entry.Layer);
                var first = group.First();
                if (group.FirstOrDefault(entry => !entry.Layer.Enabled) is { Layer: { } disabled }) throw new LoraException($"Adapter '{disabled.AdapterName}' is disabled; end that scope before routing.");
                if (used.Values.Select(layer => layer.SharingObstacle).FirstOrDefault(obstacle => obstacle is not null) is { } obstacle) throw new LoraException(obstacle);
                if (used.Count == 0) first.Layer.Route = static (_, output) => output;
                else if (first.Layer.Base is Linear linear && used.Values.All(layer => layer is LoraLinear))
                {
                    var routed = new RoutedLinear(samples, first.Path, linear, used.ToDictionary(entry => entry.Key, entry => (LoraLinear)entry.Value));
                    _owned.Add(routed);
                    first.Layer.Route = routed.Apply;
                }
                else first.Layer.Route = new RoutedGroups(samples, first.Path, used).Apply;
                _routed.Add(first.Layer);
            }
        }

        private void RouteModules(Samples samples)
        {
            var owners = samples.Names.Select(name => name ?? OwnValues.Plain).Distinct().ToList();
            var states = owners.ToDictionary(owner => owner, owner => _set.StateOf(owner).ToDictionary(entry => entry.Name, entry => entry.Value));
            var live = _set._model.state_dict();
            var differing = _set._values.Keys.Where(key => owners.Any(owner => !Same(states[owner][key], live[key]))).ToList();
            var tree = ModuleTree.Read(_set._model);
            var outermost = _set._adapters.SelectMany(adapter => adapter.Selection.TrainedModules).ToList();
            foreach (var group in differing.GroupBy(key => outermost.Where(path => ModulePath.IsWithin(key, path)).MinBy(path => path.Length) ?? (key.Contains('.', StringComparison.Ordinal) ? key[..key.LastIndexOf('.')] : "")))
            {
                var node = tree.FirstOrDefault(node => node.Path == group.Key)?.Module;
                var adapted = tree.FirstOrDefault(inner => inner.Module is AdapterLayer && inner.Path != group.Key && ModulePath.IsWithin(inner.Path, group.Key));
                if (node is AdapterLayer layer) node = layer.Base;
                if (adapted is not null)
                    throw new LoraException($"'{group.Key}', which one adapter trains in full, contains '{adapted.Path}', which another one adapts. Samples of the two cannot be in one batch.");
                if (node is not nn.Module<Tensor, Tensor> module)
                    throw new LoraException($"'{group.First()}' is trained in full and belongs to {(node is null ? "the model itself" : $"a {node.GetType().Name}")}, which cannot run with the values of several adapters in one batch. Use one adapter at a time.");
                var names = group.ToDictionary(key => key, key => key[(group.Key.Length + 1)..]);
                _modules.Add(new RoutedModule(samples, group.Key, module,
                    owners.ToDictionary(owner => owner, owner => (IReadOnlyDictionary<string, Tensor>)names.ToDictionary(name => name.Value, name => states[owner][name.Key]))));
            }
        }

        private void DemandReached()
        {
            if (_modules.Find(module => !module.Reached) is { } missed)
                throw new LoraException($"'{missed.Path}', of which each adapter has its own values, was not reached in a pass through the model: it ran by forward, which skips hooks, or not at all. Run it by call, or use one adapter at a time.");
            foreach (var module in _modules) module.Reached = false;
        }

        private static bool Same(Tensor a, Tensor b)
        {
            if (ReferenceEquals(a, b)) return true;
            using var there = a.to(b.dtype, b.device);
            using Tensor equal = there.eq(b), all = equal.all();
            return all.item<bool>();
        }
    }
}
