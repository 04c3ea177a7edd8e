using MedPeft.Lora.Checkpoints.Pickle;

namespace MedPeft.Lora.Checkpoints;

/// <summary>Finds the weights among everything that a training script has saved.</summary>
internal sealed class StateDictView
{
    private static readonly string[] Keys = ["model", "state_dict", "teacher"];
    private static readonly string[] Prefixes = ["module.", "_orig_mod."];
    private readonly string path;
    private long letters = 32 << 20;

    private StateDictView(string path) => this.path = path;

    /// <summary>The tensors by their names, prefixes stripped.</summary>
    public Dictionary<string, PickleTensor> Tensors { get; } = new(StringComparer.Ordinal);

    /// <summary>Where they were found, dotted; empty for the root itself.</summary>
    public string Key { get; private set; } = "";

    /// <summary>The prefix that all names had; empty if there was none.</summary>
    public string Prefix { get; private set; } = "";

    /// <summary>What the list of tensors says about one of them.</summary>
    public static TensorInfo Info(string name, PickleTensor tensor) => new(name, tensor.Type.Torch, tensor.Shape, tensor.Count * tensor.Type.Bytes) { DTypeName = tensor.Type.Name };

    /// <summary>Chooses the state dict: the one asked for, else <c>model</c>, <c>state_dict</c> or <c>teacher</c>, else everything.</summary>
    public static StateDictView Choose(string path, object? root, string? key)
    {
        var view = new StateDictView(path);
        var chosen = key is null ? view.Find(root) : view.Follow(root, key);
        RefuseModule(path, chosen);
        var found = new List<KeyValuePair<string, PickleTensor>>();
        if (chosen is PickleTensor single) found.Add(KeyValuePair.Create("tensor", single));
        else if (chosen is PickleDict dict && HoldsTensors(dict)) found.AddRange(dict.Entries.Where(entry => entry is { Key: string, Value: PickleTensor }).Select(entry => KeyValuePair.Create((string)entry.Key!, (PickleTensor)entry.Value!)));
        else view.Flatten(chosen, found);
        view.Strip(found);
        return view;
    }

    private object? Find(object? root)
    {
        // Two levels at most: {"state_dict": {...}} or {"model": {"state_dict": {...}}}.
        var node = root;
        for (var level = 0; level < 2 && node is PickleDict dict && !HoldsTensors(dict); level++)
        {
            var key = Keys.FirstOrDefault(name => dict.TryGet(name, out var value) && value is PickleDict or PickleOpaque);
            if (key is null) break;
            dict.TryGet(key, out node);
            RefuseModule(path, node);
            Key = Key.Length == 0 ? key : $"{Key}.{key}";
        }

        if (node is PickleDict) return node;
        Key = "";
        return root;
    }

    private object? Follow(object? root, string key)
    {
        var node = new CheckpointValue(root);
        foreach (var part in key.Split('.'))
        {
            if (!node.TryGet(part, out var next))
                throw new CheckpointException(path, $"there is no state dict under this key. The keys there are {Quoted.Some(node.Entries.Select(entry => entry.Key.ToString()), node.Count, 20)}.", key);
            node = next;
        }

        Key = key;
        return node.Raw;
    }

    private static bool HoldsTensors(PickleDict dict) => dict.Entries.Any(entry => entry is { Key: string, Value: PickleTensor });

    private static void RefuseModule(string path, object? value)
    {
        if (value is PickleOpaque { Attributes: { } attributes } opaque && (attributes.TryGet("_modules", out _) || attributes.TryGet("_parameters", out _)))
            throw WholeModule(path, opaque.TypeName);
    }

    /// <summary>The refusal of a whole pickled model.</summary>
    public static CheckpointException WholeModule(string path, string typeName) =>
        new(path, $"it holds a whole pickled model ({Quoted.Bare(typeName)}); to rebuild it, code named by the file would have to run. In Python, load it and save its weights: torch.save(model.state_dict(), \"weights.pth\").");

    // Every container once, however often it is referred to: the tree may share parts and hold itself.
    private void Flatten(object? root, List<KeyValuePair<string, PickleTensor>> found)
    {
        var seen = new HashSet<object>(ReferenceEqualityComparer.Instance);
        var open = new Stack<(string Name, object? Value)>();
        open.Push(("", root));
        while (open.TryPop(out var top))
        {
            if (top.Value is PickleTensor tensor) found.Add(KeyValuePair.Create(top.Name, tensor));
            if (found.Count > Limits.Entries) throw new CheckpointException(path, $"the checkpoint names more than {Limits.Entries} tensors; no checkpoint has so many.");
            if (top.Value is not PickleNode node || !seen.Add(node)) continue;
            var value = new CheckpointValue(node);
            var children = value.Kind is CheckpointValueKind.List or CheckpointValueKind.Tuple
                ? value.Items.Select((item, index) => (Key: (object?)(long)index, Value: item.Raw))
                : value.Entries.Select(entry => (Key: entry.Key.Raw, Value: entry.Value.Raw));
            var start = open.Count;
            foreach (var (key, child) in children)
            {
                // A dotted name is only made where it can lead to a tensor.
                if (child is not (PickleTensor or PickleNode) || key is not (string or long)) continue;
                open.Push((Join(top.Name, key.ToString()!), child));
            }

            Reverse(open, open.Count - start);
        }
    }

    private static void Reverse(Stack<(string Name, object? Value)> stack, int count)
    {
        var last = new (string Name, object? Value)[count];
        for (var i = 0; i < count; i++) last[i] = stack.Pop();
        foreach (var item in last) stack.Push(item);
    }

    private string Join(string parent, string key)
    {
        Spend(parent.Length + key.Length + 32);
        return parent.Length == 0 ? key : $"{parent}.{key}";
    }

    private void Strip(List<KeyValuePair<string, PickleTensor>> found)
    {
        while (found.Count > 0 && Array.Find(Prefixes, prefix => found.All(pair => pair.Key.Length > Prefix.Length + prefix.Length
            && pair.Key.AsSpan(Prefix.Length).StartsWith(prefix, StringComparison.Ordinal))) is { } common)
            Prefix += common;
        foreach (var (name, tensor) in found)
        {
            if (Prefix.Length > 0) Spend(name.Length + 32);
            if (!Tensors.TryAdd(name[Prefix.Length..], tensor))
                throw new CheckpointException(path, "two tensors of the checkpoint have this name. Save one state dict in Python: torch.save(model.state_dict(), \"weights.pth\").", name);
        }
    }

    private void Spend(int count)
    {
        if ((letters -= 2L * count) < 0) throw new CheckpointException(path, "the names of the tensors take more memory than those of any checkpoint. Do not use this file.");
    }
}
