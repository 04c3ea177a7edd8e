using System.Numerics;
using System.Runtime.InteropServices;

namespace MedPeft.Lora.Checkpoints.Pickle;

/// <summary>Runs the stack machine of Python's pickles, but builds data only: it imports nothing, calls nothing and creates no object of the file's choice.</summary>
/// <remarks>
/// Opcodes: CPython's <c>pickletools</c>, protocols 2 to 5. The text forms of protocols 0 and 1, extension codes and out-of-band buffers are refused;
/// torch.save never wrote them.
/// </remarks>
/// <param name="reader">The bytes.</param>
/// <param name="objects">What PyTorch's own names stand for.</param>
internal sealed class PickleMachine(PickleReader reader, TorchObjects objects)
{
    private static readonly object True = true, False = false;
    private static readonly object[] Small = [.. Enumerable.Range(0, 256).Select(value => (object)(long)value)];
    private readonly List<object?> stack = [];
    private readonly Stack<int> marks = new();
    private readonly Dictionary<int, object?> memo = [];

    /// <summary>Runs to the STOP of one pickle.</summary>
    /// <returns>The value, as <see cref="PickleNode"/> describes.</returns>
    public object? Run()
    {
        if (reader.Byte() != 0x80 || reader.Byte() is < 2 or > 5) throw reader.Fault("this is no pickle of protocol 2 to 5");
        for (var operation = 0; operation < Limits.PickleOperations; operation++)
        {
            var code = reader.Byte();
            if (code == (byte)'.')
            {
                var value = Pop();
                return stack.Count == 0 && marks.Count == 0 ? PickleDepth.Check(value, reader) : throw reader.Fault("the pickle stops with values left over");
            }

            Step(code);
        }

        throw reader.Fault($"the pickle has more than {Limits.PickleOperations} operations");
    }

    private void Step(byte code)
    {
        switch (code)
        {
            // Constants
            case (byte)'N': Push(null); break;
            case 0x88: Push(True); break;
            case 0x89: Push(False); break;
            case (byte)'K': Push(Small[reader.Byte()]); break;
            case (byte)'M': Push(Number(reader.UInt16())); break;
            case (byte)'J': Push(Number(reader.Int32())); break;
            case 0x8a: Push(Long(reader.Length(reader.Byte()))); break;
            case 0x8b: Push(Long(reader.Length32())); break;
            case (byte)'G': Push(Boxed(reader.Double())); break;
            case (byte)'X': Push(reader.Text(reader.Length32())); break;
            case 0x8c: Push(reader.Text(reader.Length(reader.Byte()))); break;
            case 0x8d: Push(reader.Text(reader.Length64())); break;
            case (byte)'T': Push(Python2Text(reader.Length32())); break;
            case (byte)'U': Push(Python2Text(reader.Length(reader.Byte()))); break;
            case (byte)'B': Push(reader.Bytes(reader.Length32())); break;
            case (byte)'C': Push(reader.Bytes(reader.Length(reader.Byte()))); break;
            case 0x8e or 0x96: Push(reader.Bytes(reader.Length64())); break;

            // Containers
            case (byte)'(': Mark(); break;
            case (byte)'0': Pop(); break;
            case (byte)'1': PopMark(); break;
            case (byte)'2': Push(Peek()); break;
            case (byte)')': Push(Tuple([])); break;
            case 0x85: Push(Tuple([Pop()])); break;
            case 0x86: Push(Tuple(PopMany(2))); break;
            case 0x87: Push(Tuple(PopMany(3))); break;
            case (byte)'t': Push(Tuple(PopMark())); break;
            case (byte)']': Push(List(null, [])); break;
            case (byte)'l': Push(List(null, PopMark())); break;
            case (byte)'a': AppendFrom(Top(1)); break;
            case (byte)'e' or 0x90: AppendFrom(TopMark()); break;
            case (byte)'}': Push(Dict([])); break;
            case (byte)'d': Push(Dict(PopMark())); break;
            case (byte)'s': SetFrom(Top(2)); break;
            case (byte)'u': SetFrom(TopMark()); break;
            case 0x8f: Push(List("set", [])); break;
            case 0x91: Push(List("frozenset", PopMark())); break;

            // Memory
            case (byte)'q': Remember(reader.Byte()); break;
            case (byte)'r': Remember(reader.Int32()); break;
            case 0x94: Remember(memo.Count); break;
            case (byte)'h': Push(Recall(reader.Byte())); break;
            case (byte)'j': Push(Recall(reader.Int32())); break;
            case 0x95: reader.Length64(); break;

            // Objects
            case (byte)'c': Push(Global(reader.Line(), reader.Line())); break;
            case 0x93: StackGlobal(); break;
            case (byte)'R' or 0x81: Construct(); break;
            case 0x92: ConstructWithKeywords(); break;
            case (byte)'b': Build(); break;
            case (byte)'Q': Push(objects.Persistent(Pop())); break;
            default: throw reader.Fault($"operation 0x{code:x2} is not one that torch.save writes");
        }
    }

    private void Push(object? value)
    {
        if (stack.Count == Limits.PickleStack) throw reader.Fault($"more than {Limits.PickleStack} values are stacked");
        stack.Add(value);
    }

    private object? Pop()
    {
        if (stack.Count <= Floor) throw reader.Fault("a value is taken from an empty stack");
        var value = stack[^1];
        stack.RemoveAt(stack.Count - 1);
        return value;
    }

    private object? Peek() => stack.Count > Floor ? stack[^1] : throw reader.Fault("a value is needed, but the stack is empty");

    private int Floor => marks.TryPeek(out var mark) ? mark : 0;

    private object?[] PopMany(int count)
    {
        var start = Top(count);
        var values = CollectionsMarshal.AsSpan(stack)[start..].ToArray();
        stack.RemoveRange(start, count);
        return values;
    }

    // Where the uppermost values begin.
    private int Top(int count) => stack.Count - Floor >= count ? stack.Count - count : throw reader.Fault("a value is taken from an empty stack");

    private void Mark()
    {
        if (marks.Count == Limits.PickleDepth) throw reader.Fault($"values lie more than {Limits.PickleDepth} deep in one another");
        marks.Push(stack.Count);
    }

    private int TopMark() => marks.TryPop(out var mark) ? mark : throw reader.Fault("a mark is missing");

    private object?[] PopMark()
    {
        var mark = TopMark();
        return PopMany(stack.Count - mark);
    }

    private object Number(long value)
    {
        if (value is >= 0 and < 256) return Small[value];
        reader.Charge(24);
        return value;
    }

    private object Boxed(double value)
    {
        reader.Charge(24);
        return value;
    }

    private object Long(int length)
    {
        if (length <= 8) return Number(reader.Int(length));
        if (length > 1024) throw reader.Fault($"a whole number of {length} bytes");
        reader.Charge(96 + length);
        var value = new BigInteger(reader.Bytes(length));
        return value >= long.MinValue && value <= long.MaxValue ? Number((long)value) : value;
    }

    private object Python2Text(int length)
    {
        var bytes = reader.Bytes(length);
        if (!System.Text.Unicode.Utf8.IsValid(bytes)) return bytes;
        reader.Charge(2L * length + 24);
        return System.Text.Encoding.UTF8.GetString(bytes);
    }

    private PickleTuple Tuple(object?[] items)
    {
        reader.Charge(56 + 8L * items.Length);
        return new PickleTuple(items);
    }

    private PickleList List(string? typeName, object?[] items)
    {
        reader.Charge(96 + 16L * items.Length);
        var list = new PickleList(typeName);
        list.Items.AddRange(items);
        return list;
    }

    private PickleDict Dict(object?[] pairs)
    {
        reader.Charge(104);
        var dict = new PickleDict();
        SetAll(dict, pairs);
        return dict;
    }

    // Straight from the stack: a list of a million items needs no second million on the way.
    private void AppendFrom(int start)
    {
        var items = CollectionsMarshal.AsSpan(stack)[start..];
        reader.Charge(16L * items.Length);
        switch (Below(start))
        {
            case PickleList list:
                list.Items.AddRange(items);
                break;
            case PickleOpaque other:
                reader.Charge(other.Items is null ? 96 : 0);
                (other.Items ??= new PickleList()).Items.AddRange(items);
                break;
            default:
                throw reader.Fault("items are appended to something that is no list");
        }

        stack.RemoveRange(start, items.Length);
    }

    private void SetFrom(int start)
    {
        var pairs = CollectionsMarshal.AsSpan(stack)[start..];
        switch (Below(start))
        {
            case PickleDict dict:
                SetAll(dict, pairs);
                break;
            case PickleOpaque other:
                reader.Charge(other.Entries is null ? 104 : 0);
                SetAll(other.Entries ??= new PickleDict(), pairs);
                break;
            default:
                throw reader.Fault("entries are set on something that is no dict");
        }

        stack.RemoveRange(start, pairs.Length);
    }

    private object? Below(int start) => start > Floor ? stack[start - 1] : throw reader.Fault("a value is needed, but the stack is empty");

    private void SetAll(PickleDict dict, ReadOnlySpan<object?> pairs)
    {
        if (pairs.Length % 2 != 0) throw reader.Fault("a dict gets a key without a value");
        reader.Charge((dict.Entries.Count == 0 && pairs.Length > 0 ? 256 : 0) + 48L * pairs.Length);
        for (var i = 0; i < pairs.Length; i += 2)
            if (!dict.TryAdd(pairs[i], pairs[i + 1])) throw reader.Fault($"a dict gets the key {Quoted.Text(pairs[i]?.ToString() ?? "None")} twice");
    }

    private void Remember(int index)
    {
        if (index < 0) throw reader.Fault("a value is remembered under a negative number");
        reader.Charge(64);
        memo[index] = Peek();
    }

    private object? Recall(int index) => memo.TryGetValue(index, out var value) ? value : throw reader.Fault($"value {index} is recalled, but was never remembered");

    private PickleGlobal Global(string module, string name)
    {
        reader.Charge(96 + 4L * (module.Length + name.Length));
        return new PickleGlobal(module, name);
    }

    private void StackGlobal()
    {
        if (PopMany(2) is not [string module, string name] || module.Length + name.Length > 1000) throw reader.Fault("the name of a class is no text, or has more than 1000 letters");
        Push(Global(module, name));
    }

    private void Construct()
    {
        if (PopMany(2) is not [var callee, PickleTuple arguments]) throw reader.Fault("an object is built from something that is no tuple");
        Push(objects.Construct(callee, arguments));
    }

    private void ConstructWithKeywords()
    {
        if (PopMany(3) is not [var callee, PickleTuple arguments, PickleDict keywords]) throw reader.Fault("an object is built from something that is no tuple and dict");
        reader.Charge(128);
        Push(objects.Construct(callee, keywords.Entries.Count == 0 ? arguments : Tuple([arguments, keywords])));
    }

    private void Build()
    {
        var state = Pop();
        switch (Peek())
        {
            case PickleDict dict:
                dict.Attributes = state;
                break;
            case PickleOpaque other:
                if (other.State is not null) throw reader.Fault($"the state of {Quoted.Text(other.TypeName)} is set twice");
                other.State = state;
                break;
            case PickleTensor:
                break;
            default:
                throw reader.Fault("a state is set on something that has none");
        }
    }
}
