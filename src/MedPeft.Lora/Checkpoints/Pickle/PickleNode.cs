namespace MedPeft.Lora.Checkpoints.Pickle;

/// <summary>A value of a pickle that holds other values.</summary>
/// <remarks>
/// Everything else is held as it is: null, <see cref="bool"/>, <see cref="long"/>, <see cref="System.Numerics.BigInteger"/>, <see cref="double"/>,
/// <see cref="string"/>, <see cref="byte"/>[], <see cref="PickleGlobal"/>, <see cref="PickleStorage"/>, <see cref="PickleTensor"/>.
/// </remarks>
internal abstract class PickleNode
{
    /// <summary>Levels below this node; negative while unknown. Kept here so that measuring needs no memory of its own.</summary>
    public int Height { get; set; } = -1;

    /// <summary>Number of values held directly.</summary>
    public abstract int ChildCount { get; }

    /// <summary>One of them.</summary>
    public abstract object? Child(int index);
}

/// <summary>A list, or a set (then <paramref name="typeName"/> says so).</summary>
internal sealed class PickleList(string? typeName = null) : PickleNode
{
    /// <summary>Null for a list; else the Python type.</summary>
    public string? TypeName { get; } = typeName;

    /// <summary>The items.</summary>
    public List<object?> Items { get; } = [];

    /// <inheritdoc/>
    public override int ChildCount => Items.Count;

    /// <inheritdoc/>
    public override object? Child(int index) => Items[index];
}

/// <summary>A tuple.</summary>
internal sealed class PickleTuple(object?[] items) : PickleNode
{
    /// <summary>The items.</summary>
    public object?[] Items { get; } = items;

    /// <inheritdoc/>
    public override int ChildCount => Items.Length;

    /// <inheritdoc/>
    public override object? Child(int index) => Items[index];
}

/// <summary>A dict, OrderedDict, defaultdict or Counter.</summary>
internal sealed class PickleDict(string? typeName = null) : PickleNode
{
    private Dictionary<object, int>? index;

    /// <summary>Null for a plain dict; else the Python type.</summary>
    public string? TypeName { get; } = typeName;

    /// <summary>The entries in their order.</summary>
    public List<KeyValuePair<object?, object?>> Entries { get; } = [];

    /// <summary>Attributes of the dict object itself, e.g. a state dict's <c>_metadata</c>.</summary>
    public object? Attributes { get; set; }

    /// <inheritdoc/>
    public override int ChildCount => 2 * Entries.Count;

    /// <inheritdoc/>
    public override object? Child(int position) => position % 2 == 0 ? Entries[position / 2].Key : Entries[position / 2].Value;

    /// <summary>Adds an entry; false if the key is there already.</summary>
    public bool TryAdd(object? key, object? value)
    {
        index ??= new Dictionary<object, int>(KeyComparer.Instance);
        if (!index.TryAdd(key ?? DBNull.Value, Entries.Count)) return false;
        Entries.Add(KeyValuePair.Create(key, value));
        return true;
    }

    /// <summary>Finds the value of a key.</summary>
    public bool TryGet(object? key, out object? value)
    {
        value = null;
        if (index is null || !index.TryGetValue(key ?? DBNull.Value, out var position)) return false;
        value = Entries[position].Value;
        return true;
    }

    // Long.GetHashCode folds its halves, so that a file could be made whose keys all collide.
    private sealed class KeyComparer : IEqualityComparer<object>
    {
        public static readonly KeyComparer Instance = new();

        public new bool Equals(object? left, object? right) => object.Equals(left, right);

        public int GetHashCode(object key) => key switch
        {
            long number => HashCode.Combine((int)number, (int)(number >> 32)),
            double number when BitConverter.DoubleToInt64Bits(number) is var bits => HashCode.Combine((int)bits, (int)(bits >> 32)),
            _ => key.GetHashCode(),
        };
    }
}

/// <summary>An object of any other type, kept as the data it would be built from. Nothing is ever built.</summary>
internal sealed class PickleOpaque(string typeName, object? arguments) : PickleNode
{
    /// <summary>The Python type or function, e.g. <c>argparse.Namespace</c>.</summary>
    public string TypeName { get; } = typeName;

    /// <summary>What it would be called with: a <see cref="PickleTuple"/>, or null.</summary>
    public object? Arguments { get; } = arguments;

    /// <summary>Its state, usually a dict of attributes.</summary>
    public object? State { get; set; }

    /// <summary>Entries set on it, if it is a kind of dict.</summary>
    public PickleDict? Entries { get; set; }

    /// <summary>Items appended to it, if it is a kind of list.</summary>
    public PickleList? Items { get; set; }

    /// <summary>Its attributes by name: the dict part of the state.</summary>
    public PickleDict? Attributes => State as PickleDict ?? (State is PickleTuple { Items: [PickleDict plain, ..] } ? plain : null);

    /// <inheritdoc/>
    public override int ChildCount => 4;

    /// <inheritdoc/>
    public override object? Child(int index) => index switch { 0 => Arguments, 1 => State, 2 => Entries, _ => Items };
}

/// <summary>The name of a class or function.</summary>
internal sealed record PickleGlobal(string Module, string Name)
{
    /// <summary>Module and name, dotted.</summary>
    public string FullName { get; } = $"{Module}.{Name}";
}
