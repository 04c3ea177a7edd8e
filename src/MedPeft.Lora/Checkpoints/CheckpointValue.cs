using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Numerics;
using MedPeft.Lora.Checkpoints.Pickle;

namespace MedPeft.Lora.Checkpoints;

/// <summary>A value in a PyTorch checkpoint: what its pickle says, as data. Nothing of it was ever run.</summary>
/// <example><code>var rate = checkpoint.Root["args"]["lr"].AsReal();</code></example>
public readonly struct CheckpointValue : IEquatable<CheckpointValue>
{
    private readonly object? value;

    internal CheckpointValue(object? value) => this.value = value;

    /// <summary>The kind of the value.</summary>
    public CheckpointValueKind Kind => value switch
    {
        null => CheckpointValueKind.None,
        bool => CheckpointValueKind.Boolean,
        long or BigInteger => CheckpointValueKind.WholeNumber,
        double => CheckpointValueKind.Real,
        string => CheckpointValueKind.Text,
        byte[] => CheckpointValueKind.Bytes,
        PickleList => CheckpointValueKind.List,
        PickleTuple => CheckpointValueKind.Tuple,
        PickleDict => CheckpointValueKind.Dictionary,
        PickleTensor => CheckpointValueKind.Tensor,
        _ => CheckpointValueKind.Instance,
    };

    /// <summary>The Python type of an object or a special container, e.g. <c>argparse.Namespace</c>, <c>collections.OrderedDict</c>; null for the others.</summary>
    public string? TypeName => value switch
    {
        PickleOpaque opaque => opaque.TypeName,
        PickleGlobal global => global.FullName,
        PickleStorage => "torch.storage",
        PickleDict dict => dict.TypeName,
        PickleList list => list.TypeName,
        _ => null,
    };

    /// <summary>Number of items or entries of a list, tuple, dictionary or object; 0 for the others.</summary>
    public int Count => Sequence?.Count ?? Map?.Entries.Count ?? 0;

    /// <summary>The items of a list or tuple, or those appended to an object; empty for the others.</summary>
    public IEnumerable<CheckpointValue> Items => (Sequence ?? []).Select(item => new CheckpointValue(item));

    /// <summary>The entries of a dictionary or the attributes of an object, in their order; empty for the others.</summary>
    public IEnumerable<KeyValuePair<CheckpointValue, CheckpointValue>> Entries =>
        (Map?.Entries ?? []).Select(pair => KeyValuePair.Create(new CheckpointValue(pair.Key), new CheckpointValue(pair.Value)));

    /// <summary>Shape and type of a tensor; its name is that of its storage. Null for the others.</summary>
    public TensorInfo? Tensor => value is PickleTensor tensor ? StateDictView.Info($"storage {tensor.Storage.Key}", tensor) : null;

    internal object? Raw => value;

    private IReadOnlyList<object?>? Sequence => value switch { PickleList list => list.Items, PickleTuple tuple => tuple.Items, PickleOpaque { Attributes: null, Entries: null } opaque => opaque.Items?.Items, _ => null };

    private PickleDict? Map => value switch { PickleDict dict => dict, PickleOpaque opaque => opaque.Entries ?? opaque.Attributes, _ => null };

    /// <summary>The value under a text key, or the attribute of that name.</summary>
    /// <exception cref="KeyNotFoundException">There is none; the message lists those there are.</exception>
    public CheckpointValue this[string key] => TryGet(key, out var found) ? found
        : throw new KeyNotFoundException($"This {Describe()} has no {Quoted.Text(key)}. It has {Quoted.Some(Entries.Select(entry => entry.Key.ToString()), Count, 20)}.");

    /// <summary>An item of a list or tuple.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is none.</exception>
    public CheckpointValue this[int index]
    {
        get
        {
            var items = Sequence ?? [];
            ArgumentOutOfRangeException.ThrowIfNegative(index);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, items.Count);
            return new CheckpointValue(items[index]);
        }
    }

    /// <summary>Finds the value under a text key, or the attribute of that name.</summary>
    public bool TryGet(string key, [MaybeNullWhen(false)] out CheckpointValue found)
    {
        object? raw = null;
        var there = Map?.TryGet(key, out raw) ?? false;
        found = new CheckpointValue(raw);
        return there;
    }

    /// <summary>The value as true or false.</summary>
    /// <exception cref="InvalidCastException">It is something else.</exception>
    public bool AsBoolean() => value is bool boolean ? boolean : throw Wrong("true or false");

    /// <summary>The value as a whole number of 64 bits.</summary>
    /// <exception cref="InvalidCastException">It is something else, or larger.</exception>
    public long AsInteger() => value is long number ? number : throw Wrong("a whole number of 64 bits");

    /// <summary>The value as a whole number of any size.</summary>
    /// <exception cref="InvalidCastException">It is something else.</exception>
    public BigInteger AsBigInteger() => value is BigInteger big ? big : AsInteger();

    /// <summary>The value as a number; whole numbers are converted.</summary>
    /// <exception cref="InvalidCastException">It is no number.</exception>
    public double AsReal() => value is double number ? number : value is BigInteger big ? (double)big : value is long whole ? whole : throw Wrong("a number");

    /// <summary>The value as text.</summary>
    /// <exception cref="InvalidCastException">It is something else.</exception>
    public string AsText() => value as string ?? throw Wrong("text");

    /// <summary>The value as bytes; a copy.</summary>
    /// <exception cref="InvalidCastException">It is something else.</exception>
    public byte[] AsBytes() => value is byte[] bytes ? [.. bytes] : throw Wrong("bytes");

    /// <summary>A short form: the number or text itself, or the kind and the size.</summary>
    public override string ToString() => value switch
    {
        null => "None",
        bool boolean => boolean ? "True" : "False",
        string text => text,
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => Describe(),
    };

    /// <summary>True if both are the same number or text, or the very same object of the file.</summary>
    public bool Equals(CheckpointValue other) => Equals(value, other.value);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is CheckpointValue other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => value?.GetHashCode() ?? 0;

    /// <summary>True if both are the same number or text, or the very same object of the file.</summary>
    public static bool operator ==(CheckpointValue left, CheckpointValue right) => left.Equals(right);

    /// <summary>True if they differ.</summary>
    public static bool operator !=(CheckpointValue left, CheckpointValue right) => !left.Equals(right);

    /// <summary>Kind and size, on one line.</summary>
    internal string Describe() => value switch
    {
        byte[] bytes => $"{bytes.Length} bytes",
        PickleTensor tensor => $"tensor {tensor.Type.Name} [{string.Join(", ", tensor.Shape)}]",
        PickleTuple => $"tuple of {Count}",
        PickleList list => $"{list.TypeName ?? "list"} of {Count}",
        PickleDict dict => $"{dict.TypeName?.Split('.')[^1] ?? "dict"} of {Count}",
        PickleOpaque or PickleGlobal or PickleStorage => Count == 0 ? Quoted.Bare(TypeName!) : $"{Quoted.Bare(TypeName!)} of {Count}",
        string text => Quoted.Text(text),
        _ => ToString(),
    };

    private InvalidCastException Wrong(string wanted) => new($"This value is {Describe()}, not {wanted}.");
}
