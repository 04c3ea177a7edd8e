using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using static TorchSharp.torch;

namespace MedPeft.Lora.Checkpoints;

/// <summary>Lays out and writes a safetensors file as the reference does: large types first, then by name, the header padded to 8 bytes.</summary>
internal sealed class SafetensorsWriter
{
    private readonly List<(string Name, Tensor Tensor)> tensors = [];
    private readonly byte[] header;

    /// <summary>Checks the tensors and composes the header.</summary>
    public SafetensorsWriter(IEnumerable<KeyValuePair<string, Tensor>> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var entries = new List<(ElementType Type, byte[] Key, string Name, Tensor Tensor)>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (name, tensor) in tensors)
        {
            if (name == "__metadata__") throw new ArgumentException("A tensor cannot be named '__metadata__': safetensors keeps its text there.", nameof(tensors));
            if (!names.Add(name)) throw new ArgumentException($"The name {Quoted.Text(name)} appears twice; each tensor needs its own.", nameof(tensors));
            var type = ElementType.Of(tensor.dtype)
                ?? throw new ArgumentException($"Tensor {Quoted.Text(name)} is {tensor.dtype}, for which safetensors has no type. Convert it before.", nameof(tensors));
            entries.Add((type, Utf8(name), name, tensor));
        }

        // The reference compares names by their UTF-8 bytes; .NET's ordinal order differs beyond the basic plane.
        var rank = ElementType.All.Select((type, index) => (type, index)).ToDictionary(pair => pair.type, pair => pair.index);
        entries.Sort((left, right) => left.Type != right.Type ? rank[right.Type].CompareTo(rank[left.Type]) : left.Key.AsSpan().SequenceCompareTo(right.Key));
        this.tensors.AddRange(entries.Select(entry => (entry.Name, entry.Tensor)));
        header = Utf8(Header(entries.Select(entry => (entry.Name, entry.Type, entry.Tensor)), metadata));
    }

    /// <summary>Writes the whole file.</summary>
    public void Write(Stream stream)
    {
        var padding = (8 - header.Length % 8) % 8;
        var prefix = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(prefix, header.Length + padding);
        stream.Write(prefix);
        stream.Write(header);
        for (var i = 0; i < padding; i++) stream.WriteByte((byte)' ');

        using var none = no_grad();
        foreach (var (_, tensor) in tensors)
        {
            using var scope = NewDisposeScope();
            var plain = tensor.detach().cpu().contiguous();
            foreach (var piece in TensorBytes.Pieces(plain))
                using (piece)
                    stream.Write(piece.bytes);
        }
    }

    private static string Header(IEnumerable<(string Name, ElementType Type, Tensor Tensor)> entries, IReadOnlyDictionary<string, string>? metadata)
    {
        var json = new StringBuilder("{");
        if (metadata is not null)
        {
            json.Append("\"__metadata__\":{");
            var pairs = metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{Json(pair.Key)}:{Json(pair.Value)}");
            json.AppendJoin(',', pairs).Append('}');
        }

        long offset = 0;
        foreach (var (name, type, tensor) in entries)
        {
            var end = offset + tensor.numel() * type.Bytes;
            if (json.Length > 1) json.Append(',');
            json.Append(CultureInfo.InvariantCulture, $"{Json(name)}:{{\"dtype\":\"{type.Name}\",\"shape\":[{string.Join(",", tensor.shape)}],\"data_offsets\":[{offset},{end}]}}");
            offset = end;
        }

        return json.Append('}').ToString();
    }

    // serde_json's form: only what JSON demands is escaped, in lower-case hex.
    private static string Json(string text)
    {
        var json = new StringBuilder(text.Length + 2).Append('"');
        foreach (var c in text)
        {
            _ = c switch
            {
                '"' => json.Append("\\\""),
                '\\' => json.Append("\\\\"),
                '\b' => json.Append("\\b"),
                '\f' => json.Append("\\f"),
                '\n' => json.Append("\\n"),
                '\r' => json.Append("\\r"),
                '\t' => json.Append("\\t"),
                < ' ' => json.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => json.Append(c),
            };
        }

        return json.Append('"').ToString();
    }

    private static byte[] Utf8(string text)
    {
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetBytes(text);
        }
        catch (EncoderFallbackException error)
        {
            throw new ArgumentException($"{Quoted.Text(text)} is no valid Unicode text.", nameof(text), error);
        }
    }
}
