using System.Text;

namespace MedPeft.Lora.Checkpoints.Pickle;

/// <summary>What the names in PyTorch's pickles stand for, as data: tensors, storages, ordered dicts, bytes, numpy scalars. Any other name becomes a <see cref="PickleOpaque"/>.</summary>
internal sealed class TorchObjects(PickleReader reader)
{
    private readonly Dictionary<string, PickleStorage> storages = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Key, string View), PickleStorage> views = [];

    /// <summary>The storages that the pickle names, by key.</summary>
    public IReadOnlyDictionary<string, PickleStorage> Storages => storages;

    /// <summary>The class of a whole pickled model, if the legacy form carries its source code; else null.</summary>
    public string? PickledModule { get; private set; }

    /// <summary>The value that a call or construction stands for. Nothing is called.</summary>
    public object? Construct(object? callee, PickleTuple arguments)
    {
        if (callee is not PickleGlobal global)
        {
            if (callee is not PickleOpaque other) throw reader.Fault("something is called that is neither a class nor a function");
            return Opaque($"a call of {other.TypeName}", arguments);
        }

        var items = arguments.Items;
        switch (global.FullName)
        {
            case "collections.OrderedDict" or "collections.Counter" or "builtins.dict" or "__builtin__.dict": return Dict(global.FullName, items, 0);
            case "collections.defaultdict": return Dict(global.FullName, items, 1);
            case "builtins.list" or "__builtin__.list" when items is []: return Set(null, null);
            case "builtins.set" or "__builtin__.set" or "builtins.frozenset" or "__builtin__.frozenset" when items is [] or [PickleList]: return Set(global.Name, items.FirstOrDefault() as PickleList);
            case "torch.Size" when items is [PickleTuple size]: return size;
            case "_codecs.encode" when items is [string text, "latin1" or "latin-1"] && text.All(c => c < 256): return Latin1(text);
            case "builtins.bytearray" or "__builtin__.bytearray" when items is [string text, "latin1" or "latin-1"] && text.All(c => c < 256): return Latin1(text);
            case "builtins.bytearray" or "__builtin__.bytearray" or "builtins.bytes" or "__builtin__.bytes" when items is [byte[] bytes]: return bytes;
            case "builtins.bytearray" or "__builtin__.bytearray" or "builtins.bytes" or "__builtin__.bytes" when items is []: return Array.Empty<byte>();
            case "numpy.core.multiarray.scalar" or "numpy._core.multiarray.scalar": return NumpyScalar.Read(items, reader) ?? Opaque(global.FullName, arguments);
            case "torch._utils._rebuild_tensor" when items is [PickleStorage storage, var offset, var size, var stride]: return Tensor(storage, storage.Type, offset, size, stride);
            case "torch._utils._rebuild_tensor_v2" when items is [PickleStorage storage, var offset, var size, var stride, bool, ..] && items.Length <= 7: return Tensor(storage, storage.Type, offset, size, stride);
            case "torch._utils._rebuild_tensor_v3" when items is [PickleStorage storage, var offset, var size, var stride, bool, _, PickleGlobal type, ..] && items.Length <= 8: return Tensor(storage, TorchTypes.OfDType(type) ?? throw reader.Fault($"the tensor type {Quoted.Text(type.FullName)} is unknown"), offset, size, stride);
            case "torch._utils._rebuild_parameter" or "torch._utils._rebuild_parameter_with_state" or "torch.nn.parameter.Parameter" when items is [PickleTensor tensor, ..]: return tensor;
            case "torch._tensor._rebuild_from_type_v2" when items is [PickleGlobal function, _, PickleTuple inner, ..]: return Construct(function, inner);
            case { } name when name.StartsWith("torch._utils._rebuild_tensor", StringComparison.Ordinal) || name.StartsWith("torch._utils._rebuild_parameter", StringComparison.Ordinal):
                throw reader.Fault($"{Quoted.Text(name)} does not have the arguments that torch.save writes");
            default: return Opaque(global.FullName, arguments);
        }
    }

    /// <summary>The storage that a persistent id names.</summary>
    public object? Persistent(object? id)
    {
        if (id is PickleTuple { Items: ["module", var type, ..] })
        {
            PickledModule ??= (type as PickleGlobal)?.FullName ?? "of unknown class";
            return type;
        }

        if (id is not PickleTuple { Items: ["storage", PickleGlobal global, string key, _, long count, ..] items } || items.Length > 6) throw reader.Fault("a storage is not named as torch.save does");
        var element = TorchTypes.OfStorage(global) ?? throw reader.Fault($"the storage type {Quoted.Text(global.FullName)} is unknown");
        if (count < 0 || count > long.MaxValue / 16) throw new CheckpointException(reader.Path, $"the storage would hold {count} elements. The file is damaged: fetch it again.", $"storage {key}", reader.Position);
        if (!storages.TryGetValue(key, out var storage))
        {
            if (storages.Count == Limits.Entries) throw reader.Fault($"the pickle names more than {Limits.Entries} storages");
            reader.Charge(192);
            storages.Add(key, storage = new PickleStorage(key, element, count));
        }
        else if (storage.Type != element || storage.Count != count)
        {
            throw new CheckpointException(reader.Path, $"the storage is once {storage.Count} elements of {storage.Type.Name}, once {count} of {element.Name}. The file is damaged: fetch it again.", $"storage {key}", reader.Position);
        }

        return items.Length == 5 || items[5] is null ? storage : View(storage, items[5]);
    }

    // Up to PyTorch 0.4 a storage could be a part of another one: (key, first element, elements).
    private PickleStorage View(PickleStorage whole, object? view)
    {
        if (view is not PickleTuple { Items: [string key, long start, long count] } || start < 0 || count < 0 || start > whole.Count || count > whole.Count - start)
            throw new CheckpointException(reader.Path, "a view of the storage lies outside of it. The file is damaged: fetch it again.", $"storage {whole.Key}", reader.Position);
        if (views.TryGetValue((whole.Key, key), out var known))
            return known.Start == start && known.Count == count ? known : throw reader.Fault($"the storage view {Quoted.Text(key)} is described in two ways");
        reader.Charge(256);
        return views[(whole.Key, key)] = new PickleStorage(whole.Key, whole.Type, count) { Start = start, Whole = whole };
    }

    private PickleTensor Tensor(PickleStorage storage, ElementType type, object? offset, object? size, object? stride)
    {
        if (offset is not long first || first < 0 || Numbers(size) is not { } shape || Numbers(stride) is not { } strides || shape.Length != strides.Length)
            throw Bad(storage, "a tensor's offset, shape or strides are not whole numbers from 0, or too many");
        var count = ElementType.Count(shape) ?? throw Bad(storage, $"a tensor's shape [{string.Join(", ", shape)}] is too large");
        var available = storage.Bytes / type.Bytes;
        long last = first;
        for (var i = 0; i < shape.Length; i++) last = (long)Int128.Min(long.MaxValue, last + (Int128)Math.Max(0, shape[i] - 1) * strides[i]);
        if (count == 0 ? first > available : last >= available)
            throw Bad(storage, $"a tensor of shape [{string.Join(", ", shape)}], strides [{string.Join(", ", strides)}] and offset {first} reaches element {last} of a storage of {available}");
        if (count > long.MaxValue / 16 || (count * type.Bytes > Limits.FreeExpansion && count / Limits.Expansion > available))
            throw Bad(storage, $"a tensor of shape [{string.Join(", ", shape)}] repeats a storage of {available} elements more than {Limits.Expansion} times");
        reader.Charge(112 + 16L * shape.Length);
        return new PickleTensor(storage, type, first, shape, strides);
    }

    private static long[]? Numbers(object? value)
    {
        IReadOnlyList<object?>? items = value switch { PickleTuple tuple => tuple.Items, PickleList list => list.Items, _ => null };
        return items is null || items.Count > Limits.Rank || items.Any(item => item is not long number || number < 0) ? null : [.. items.Select(item => (long)item!)];
    }

    private PickleDict Dict(string typeName, object?[] items, int from)
    {
        reader.Charge(160);
        var dict = new PickleDict(typeName);
        if (items.Length > from + 1) throw reader.Fault($"{Quoted.Text(typeName)} is built from {items.Length} arguments");
        if (items.Length <= from) return dict;
        var pairs = items[from] switch
        {
            PickleDict other => other.Entries,
            PickleList list => list.Items.Select(Pair),
            PickleTuple tuple => tuple.Items.Select(Pair),
            _ => throw reader.Fault($"{Quoted.Text(typeName)} is built from something that holds no pairs"),
        };
        foreach (var (key, value) in pairs)
        {
            reader.Charge(96);
            if (!dict.TryAdd(key, value)) throw reader.Fault($"a dict gets the key {Quoted.Text(key?.ToString() ?? "None")} twice");
        }

        return dict;
    }

    private KeyValuePair<object?, object?> Pair(object? item) => item switch
    {
        PickleTuple { Items: [var key, var value] } => KeyValuePair.Create(key, value),
        PickleList { Items: [var key, var value] } => KeyValuePair.Create(key, value),
        _ => throw reader.Fault("a dict is built from something that is no pair"),
    };

    private PickleList Set(string? name, PickleList? items)
    {
        reader.Charge(96 + 16L * (items?.Items.Count ?? 0));
        var set = new PickleList(name);
        if (items is not null) set.Items.AddRange(items.Items);
        return set;
    }

    private byte[] Latin1(string text)
    {
        reader.Charge(text.Length + 24);
        return Encoding.Latin1.GetBytes(text);
    }

    private PickleOpaque Opaque(string typeName, PickleTuple arguments)
    {
        reader.Charge(128 + (typeName.Length > 1024 ? throw reader.Fault("a call of a call of a call is no checkpoint") : 2 * typeName.Length));
        return new PickleOpaque(typeName, arguments);
    }

    private CheckpointException Bad(PickleStorage storage, string reason) =>
        new(reader.Path, $"{reason}. The file is damaged: fetch it again.", $"storage {storage.Key}", reader.Position);
}
