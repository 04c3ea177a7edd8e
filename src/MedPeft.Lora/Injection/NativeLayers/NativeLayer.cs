using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.NativeLayers;

/// <summary>A layer of TorchSharp that runs in native code and has no child modules, opened: its projections are linear layers, and adapters fit them like any other.</summary>
/// <remarks>
/// No hook reaches into native code. So while an adapter on a part takes part in passes, hooks on the layer compute it in managed operations, from its live parameters and
/// through its parts, and give that in the place of what the native code gives. The native code is then handed a single token, as its result is not
/// used; where others have hooks on the layer, which would see that token, it runs in full. Merged, disabled or taken out, the native code alone runs.
/// </remarks>
internal abstract class NativeLayer
{
    /// <summary>Names of the projections of an attention.</summary>
    public const string Input = "in_proj", Output = "out_proj";

    private static readonly ConditionalWeakTable<nn.Module, NativeLayer> Layers = [];
    private static readonly ConditionalWeakTable<nn.Module, NativePart> PartOfLinear = [];

    private readonly ICollection _hooksBefore, _hooksAfter; // all that are on the layer
    private readonly ConditionalWeakTable<Tensor, object> _computed = []; // by the token that the native code was handed: several threads may be under way
    private NativeSettings? _settings;
    private Action? _unhook;
    private int _opened;

    private protected NativeLayer(nn.Module host)
    {
        Host = host;
        (_hooksBefore, _hooksAfter) = (Hooks("pre_hooks"), Hooks("post_hooks"));

        ICollection Hooks(string field) => (ICollection)host.GetType().GetField(field, BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(host)!;
    }

    /// <summary>The layer itself.</summary>
    public nn.Module Host { get; }

    /// <summary>Its parts, in the order of its parameters.</summary>
    public abstract IReadOnlyList<NativePart> Parts { get; }

    /// <summary>The parts by name, those that are adapted as their adapters.</summary>
    public IEnumerable<(string Name, nn.Module Module)> Children => Parts.Select(part => (part.Name, (nn.Module)part.Placed));

    /// <summary>What the layer does not tell about itself.</summary>
    /// <exception cref="LoraException">It cannot be found out.</exception>
    public NativeSettings Settings => _settings ??= NativeProbe.Read(this);

    /// <summary>The opened layer of a module; null for one of another kind.</summary>
    public static NativeLayer? Of(nn.Module module)
    {
        if (module is not (MultiheadAttention or TransformerEncoderLayer or TransformerEncoder)) return null;
        if (Layers.TryGetValue(module, out var known)) return known;
        lock (Layers)
        {
            if (Layers.TryGetValue(module, out known)) return known;
            NativeLayer? layer = module switch
            {
                MultiheadAttention attention => NativeAttention.Unknown(attention).Any() ? null : new NativeAttention(attention),
                _ => new NativeEncoder(module),
            };
            if (layer is null) return null;
            foreach (var part in layer.Parts) PartOfLinear.Add(part.Linear, part);
            Layers.Add(module, layer);
            return layer;
        }
    }

    /// <summary>The part that a linear layer is; null for one that stands by itself.</summary>
    public static NativePart? PartOf(nn.Module module) => PartOfLinear.TryGetValue(module, out var part) ? part : null;

    /// <summary>One of the layer's own parameters; null if it has none of that name.</summary>
    public Parameter? Parameter(string name) => Host.get_parameter(name);

    /// <summary>Why the layer cannot be computed in managed operations; null where it can.</summary>
    public string? Obstacle()
    {
        try
        {
            _ = Settings;
            return null;
        }
        catch (LoraException e)
        {
            return e.Message;
        }
    }

    /// <summary>Computes the layer in managed operations even while no adapter takes part, so that hooks on its parts see what they take.</summary>
    /// <returns>Ends it.</returns>
    public Action Open()
    {
        _opened++;
        Update();
        return () =>
        {
            _opened--;
            Update();
        };
    }

    /// <summary>Called when an adapter, or null for none, has taken a part's place.</summary>
    internal void Placed(NativePart part, AdapterLayer? adapter)
    {
        // A child in the registry is what state_dict, to and train follow. register_module would refuse the dot of its name.
        var registry = ModuleTree.Registry(Host);
        if (adapter is not null) registry[part.Name] = adapter;
        else if (registry.ContainsKey(part.Name)) registry.Remove(part.Name);
        Update();
    }

    /// <summary>Runs the layer in native code past all hooks, on a single sequence.</summary>
    /// <param name="tokens">[L, N, E].</param>
    /// <param name="mask">Added to the attention's scores, or null.</param>
    public abstract Tensor Native(Tensor tokens, Tensor? mask);

    /// <summary>Puts the hooks on the layer.</summary>
    /// <returns>What takes them off.</returns>
    private protected abstract Action Hook();

    /// <summary>Notes that a pass runs through the layer, and says whether it is to be computed here.</summary>
    private protected bool Reach()
    {
        var takesPart = _opened > 0;
        foreach (var part in Parts)
            if (part.Placed is AdapterLayer adapter)
                takesPart |= adapter.Reach();
        if (!takesPart) return false;
        foreach (var part in Parts) part.DemandLinked();
        return true;
    }

    /// <summary>True if nobody but us sees what the native code is handed.</summary>
    private protected bool IsAlone => _hooksBefore.Count == 1 && _hooksAfter.Count == 1;

    /// <summary>A token for the native code, and what to give in the place of its result.</summary>
    private protected Tensor Token(Tensor input, object result)
    {
        using var sequence = input.narrow(0, 0, 1);
        var token = sequence.narrow(1, 0, 1);
        _computed.Add(token, result);
        return token;
    }

    /// <summary>What was computed before the native code was handed this token.</summary>
    private protected bool Take<T>(Tensor token, [NotNullWhen(true)] out T? result) where T : class
    {
        result = null;
        if (!_computed.TryGetValue(token, out var computed)) return false;
        _computed.Remove(token);
        token.Dispose();
        result = (T)computed;
        return true;
    }

    private void Update()
    {
        var needed = _opened > 0 || Parts.Any(part => part.Placed is AdapterLayer);
        if (needed == _unhook is not null) return;
        _unhook?.Invoke();
        _unhook = needed ? Hook() : null;
    }
}
