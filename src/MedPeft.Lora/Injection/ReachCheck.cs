using MedPeft.Lora.Injection.NativeLayers;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection;

/// <summary>Makes sure that passes through the model run through every adapter: one that they bypass would train nothing and say nothing.</summary>
/// <remarks>
/// Hooks on the root and on each owner of an adapted layer look after their first passes. A layer may be left out of a training pass on purpose
/// (stochastic depth), so an adapter missing there is looked for once more by the same pass in evaluation mode before it is an error.
/// </remarks>
internal sealed class ReachCheck
{
    private readonly IReadOnlyList<Entry> _entries;
    private List<Action> _unhook = [];

    /// <summary>An adapter, with the slots that could not hold it: its hook works there in <c>call</c> only.</summary>
    public sealed record Entry(string Path, AdapterLayer Layer, IReadOnlyList<nn.Module> Owners, IReadOnlyList<string> SealedSlots);

    public ReachCheck(nn.Module root, IReadOnlyList<Entry> entries)
    {
        _entries = entries;
        Watch(root, entries);
        foreach (var owner in entries.SelectMany(entry => entry.Owners).Where(owner => owner != root).Distinct(ReferenceEqualityComparer.Instance).Cast<nn.Module>())
            Watch(owner, [.. entries.Where(entry => entry.Owners.Contains(owner))]);
    }

    /// <summary>Looks for bypassed adapters in a pass that the caller runs now, in evaluation mode and without gradients.</summary>
    public void Probe(nn.Module module, Action pass)
    {
        foreach (var entry in _entries) entry.Layer.Reached = false;
        InEvaluation(module, pass);
        Demand(_entries);
    }

    /// <summary>Refuses to go on if passes have run through some adapters and past others.</summary>
    /// <param name="hasTrained">True if something was trained, so that a pass must have run.</param>
    public void DemandIfRun(bool hasTrained)
    {
        if (hasTrained || _entries.Any(entry => entry.Layer.Reached)) Demand(_entries);
    }

    /// <summary>Takes the hooks off.</summary>
    public void Stop()
    {
        foreach (var unhook in Interlocked.Exchange(ref _unhook, [])) unhook(); // several threads may end their first pass at once
    }

    private void Watch(nn.Module module, IReadOnlyList<Entry> entries)
    {
        if (module is nn.Module<Tensor, Tensor> plain)
            _unhook.Add(plain.register_forward_hook((_, input, output) =>
            {
                After(module, entries, () => plain.forward(input).Dispose());
                return output;
            }).remove);
        else if (module.GetType().GetMethod("register_forward_hook", [typeof(Action<nn.Module>)]) is { } register)
        {
            var remover = register.Invoke(module, [(Action<nn.Module>)(_ => After(module, entries, null))])!;
            var remove = remover.GetType().GetMethod("remove")!;
            _unhook.Add(() => remove.Invoke(remover, null));
        }
    }

    private void After(nn.Module module, IReadOnlyList<Entry> entries, Action? again)
    {
        if (AllReached(entries))
        {
            if (AllReached(_entries)) Stop();
            return;
        }
        if (module.training && again is not null) InEvaluation(module, again);
        Demand(entries);
    }

    private static bool AllReached(IReadOnlyList<Entry> entries)
    {
        foreach (var entry in entries)
            if (!entry.Layer.Reached)
                return false;
        return true;
    }

    private static void Demand(IReadOnlyList<Entry> entries)
    {
        var missing = entries.Where(entry => !entry.Layer.Reached).ToList();
        if (missing.Count == 0) return;
        var first = missing[0];
        var cause = NativePart.Of(first.Layer.Base)?.Layer.Host is { } native
            ? $"It lies in a {native.GetType().Name}, which the model ran by forward{(native is TransformerEncoderLayer ? ", or by call with a mask," : "")} where TorchSharp skips hooks, or not at all. "
                + (native is TransformerEncoderLayer ? "Run it by call(src), or with a mask as a TransformerEncoder of one layer" : "Run it by call")
            : first.SealedSlots.Count > 0
            ? $"'{first.SealedSlots[0]}' is declared as {first.Layer.Base.GetType().Name}, which cannot hold an adapter, and is run by forward, which skips hooks. "
                + "Declare it Module<Tensor, Tensor>, or run it by call"
            : "The model ran it by forward through a reference of its own, or not at all. Run it by call";
        throw new LoraException($"The adapter of '{first.Path}' was not reached in a pass through the model{(missing.Count > 1 ? $", nor were {missing.Count - 1} others" : "")}, so it would train nothing. "
            + $"{cause}, or leave it out of Targets.");
    }

    public static void InEvaluation(nn.Module module, Action pass)
    {
        var modes = ModuleTree.Read(module).Select(node => node.Module).Prepend(module).Select(one => (Module: one, one.training)).ToList();
        try
        {
            module.eval();
            using var none = no_grad();
            using var scope = NewDisposeScope();
            pass();
        }
        finally
        {
            foreach (var (one, training) in modes) // parents first: each passes its mode on to its children
                if (one.training != training)
                    one.train(training);
        }
    }
}
